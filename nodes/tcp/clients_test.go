package tcp_test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The programs that come with Redis, as they connect by default; .ci/go-clients,
// .ci/node-clients and .ci/redis-py have the libraries.

// A client that sends a transaction hears that there are none, nothing is done, and
// it can go on.
func TestClients_Transactions(t *testing.T) {
	if testing.Short() {
		t.Skip("needs another program")
	}
	s := cluster(t)
	if got := run(t, "MULTI\nSET l1 x\nEXEC\nGET l1\n", "redis-cli", s.addr("mac")); strings.Count(got, "not supported") != 3 || strings.Contains(got, "x\n") {
		t.Errorf("redis-cli prints %q", got)
	}
}

// run runs a program of redis-tools against a node.
func run(t *testing.T, stdin, program, addr string, args ...string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"-p", port}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, args, err, out)
	}
	return string(out)
}

func TestClients_RedisCLI(t *testing.T) {
	if testing.Short() {
		t.Skip("needs another program")
	}
	s := cluster(t)
	cli := func(args ...string) string { return run(t, "", "redis-cli", s.addr("linux"), args...) }
	for _, step := range []struct{ args, want string }{
		{"SET m1 hello", "OK\n"},
		{"GET m1", "hello\n"},
		{"GET nothing", "\n"},
		{"-3 GET m1", "hello\n"},
		{"--json MGET m1 nothing", `["hello",null]` + "\n"},
		{"-n 0 INCR a1", "1\n"},
		{"EXISTS m1 a1 nothing", "2\n"},
	} {
		if got := cli(strings.Fields(step.args)...); got != step.want {
			t.Errorf("redis-cli %s prints %q, want %q", step.args, got, step.want)
		}
	}
	if got := run(t, "SET l1 x\nGET l1\nCOMMAND DOCS\nQUIT\n", "redis-cli", s.addr("mac")); !strings.HasPrefix(got, "OK\nx\n") {
		t.Errorf("a session prints %q", got)
	}
	var mass strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&mass, "SET l%d %d\r\n", i, i)
	}
	if got := run(t, mass.String(), "redis-cli", s.addr("android"), "--pipe"); !strings.Contains(got, "errors: 0, replies: 1000") {
		t.Errorf("redis-cli --pipe prints %q", got)
	}
	if got := run(t, "", "redis-cli", s.addr("linux"), "--scan", "--pattern", "l99*"); len(strings.Fields(got)) != 11 {
		t.Errorf("redis-cli --scan prints %q", got)
	}
	if got := run(t, "", "redis-cli", s.addr("linux"), "-r", "1", "INFO"); !strings.Contains(got, "dht_node:linux") {
		t.Errorf("INFO is %q", got)
	}
}

func TestClients_RedisBenchmark(t *testing.T) {
	if testing.Short() {
		t.Skip("needs another program")
	}
	s := cluster(t)
	for _, args := range [][]string{{}, {"-P", "16"}, {"--threads", "2"}} {
		out := run(t, "", "redis-benchmark", s.addr("mac"), append([]string{"-t", "ping,set,get,incr,mset", "-n", "2000", "-r", "1000", "-q"}, args...)...)
		for _, name := range []string{"PING_INLINE", "SET", "GET", "INCR", "MSET"} {
			if !strings.Contains(out, name) {
				t.Errorf("redis-benchmark %s did not finish %s:\n%s", args, name, out)
			}
		}
		if strings.Contains(strings.ToLower(out), "error") {
			t.Errorf("redis-benchmark %s complains:\n%s", args, out)
		}
	}
}
