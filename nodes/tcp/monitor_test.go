package tcp_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/nodetest"
	"dht/nodes/tcp"
)

// monitor is a client that has said MONITOR.
func monitor(tb testing.TB, addr string) *visitor {
	tb.Helper()
	v := visit(tb, addr)
	v.want("MONITOR", "+OK\r\n")
	return v
}

var shownLine = regexp.MustCompile(`^\+(\d{10,})\.(\d{6}) \[0 (127\.0\.0\.1:\d+)\] (".*")\r\n$`)

// shown is the command of the next line, as it stands there.
func (v *visitor) shown() string {
	v.Helper()
	line := v.reply()
	parts := shownLine.FindStringSubmatch(line)
	if parts == nil {
		v.Fatalf("no line of MONITOR: %q", line)
	}
	return parts[4]
}

func (v *visitor) wantShown(lines ...string) {
	v.Helper()
	for _, want := range lines {
		if got := v.shown(); got != want {
			v.Errorf("MONITOR shows %s, want %s", got, want)
		}
	}
}

// What comes over the bus is shown beside what comes over TCP.
func TestMonitor_ShowsWhatWasHeardElsewhere(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	s := serve(t, c, tcp.Options{})
	s.byName["linux"].Heard("bus", events.OpPut, []events.Request{{Key: []byte("unseen")}}) // nobody monitors
	watcher := monitor(t, s.addr("linux"))
	s.byName["linux"].Heard("bus", events.OpPut, []events.Request{{Key: []byte("l1"), Value: []byte("v\n")}, {Key: []byte("m1")}})
	for _, want := range []string{`[0 bus] "DHT" "put" "l1" "v\n"` + "\r\n", `[0 bus] "DHT" "put" "m1" ""` + "\r\n"} {
		if got := watcher.reply(); !strings.HasSuffix(got, want) {
			t.Errorf("MONITOR shows %q, want %q", got, want)
		}
	}
}

