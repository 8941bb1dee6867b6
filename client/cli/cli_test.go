package cli_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"dht/client/cli"
)

// TestMain lets the test binary be dht itself: scripts start it as a process.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"dht": func() { os.Exit(cli.Main()) }})
}

// TestScripts runs every script in its own folder, on its own ports, with the
// cluster file three.toml; see setup for what a script finds.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("needs other programs")
	}
	testscript.Run(t, testscript.Params{
		Dir:   filepath.Join("testdata", "script"),
		Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"ready":   ready,
			"gone":    gone,
			"listens": listens,
			"bytes":   writeBytes,
			"lines":   writeLines,
			"subst":   substitute,
			"during":  during,
			"sees":    sees,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// setup writes three.toml on free ports and makes it the default cluster file;
// $PORT1 … $PORT9 are free too.
func setup(env *testscript.Env) error {
	ports, err := freePorts(9)
	if err != nil {
		return err
	}
	for i, port := range ports {
		env.Setenv(fmt.Sprint("PORT", i+1), strconv.Itoa(port))
	}
	text := "name = \"three\"\nepoch = 1\ncopies = 1\n"
	for i, n := range [][2]string{{"linux", "md5 % 2 == 0"}, {"mac", "sha1 % 3 == 0"}, {"android", "otherwise"}} {
		text += fmt.Sprintf("[[node]]\nname = %q\nrule = %q\nbus = \"127.0.0.1:%d\"\nroute = \"127.0.0.1:%d\"\n", n[0], n[1], ports[i], ports[i+3])
	}
	env.Setenv("DHT_CONFIG", filepath.Join(env.WorkDir, "three.toml"))
	env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, "data"))
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("GORACE", "atexit_sleep_ms=0") // otherwise every race-built process ends a second late
	return os.WriteFile(filepath.Join(env.WorkDir, "three.toml"), []byte(text), 0o600)
}

// lastPort is where freePorts goes on. It begins anywhere, for other test
// processes do the same.
var lastPort atomic.Int64

// freePorts are below those that outgoing connections get, so that a node which
// starts later, or again, finds them free still; no two callers get the same.
func freePorts(n int) (ports []int, err error) {
	const first, many = 10_000, 20_000
	lastPort.CompareAndSwap(0, rand.Int64N(many))
	for tries := 0; len(ports) < n; tries++ {
		port := first + int(lastPort.Add(1)%many)
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		switch {
		case err == nil:
			l.Close()
			ports = append(ports, port)
		case tries == many:
			return nil, err
		}
	}
	return ports, nil
}

// exits STATUS COMMAND… runs a command that must end with the status; stdout and
// stderr can be looked at afterwards.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s: exit status %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// gone KEY waits until a key is not found any more.
func gone(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for ts.Exec("dht", "get", args[0]) == nil {
		if ctx.Err() != nil {
			ts.Fatalf("%s is still there", args[0])
		}
	}
	exits(ts, false, []string{"3", "dht", "get", args[0]})
}

// ready NODE… waits until exactly these nodes are up.
func ready(ts *testscript.TestScript, _ bool, names []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		_ = ts.Exec("dht", "status", "--json", "--timeout", "500ms") // fails with a node down
		out := ts.ReadFile("stdout")
		if strings.Count(out, `"up":true`) != len(names) {
			continue
		}
		all := true
		for _, name := range names {
			all = all && strings.Contains(out, fmt.Sprintf(`{"name":%q,"up":true`, name))
		}
		if all {
			return
		}
	}
	ts.Fatalf("%v did not become ready: %s", names, ts.ReadFile("stdout"))
}

// listens PORT… waits until somebody listens on each.
func listens(ts *testscript.TestScript, _ bool, ports []string) {
	for _, port := range ports {
		for end := time.Now().Add(30 * time.Second); ; {
			conn, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err == nil {
				conn.Close()
				break
			}
			if time.Now().After(end) {
				ts.Fatalf("nobody listens on %s: %v", port, err)
			}
		}
	}
}

// bytes FILE COUNT TEXT writes TEXT over and over, COUNT bytes in all.
func writeBytes(ts *testscript.TestScript, _ bool, args []string) {
	count, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := strings.Repeat(args[2], count/len(args[2])+1)[:count]
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// lines FILE COUNT writes a dictionary line for each of COUNT keys.
func writeLines(ts *testscript.TestScript, _ bool, args []string) {
	count, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, "{\"key\":\"key %d\",\"value\":\"value %d\"}\n", i, i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
}

// subst FILE… replaces $NAME in files by the environment.
func substitute(ts *testscript.TestScript, _ bool, files []string) {
	for _, file := range files {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// during TIME COMMAND… runs a command over and over for that long.
func during(ts *testscript.TestScript, _ bool, args []string) {
	lasting, err := time.ParseDuration(args[0])
	ts.Check(err)
	for end := time.Now().Add(lasting); time.Now().Before(end); {
		ts.Check(ts.Exec(args[1], args[2:]...))
	}
}

// sees FILE PATTERN [COMMAND…] waits until a line of the file, which something
// in the background writes, matches; meanwhile it runs the command over and over.
func sees(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile("(?m)" + args[1])
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); ; <-tick.C {
		text, err := os.ReadFile(ts.MkAbs(args[0])) // not there before the other begins
		if pattern.Match(text) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("no %s in %s, %v", args[1], text, err)
		}
		if len(args) > 2 {
			ts.Check(ts.Exec(args[2], args[3:]...))
		}
	}
}
