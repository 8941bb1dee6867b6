// Package goclients holds what go-redis and rueidis get from nodes to what they
// should get. The nodes are processes, with neither bus nor page: DHT_BINARY, or
// what `go build` makes of the tree around.
package goclients

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// binary is the program under test.
var binary = os.Getenv("DHT_BINARY")

func TestMain(m *testing.M) {
	status, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func testMain(m *testing.M) (status int, err error) {
	if binary != "" {
		return m.Run(), nil
	}
	folder, err := os.MkdirTemp("", "dht-go-clients-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "dht")
	if out, err := exec.Command("go", "build", "-C", "../..", "-o", binary, ".").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build dht: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// rules say who owns what: linux keeps l1, mac m1, android a1.
var rules = []struct{ node, rule string }{{"linux", `prefix "l"`}, {"mac", `prefix "m"`}, {"android", "otherwise"}}

// nodes are three that run until the test is over.
type nodes struct {
	addresses map[string]string
	stops     map[string]func()
}

func (n *nodes) addr(node string) string { return n.addresses[node] }

// stop ends a node, and returns when it is gone.
func (n *nodes) stop(node string) { n.stops[node]() }

func start(tb testing.TB) *nodes {
	tb.Helper()
	folder := tb.TempDir()
	n := &nodes{freeAddresses(tb), map[string]func(){}}
	file := filepath.Join(folder, "three.toml")
	text := "name = \"three\"\nepoch = 1\n"
	for _, r := range rules {
		text += fmt.Sprintf("[[node]]\nname = %q\nrule = '%s'\ntcp = %q\nbus = \"127.0.0.1:0\"\ndata = %q\n",
			r.node, r.rule, n.addr(r.node), r.node)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	for _, r := range rules {
		n.stops[r.node] = run(tb, exec.Command(binary, "-c", file, "node", r.node, "--no-bus"))
	}
	for _, r := range rules {
		waitFor(tb, n.addr(r.node))
	}
	return n
}

// run starts a command; the returned function ends it, once.
func run(tb testing.TB, cmd *exec.Cmd) (stop func()) {
	tb.Helper()
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	tb.Cleanup(func() {
		if stop(); tb.Failed() {
			tb.Logf("%s:\n%s", strings.Join(cmd.Args, " "), log.String())
		}
	})
	return stop
}

// freeAddresses are some that nobody listens on.
func freeAddresses(tb testing.TB) map[string]string {
	tb.Helper()
	addresses := map[string]string{}
	for _, r := range rules {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		defer l.Close()
		addresses[r.node] = l.Addr().String()
	}
	return addresses
}

// waitFor returns when something listens at addr.
func waitFor(tb testing.TB, addr string) {
	tb.Helper()
	enough := time.Now().Add(time.Minute)
	for again := time.Tick(20 * time.Millisecond); ; <-again {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(enough) {
			tb.Fatal(err)
		}
	}
}
