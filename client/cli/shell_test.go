//go:build unix

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestShell holds a real dht shell at a real terminal to what a person expects of
// a prompt.
func TestShell(t *testing.T) {
	c := newClusterProcess(t)
	c.dht("put", "greeting", "hello")
	c.dht("put", "greek fire", "hot")

	began := time.Now()
	s := c.shell("three: 3 nodes, all up.  Type help")
	t.Logf("prompt after %v", time.Since(began))

	s.editsLines()
	s.types("put secret topsecret\r") // its value is not kept
	s.expect("stored on", "three> ")
	s.types(" get secret\r") // begins with a blank: not kept
	s.expect("topsecret", "three> ")
	s.types("monitor\r")
	s.expect("watching dht.>")
	s.types("\x03") // ends the command, not the shell
	s.expect("three> ")
	s.types("exlpain greeting\r")
	s.expect(`unknown command "exlpain": did you mean explain?`, "three> ")
	s.types("\x04") // Ctrl-D
	s.ends(0)
	c.holdsHistory("explain greeting\nget 'greek fire'\nkeys --node mac\nget 'greek fire'\nexplain greeting\nput secret\nmonitor\n")

	s = c.shell("all up")
	s.types("\x1b[A\x1b[A") // of the shell before
	s.expect("put secret")
	s.types("\x15") // Ctrl-U
	c.stop("linux")
	s.types("status --timeout 500ms\r")
	s.expect("down", "three> ")
	s.types("get greeting\r") // android's
	s.expect("hello\r\n", "three> ")
	s.types("exit\r")
	s.ends(0)

	s = c.shell("3 nodes, no answer from linux")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.ends(130)
}

// editsLines completes and brings back lines with the keys that a person uses.
func (s *terminal) editsLines() {
	s.t.Helper()
	s.types("exp\t") // verbs
	s.expect("explain ")
	s.types("greeti")
	s.completes("explain greeting ") // keys
	s.types("\r")
	s.expect("The key greeting has these hashes")
	s.expect("three> ")
	s.types("get gr")
	s.completes("get 'gree") // what they have in common
	s.types("\t")            // all
	s.expect("'greek fire'", "'greeting'")
	s.types("\x03") // Ctrl-C drops the line
	s.expect("^C", "three> ")
	s.types("get 'greek")
	s.completes("get 'greek fire' ")
	s.types("\r")
	s.expect("hot\r\n", "three> ")
	s.types("keys --no\t") // flags
	s.expect("keys --node ")
	s.types("ma")
	s.completes("keys --node mac ") // nodes
	s.types("\r")
	s.expect("three> ")
	s.types("\x1b[A\x1b[A\r") // up, up
	s.expect("hot\r\n", "three> ")
	s.types("\x12explain\r") // Ctrl-R
	s.expect("The key greeting has these hashes", "three> ")
}

// TestShell_OverTCP runs a script through one node, with no bus to go over.
func TestShell_OverTCP(t *testing.T) {
	c := newClusterProcess(t)
	cmd := c.command("--tcp", c.ports.Replace("127.0.0.1:7402"), "-s", "nats://127.0.0.1:1", "shell")
	cmd.Stdin = strings.NewReader("put greeting hello\nget greeting\nkeys android\nget nothing\nget greeting -s nats://127.0.0.1:1 --tcp 127.0.0.1:1\n")
	out, _ := cmd.CombinedOutput()
	if want := "stored on android\nhello\nandroid\tgreeting\t5\ndht: line 4: key not found\ndht: line 5: no answer from"; !strings.HasPrefix(string(out), want) || cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("exit status %d, %s", cmd.ProcessState.ExitCode(), out)
	}
}

// workplace is a folder with dht in it, a cluster file on free ports, and an
// environment that keeps everything else there too.
type workplace struct {
	t      *testing.T
	folder string
	env    []string
	ports  *strings.Replacer // the built-in file's ports by this test's
}

func newWorkplace(t *testing.T) *workplace {
	t.Helper()
	folder := t.TempDir()
	config, ports := clusterFile(t, folder)
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(folder, "dht"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return &workplace{t, folder, append(os.Environ(), "DHT_CONFIG="+config,
		"PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"),
		"XDG_DATA_HOME="+filepath.Join(folder, "data"), "XDG_STATE_HOME="+filepath.Join(folder, "state"),
		"TERM=xterm", "NO_COLOR=", "GORACE=atexit_sleep_ms=0"), ports}
}

func (w *workplace) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(w.folder, "dht"), args...)
	cmd.Dir, cmd.Env = w.folder, w.env
	return cmd
}

