//go:build unix

package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestForeman runs the repository's Procfile under Debian's foreman.
func TestForeman(t *testing.T) {
	if testing.Short() {
		t.Skip("needs other programs")
	}
	foreman, err := exec.LookPath("foreman")
	if err != nil {
		t.Fatal("foreman is not installed: apt-get install ruby-foreman")
	}
	w := newWorkplace(t)
	if err := os.Symlink(repository(t, "Procfile"), filepath.Join(w.folder, "Procfile")); err != nil {
		t.Fatal(err)
	}
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(foreman, "start", "--port", strconv.Itoa(ports[0]))
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.folder, w.env, &out, &out
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill() // when the test fails before its end
	w.ready()
	w.dht("put", "greeting", "hello")
	if got := w.dht("get", "greeting"); got != "hello" {
		t.Errorf("get greeting: %q", got)
	}
	if conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", ports[0])); err == nil {
		conn.Close()
		t.Error("a node listens on foreman's PORT")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("foreman: %v", err)
	}
	if n := strings.Count(out.String(), "exited with code 0"); n != 3 || strings.Contains(out.String(), "SIGKILL") {
		t.Errorf("%d nodes ended well: %s", n, &out)
	}
	allGone(t, out.String())
}

// allGone holds that no process that foreman started is left.
func allGone(t *testing.T, log string) {
	t.Helper()
	started := regexp.MustCompile(`started with pid (\d+)`).FindAllStringSubmatch(log, -1)
	if len(started) != 3 {
		t.Errorf("foreman started %d processes: %s", len(started), log)
	}
	for _, line := range started {
		pid, err := strconv.Atoi(line[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is still there: %v", pid, err)
		}
	}
}