// With -redis ADDR the lines of that Redis become those that are expected.
func TestMonitor_ShowsAsRedis(t *testing.T) {
	script, err := os.ReadFile("testdata/commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	watch := func(addr string) (lines []string) {
		watcher, v := monitor(t, addr), visit(t, addr)
		v.ask("FLUSHALL")
		v.ask("ECHO begin")
		for watcher.shown() != `"ECHO" "begin"` {
		}
		v.replay("2", script)
		v.ask("ECHO end")
		for line := ""; line != `"ECHO" "end"`; lines = append(lines, line) {
			line = watcher.shown()
		}
		return lines
	}
	const golden = "testdata/monitor.txt"
	if *redisAddr != "" {
		if err := os.WriteFile(golden, []byte(strings.Join(watch(*redisAddr), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(file)), "\n")
	got := watch(cluster(t).addr("linux"))
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("line %d: %s\nRedis: %s", i+1, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d lines, Redis %d", len(got), len(want))
	}
}

// What other nodes forward is seen at the owner, an entry a line.
func TestMonitor_WhatPeersForward(t *testing.T) {
	s := cluster(t)
	entry, owner, v := monitor(t, s.addr("mac")), monitor(t, s.addr("linux")), visit(t, s.addr("mac"))
	v.want(`MSET l1 "a\nb" m1 2 l2 3`, "+OK\r\n")
	entry.wantShown(`"MSET" "l1" "a\nb" "m1" "2" "l2" "3"`)
	owner.wantShown(`"DHT" "info"`) // the nodes meet
	owner.wantShown(`"DHT" "put" "l1" "a\nb"`, `"DHT" "put" "l2" "3"`)
	v.want("get l1", "$3\r\na\nb\r\n")
	entry.wantShown(`"get" "l1"`)
	owner.wantShown(`"DHT" "info"`, `"DHT" "get" "l1"`)
	v.want("INCR l2", ":4\r\n")
	v.want("RENAME l2 l3", "+OK\r\n")
	v.want("DEL l3", ":1\r\n")
	owner.wantShown(`"DHT" "update" "add" "l2" "1"`, `"DHT" "update" "rename" "l2" "l3"`, `"DHT" "delete" "l3"`)
	entry.wantShown(`"INCR" "l2"`, `"RENAME" "l2" "l3"`, `"DEL" "l3"`)
	v.ask(`DHT NODE linux get '{"key":"l1"}'`)
	v.ask(`DHT NODE linux keys '{"prefix":"x"}'`)
	v.ask("DHT NODE linux get nonsense")
	v.ask("DHT NODE linux info")
	v.ask("DHT info")
	entry.wantShown(`"DHT" "NODE" "linux" "get" "l1"`, `"DHT" "NODE" "linux" "keys" "x"`, `"DHT" "NODE" "linux" "get" "(unreadable)"`,
		`"DHT" "NODE" "linux" "info"`, `"DHT" "info"`)
	owner.wantShown(`"DHT" "get" "l1"`, `"DHT" "keys" "x"`, `"DHT" "get" "(unreadable)"`, `"DHT" "info"`)
}

func TestMonitor_CutsWhatIsLong(t *testing.T) {
	s := cluster(t)
	watcher, v := monitor(t, s.addr("linux")), visit(t, s.addr("linux"))
	key := "l" + strings.Repeat("k", 1023)
	v.want("SET "+key+" "+strings.Repeat("v", 10_000), "+OK\r\n")
	watcher.wantShown(`"SET" "` + key + `" "` + strings.Repeat("v", 1024) + `... (8976 more bytes)"`)
	v.send("*101\r\n$6\r\nEXISTS\r\n" + strings.Repeat("$1024\r\n"+key+"\r\n", 100))
	if got := v.reply(); got != ":100\r\n" {
		t.Errorf("EXISTS is answered %q", got)
	}
	if line := watcher.shown(); len(line) > 70_000 || !strings.HasSuffix(line, ` "... (36 more arguments)"`) {
		t.Errorf("a line of %d bytes ends %q", len(line), line[len(line)-60:])
	}
}

func TestMonitor_Secrets(t *testing.T) {
	s := cluster(t)
	watcher, v := monitor(t, s.addr("linux")), visit(t, s.addr("linux"))
	for _, command := range []string{"AUTH hush", "AUTH me hush", "HELLO 3 AUTH me hush", "HELLO auth me hush", "HELLO 2 SETNAME x AUTH default hush"} {
		v.ask(command)
	}
	watcher.wantShown(`"AUTH" "(redacted)"`, `"AUTH" "(redacted)" "(redacted)"`, `"HELLO" "3" "AUTH" "(redacted)" "(redacted)"`,
		`"HELLO" "auth" "(redacted)" "(redacted)"`, `"HELLO" "2" "SETNAME" "x" "AUTH" "(redacted)" "(redacted)"`)
}

// A client that monitors may do what Redis lets it, until it leaves.
func TestMonitor_Ends(t *testing.T) {
	s := cluster(t)
	v := visit(t, s.addr("linux"))
	for _, proto := range []string{"2", "3"} {
		watcher := visit(t, s.addr("linux"))
		watcher.ask("HELLO " + proto)
		watcher.want("MONITOR", "+OK\r\n")
		watcher.send("MONITOR\r\n") // not answered
		watcher.want("GET l1", "-ERR Replica can't interact with the keyspace\r\n")
		watcher.want("KEYS *", "-ERR Replica can't interact with the keyspace\r\n")
		watcher.want("DHT info", "-ERR Replica can't interact with the keyspace\r\n")
		v.want("PING", "+PONG\r\n")
		watcher.wantShown(`"PING"`)
		watcher.want("RESET", "+RESET\r\n")
		v.want("PING", "+PONG\r\n")
		watcher.want("GET l1", "$-1\r\n")
		watcher.want("MONITOR", "+OK\r\n")
		watcher.want("QUIT", "+OK\r\n")
		if line, err := watcher.in.ReadString('\n'); err == nil {
			t.Errorf("after QUIT comes %q", line)
		}
	}
	var watchers []*visitor
	for range 16 {
		watchers = append(watchers, monitor(t, s.addr("linux")))
	}
	v.want("MONITOR", "-ERR 16 clients monitor this node already\r\n")
	watchers[0].Close()
	for end := time.Now().Add(5 * time.Second); v.ask("MONITOR") != "+OK\r\n"; {
		if time.Now().After(end) {
			t.Fatal("a client that left is counted")
		}
	}
	s.Stop("linux")
	for _, watcher := range append(watchers[1:], v) {
		for {
			if _, err := watcher.in.ReadString('\n'); err != nil {
				break
			}
		}
	}
}

// A client that stops to read slows nobody; what it misses is counted.
func TestMonitor_SlowReader(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	s := cluster(t)
	watcher, v := monitor(t, s.addr("linux")), visit(t, s.addr("linux"))
	const commands, at = 40_000, 1000
	one := strings.Repeat("ECHO "+strings.Repeat("x", 1000)+"\r\n", at)
	began := time.Now()
	for range commands / at {
		v.send(one)
		for range at {
			v.reply()
		}
	}
	t.Logf("%d commands took %v", commands, time.Since(began))
	lost, read := 0, 0
	_ = watcher.SetDeadline(time.Now().Add(5 * time.Minute)) // the race detector, on a busy machine
	for lost+read < commands {
		line := watcher.shown()
		var n int
		if _, err := fmt.Sscanf(line, `"MONITOR" "%d lines lost: this client reads too slowly"`, &n); err == nil {
			lost += n
			continue
		}
		read++
	}
	if lost == 0 || read == 0 || lost+read != commands {
		t.Errorf("of %d lines %d were read, %d lost", commands, read, lost)
	}
	v.want("PING", "+PONG\r\n")
	watcher.wantShown(`"PING"`)
}

// A client that takes no line for long is left, as one that takes no replies is.
func TestMonitor_DeafClient(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	s := serve(t, nodetest.NewCluster(t, nodetest.Three(1, 1)), tcp.Options{Slow: 300 * time.Millisecond})
	watcher, v := monitor(t, s.addr("linux")), visit(t, s.addr("linux"))
	command := "EXISTS" + strings.Repeat(" l"+strings.Repeat("x", 1000), 60)
	for end := time.Now().Add(20 * time.Second); strings.Contains(v.ask("CLIENT LIST"), watcher.LocalAddr().String()); v.ask(command) {
		if time.Now().After(end) {
			t.Fatal("it is served for ever")
		}
	}
}

func TestMonitor_Subscribe(t *testing.T) {
	v := visit(t, cluster(t).addr("linux"))
	for _, name := range []string{"SUBSCRIBE", "psubscribe"} {
		want := "-ERR " + strings.ToUpper(name) + " is not supported, nothing is published here: use MONITOR for the commands of this node, dht watch for changes of keys\r\n"
		v.want(name+" news", want)
	}
}

func TestMonitor_RedisCLI(t *testing.T) {
	if testing.Short() {
		t.Skip("needs another program")
	}
	s := cluster(t)
	_, port, _ := strings.Cut(s.addr("linux"), ":")
	for _, args := range [][]string{{}, {"-3"}} {
		cmd := exec.CommandContext(t.Context(), "redis-cli", append(args, "-p", port, "monitor")...)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if lines.Scan(); lines.Text() != "OK" {
			t.Errorf("redis-cli monitor prints %q", lines.Text())
		}
		run(t, "", "redis-cli", s.addr("linux"), "SET", "l1", `v"1`)
		run(t, "", "redis-cli", s.addr("mac"), "GET", "l1")
		for _, want := range []string{`"SET" "l1" "v\"1"`, `"DHT" "get" "l1"`} {
			for lines.Scan() && strings.HasSuffix(lines.Text(), `"DHT" "info"`) {
			}
			if line := shownLine.FindStringSubmatch("+" + lines.Text() + "\r\n"); line == nil || line[4] != want {
				t.Errorf("redis-cli monitor prints %q, want %s", lines.Text(), want)
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}
