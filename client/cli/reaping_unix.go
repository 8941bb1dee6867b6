//go:build unix

package cli

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// reaping runs this command line once more, as a child, and takes the part of the
// first process of a container: it hands signals on, reaps the orphans that the
// system gives it, and ends as the child does. The child alone waits for the
// processes that it started, so that nobody takes their status from it.
func reaping() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	child, err := os.StartProcess(self, os.Args, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Setpgid: true}, // a terminal's interrupt comes once, from here
	})
	if err != nil {
		return fmt.Errorf("start this program once more: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- reap(child.Pid) }()
	for {
		select {
		case s := <-signals:
			_ = child.Signal(s)
		case err := <-ended:
			return err
		}
	}
}

// reap takes the status of every process that ends, until the one called pid has.
func reap(pid int) error {
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("wait for process %d: %w", pid, err)
		case ended != pid:
		case status.Signaled():
			return reported{exited(128 + int(status.Signal()))}
		case status.ExitStatus() != exitDone:
			return reported{exited(status.ExitStatus())}
		default:
			return nil
		}
	}
}
