//go:build unix

package cli_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestTerminal_Looks runs what draws bars at a terminal of 80 columns, with and
// without colours.
func TestTerminal_Looks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newClusterProcess(t)
	for _, args := range [][]string{{"rules"}, {"scatter", "--count", "1000"}, {"demo"}} {
		plain := c.shows("NO_COLOR=1", args...)
		if strings.Contains(plain, "\x1b[3") || strings.Contains(plain, "\x1b[1m") {
			t.Errorf("dht %v colours in spite of NO_COLOR: %q", args, plain)
		}
		if coloured := c.shows("NO_COLOR=", args...); !strings.Contains(coloured, "\x1b[32m█") {
			t.Errorf("dht %v has no green bar at a terminal: %q", args, coloured)
		}
		table, _, _ := strings.Cut(plain[strings.Index(plain, "NODE "):], "\r\n\r\n")
		if strings.Count(table, "█") < 10 || strings.Count(table, "\n") != 3 {
			t.Errorf("dht %v draws\n%s", args, table)
		}
		for line := range strings.Lines(table) {
			if width := utf8.RuneCountInString(strings.TrimRight(line, "\r\n")); width > 80 {
				t.Errorf("dht %v: a line of %d columns: %s", args, width, line)
			}
		}
	}
}

// TestTerminal_Logs holds that a node at a terminal logs for people.
func TestTerminal_Logs(t *testing.T) {
	if testing.Short() {
		t.Skip("needs another program")
	}
	w := newWorkplace(t)
	node := w.at("NO_COLOR=1", "node", "linux")
	node.expect("ready")
	node.types("\x03")
	node.ends(0)
	if !regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d INF ready node=linux rule="md5 % 2 == 0" data=\S+/linux`).MatchString(node.all) {
		t.Errorf("it logs %q", node.all)
	}
}

// shows is what a command prints at a terminal.
func (w *workplace) shows(env string, args ...string) string {
	w.t.Helper()
	s := w.at(env, args...)
	s.ends(0)
	return s.all
}

// TestTerminal_Values holds that a value is shown to a person, not obeyed by the
// terminal; a pipe gets its bytes.
func TestTerminal_Values(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newClusterProcess(t)
	const value = "one\n\ttwo\x1b]0;title\a\xff\r\n"
	c.dht("put", "odd", value)
	if got := c.shows("NO_COLOR=1", "get", "odd"); !strings.Contains(got, "one\r\n\ttwo\\x1b]0;title\\a\\xff\\r\r\n\r\n") || strings.Contains(got, "\x1b") {
		t.Errorf("it shows %q", got)
	}
	if got := c.dht("get", "odd"); got != value {
		t.Errorf("a pipe gets %q", got)
	}
	c.dht("put", "even", "one\n\ttwo")
	if got := c.shows("NO_COLOR=1", "get", "even"); got != "one\r\n\ttwo\r\n" {
		t.Errorf("it shows %q", got)
	}
}

// TestTerminal_Dump holds that lines are not mixed with how many there were.
func TestTerminal_Dump(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newClusterProcess(t)
	c.dht("put", "a", "1")
	c.dht("put", "b", "2")
	got := c.shows("NO_COLOR=1", "dump")
	if lines := strings.Split(got, "\r\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], "{") ||
		!strings.HasPrefix(lines[1], "{") {
		t.Errorf("it shows %q", got)
	}
}

// TestTerminal_PutWaitsForNobody holds that a put without a value says what to
// do, and never takes nothing for a value.
func TestTerminal_PutWaitsForNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newClusterProcess(t)
	c.dht("put", "k", "kept")
	for _, flag := range []string{"--json", "-q"} {
		s := c.at("NO_COLOR=1", "put", "k", flag)
		s.ends(2)
		if !strings.Contains(s.all, "write the value after the key") {
			t.Errorf("put k %s says %q", flag, s.all)
		}
	}
	s := c.at("NO_COLOR=1", "put", "k")
	s.expect("reading the value from the terminal; Ctrl-D ends it")
	s.types("\x04")
	s.ends(2)
	if got := c.dht("get", "k"); got != "kept" {
		t.Errorf("k is %q", got)
	}
}

// TestTerminal_DeleteAsks holds that a prefix is deleted only by a yes.
func TestTerminal_DeleteAsks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newClusterProcess(t)
	c.dht("put", "user/a", "1")
	c.dht("put", "user/b", "2")
	for answer, status := range map[string]int{"\r": 4, "n\r": 4, "\x04": 4, "yes, but\r": 4} {
		s := c.at("NO_COLOR=1", "delete", "--prefix", "user/")
		s.expect("delete 2 keys, from user/a to user/b? [y/N]")
		s.types(answer)
		s.ends(status)
	}
	if got := c.dht("get", "user/a"); got != "1" {
		t.Errorf("it is %q", got)
	}
	s := c.at("NO_COLOR=1", "delete", "--prefix", "user/")
	s.expect("[y/N]")
	s.types("\x03")
	s.ends(130)
	s = c.at("NO_COLOR=1", "delete", "--prefix", "user/")
	s.expect("[y/N]")
	s.types("Y\r")
	s.ends(0)
	if got := c.dht("keys"); got != "" {
		t.Errorf("there is still %s", got)
	}
}
