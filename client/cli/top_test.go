//go:build unix

package cli_test

import (
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestTop holds a real dht top at a real terminal to what shows only there: it
// draws, a node that is killed strikes, a new size is taken, and the terminal is
// given back. A terminal is told only of what changes.
func TestTop(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newClusterProcess(t)
	c.dht("put", "greeting", "hello")
	s := c.at("TERM=xterm-256color", "top", "--every", "200ms")
	s.expect("\x1b[?1049h", "epoch 1", "3 of 3 nodes up", "All is well.", "NODE", "linux", "md5 % 2 == 0", "android",
		"── ")
	c.kill("mac")
	s.expect("\x1b[31m", "what only it keeps is offline.", "down for")
	s.types("/mac\r")
	s.expect("(1 of 3)")
	if err := pty.Setsize(s.tty, &pty.Winsize{Rows: 30, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	s.expect("2 of 3 nodes up", "mac is down: what only it keeps is offline.", "NODE", "sha1 % 3 == 0", "down for")
	s.types("q")
	s.ends(0)
	for _, restored := range []string{"\x1b[?1049l", "\x1b[?25h"} { // the screen before, the cursor
		if !strings.Contains(s.all, restored) {
			t.Errorf("no %q in %q", restored, s.all)
		}
	}
}

func TestTop_NobodyAnswers(t *testing.T) {
	w := newWorkplace(t)
	s := w.at("NO_COLOR=yes", "top", "--every", "200ms")
	s.expect("Trying again: no answer from any NATS server")
	s.types("\x03")
	s.ends(0)
	if strings.Contains(s.all, "\x1b[31m") {
		t.Errorf("colours in spite of NO_COLOR: %q", s.all)
	}
}

func TestTop_WithoutTerminal(t *testing.T) {
	w := newWorkplace(t)
	for _, args := range [][]string{{"top"}, {"top", "--json"}} {
		cmd := w.command(args...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(out), "dht status --json") {
			t.Errorf("%v: exit status %d, %s", args, code, out)
		}
	}
}

// kill ends a node without a word.
func (c *clusterProcess) kill(node string) {
	c.t.Helper()
	cmd := c.nodes[node]
	delete(c.nodes, node)
	if err := cmd.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	_ = cmd.Wait()
}