func (w *workplace) dht(args ...string) string {
	w.t.Helper()
	out, err := w.command(args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("dht %v: %v: %s", args, err, out)
	}
	return string(out)
}

// ready waits until all three nodes are up.
func (w *workplace) ready() {
	w.t.Helper()
	for limit := time.Now().Add(30 * time.Second); ; {
		out, _ := w.command("status", "--json", "--timeout", "500ms").Output()
		if strings.Count(string(out), `"up":true`) == 3 {
			return
		}
		if time.Now().After(limit) {
			w.t.Fatalf("not ready: %s", out)
		}
	}
}

// clusterProcess is three nodes, a process each.
type clusterProcess struct {
	*workplace
	nodes map[string]*exec.Cmd
}

func newClusterProcess(t *testing.T) *clusterProcess {
	t.Helper()
	c := &clusterProcess{newWorkplace(t), map[string]*exec.Cmd{}}
	for _, name := range []string{"linux", "mac", "android"} {
		c.nodes[name] = c.command("node", name)
		if err := c.nodes[name].Start(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for name := range c.nodes {
			c.stop(name)
		}
	})
	c.ready()
	return c
}

func (c *clusterProcess) stop(node string) {
	cmd := c.nodes[node]
	delete(c.nodes, node)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		c.t.Errorf("node %s: %v", node, err)
	}
}

func (c *clusterProcess) holdsHistory(want string) {
	c.t.Helper()
	path := filepath.Join(c.folder, "state", "dht", "history")
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		c.t.Errorf("history is\n%s\n%v, want\n%s", got, err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		c.t.Errorf("history has mode %v, %v", info.Mode(), err)
	}
}

// shell is a dht shell that greets so. On a machine that has much to do it may
// know too little when it greets.
func (c *clusterProcess) shell(greeting string) *terminal {
	c.t.Helper()
	for limit := time.Now().Add(30 * time.Second); ; {
		s := c.at("NO_COLOR=1", "shell")
		s.expect("Type help", "> ")
		if strings.Contains(s.all, greeting) {
			return s
		}
		s.types(" exit\r") // begins with a blank: not kept
		s.ends(0)
		if time.Now().After(limit) {
			c.t.Fatalf("it greets %q, want %q", s.all, greeting)
		}
	}
}

// terminal is a program at a pseudo-terminal of 80 columns.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	tty    *os.File
	output chan string
	shown  string // since what was expected last
	all    string
}

// at starts a command at a terminal.
func (w *workplace) at(env string, args ...string) *terminal {
	w.t.Helper()
	s := &terminal{t: w.t, cmd: w.command(args...), output: make(chan string)}
	s.cmd.Env = append(w.env, env)
	var err error
	if s.tty, err = pty.StartWithSize(s.cmd, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		defer close(s.output)
		for buffer := make([]byte, 4096); ; {
			n, err := s.tty.Read(buffer)
			if err != nil { // the program has ended
				return
			}
			s.output <- string(buffer[:n])
		}
	}()
	return s
}

func (s *terminal) types(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// completes presses Tab until text is shown: it offers nothing when nodes take
// too long to answer, as they may on a machine that is busy.
func (s *terminal) completes(text string) {
	s.t.Helper()
	for range 20 {
		s.types("\t")
		if s.shows(text, time.After(time.Second)) {
			return
		}
	}
	s.t.Fatalf("not completed to %q: %q", text, s.shown)
}

// expect waits until each text is shown, in this order.
func (s *terminal) expect(texts ...string) {
	s.t.Helper()
	limit := time.After(20 * time.Second)
	for _, text := range texts {
		if !s.shows(text, limit) {
			s.t.Fatalf("no %q in %q", text, s.shown)
		}
	}
}

// shows reports whether text is shown before limit.
func (s *terminal) shows(text string, limit <-chan time.Time) bool {
	s.t.Helper()
	for !strings.Contains(s.shown, text) {
		select {
		case more, ok := <-s.output:
			if !ok {
				s.t.Fatalf("it ended, without %q: %q", text, s.shown)
			}
			s.shown += more
			s.all += more
		case <-limit:
			return false
		}
	}
	s.shown = s.shown[strings.Index(s.shown, text)+len(text):]
	return true
}

func (s *terminal) ends(status int) {
	s.t.Helper()
	for more := range s.output {
		s.all += more
	}
	_ = s.cmd.Wait()
	s.tty.Close()
	if got := s.cmd.ProcessState.ExitCode(); got != status {
		s.t.Errorf("exit status %d, want %d: %q", got, status, s.all)
	}
}
