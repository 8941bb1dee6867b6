package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) upCommand() *cobra.Command {
	var procfile string
	cmd := &cobra.Command{
		Use:        "up [NAME…]",
		SuggestFor: []string{"start", "run"},
		Short:      "Run the Procfile: every node a process of its own",
		Long: "Run the processes of the Procfile (or, where there is none, every node of the cluster file) until interrupted,\n" +
			"and say what to type next when the nodes are ready. A process that dies leaves the others running. As foreman\n" +
			"does, it reads .env beside the Procfile, and gives each process a PORT: 5000, 5100 …, which nodes do not use.",
		Example: "  dht up\n  dht up linux mac",
		ValidArgsFunction: func(_ *cobra.Command, names []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return a.completeProcess(procfile, names, begun)
		},
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := a.busOnly(cmd); err != nil {
				return err
			}
			list, err := a.processes(procfile, names)
			if err != nil {
				return err
			}
			if os.Getpid() == 1 { // whose orphans somebody has to reap
				return reaping()
			}
			return a.up(cmd.Context(), list)
		},
	}
	cmd.Flags().StringVarP(&procfile, "file", "f", "", "`FILE` to run; without it, ./Procfile")
	return cmd
}

func (a *app) processes(procfile string, names []string) (list []process, err error) {
	if procfile == "" && a.config == "" {
		if _, err := os.Stat("Procfile"); err == nil {
			procfile = "Procfile"
		}
	}
	if procfile != "" {
		list, err = a.procfile(procfile)
	} else {
		list, err = a.everyNode()
	}
	if err != nil {
		return nil, err
	}
	return choose(list, names)
}

// procfile reads a Procfile with the environment beside it, which may name the
// cluster file.
func (a *app) procfile(path string) ([]process, error) {
	env, err := readEnvironment(filepath.Join(filepath.Dir(path), ".env"))
	if err != nil {
		return nil, err
	}
	list, err := readProcfile(path, env)
	if err != nil {
		return nil, err
	}
	if file := env["DHT_CONFIG"]; a.config == "" {
		a.config = file
	}
	_, err = a.load() // one error here, rather than one of each node
	return list, err
}

// everyNode is the Procfile of the cluster file: each node a process of its own.
func (a *app) everyNode() (list []process, err error) {
	config, err := a.load()
	if err != nil {
		return nil, err
	}
	for _, n := range config.Nodes {
		list = append(list, process{name: n.Name, command: "dht node " + n.Name})
	}
	return list, nil
}

// killAfter is how long a process has to end after SIGTERM.
const killAfter = 5 * time.Second

// up runs processes until ctx ends or all have ended. It fails when one did.
func (a *app) up(ctx context.Context, list []process) error {
	env, remove, err := a.environment()
	if err != nil {
		return err
	}
	defer remove()
	began := time.Now()
	running, oneEnded := context.WithCancel(ctx)
	defer oneEnded()
	logs := &prefixer{out: a.err, width: widest(list)}
	failures := make([]error, len(list))
	var wait, announcing sync.WaitGroup
	for i, p := range list {
		wait.Go(func() {
			defer oneEnded()
			failures[i] = a.run(ctx, p, env, logs.writer(i, p.name))
		})
	}
	announcing.Go(func() { a.announceReady(ctx, running, list, began) })
	wait.Wait()
	announcing.Wait()
	failure := errors.Join(failures...)
	if failure != nil && ctx.Err() == nil {
		failure = errors.Join(failure, a.alreadyUp(ctx, list, began))
	}
	return oneLine(failure)
}

// environment puts this binary first on PATH, under the name that Procfiles
// know, asks for lines that people read, and hands the cluster file on.
func (a *app) environment() (env []string, remove func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	folder, remove := filepath.Dir(self), func() {}
	if name := filepath.Base(self); name != "dht" && name != "dht.exe" {
		if folder, err = os.MkdirTemp("", "dht-up-"); err == nil {
			remove = func() { _ = os.RemoveAll(folder) }
			err = os.Symlink(self, filepath.Join(folder, "dht"))
		}
		if err != nil {
			return nil, remove, fmt.Errorf("make dht known to the Procfile: %w", err)
		}
	}
	env = append(os.Environ(), logText, "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	if a.config == "" {
		return env, remove, nil
	}
	config, err := filepath.Abs(a.config)
	if err != nil {
		return nil, remove, fmt.Errorf("find cluster file: %w", err)
	}
	return append(env, "DHT_CONFIG="+config), remove, nil
}

// run runs one process. Its end is no failure when ctx asked for it.
func (a *app) run(ctx context.Context, p process, env []string, out io.WriteCloser) error {
	defer out.Close()
	cmd := systemShell(ctx, p.command)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(slices.Clip(env), p.env...), out, out
	cmd.WaitDelay = killAfter
	err := cmd.Run()
	endGroup(cmd)
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		fmt.Fprintln(out, "ended")
		return nil
	}
	fmt.Fprintf(out, "%s; start it again with: %s\n", a.err.Bad(err.Error()), a.typed(p.command))
	return fmt.Errorf("%s: %w", p.name, err)
}

// typed is how the person at the terminal would write a dht command.
func (a *app) typed(command string) string {
	rest, ours := strings.CutPrefix(command, "dht ")
	if !ours {
		return command
	}
	if a.config != os.Getenv("DHT_CONFIG") {
		rest = "-c " + a.config + " " + rest
	}
	if self, _ := os.Executable(); strings.Contains(self, "go-build") {
		return "go run . " + rest
	}
	return "dht " + rest
}
