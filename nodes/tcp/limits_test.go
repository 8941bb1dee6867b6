package tcp_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dht/events"
	"dht/nodes"
	"dht/nodes/nodetest"
	"dht/nodes/store/storetest"
	"dht/nodes/tcp"
)

// process is a node in a process of its own.
type process struct {
	addr string
	pid  int
}

// peak is the most memory that a process ever had, in bytes.
func (p process) peak(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		t.Skip("this system does not say how much memory a process has")
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); fields[0] == "VmHWM:" {
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// large is a value as long as one may be, and command what stores or reads it.
var large = bytes.Repeat([]byte("v"), 1_000_000)

func command(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	return b.String()
}

// Whatever names one large value very often costs a node no more memory than its
// bounds say, at the owner and through another node, and is answered in full.
func TestLimits_OneValueNamedOften(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	for at, node := range pair(t) {
		v := visit(t, node[at].addr)
		v.send(command("SET", "k", string(large)))
		v.reply()
		many := strings.Fields(strings.Repeat("k ", 300))
		v.send(command(append([]string{"MGET"}, many...)...))
		want := fmt.Sprintf("$%d\r\n%s\r\n", len(large), large)
		if line, _ := v.in.ReadString('\n'); line != "*300\r\n" {
			t.Fatal(line)
		}
		for range many {
			if got := v.reply(); got != want {
				t.Fatalf("a value of MGET is %.100q", got)
			}
		}
		v.send(command(append([]string{"EXISTS"}, many...)...) + "STRLEN k\r\nTTL k\r\nTYPE k\r\n")
		if got, want := v.reply()+v.reply()+v.reply()+v.reply(), ":300\r\n:1000000\r\n:-1\r\n+string\r\n"; got != want {
			t.Errorf("answered %q, want %q", got, want)
		}
		message := strings.Repeat(`{"key":"k","size":0}`+"\n", 256)
		v.send(command("DHT", "NODE", "owner", "get", message))
		if got := v.reply(); len(got) > 2<<20 || !strings.Contains(got, `"code":"too-large"`) || !strings.Contains(got, string(large)) {
			t.Errorf("a message that asks for one value 256 times is answered with %d bytes, %.300q", len(got), got)
		}
		for _, p := range node {
			if peak := p.peak(t); peak > memoryFactor*250<<20 {
				t.Errorf("a node had %d MiB", peak>>20)
			}
		}
	}
}

// pair starts two nodes for each of two tries: at the owner and through the other.
func pair(t *testing.T) (tries [2][2]process) {
	t.Helper()
	for i := range tries {
		tries[i] = startProcesses(t)
	}
	return tries
}

// Clients that ask for much and read nothing cost a node a bounded amount, all
// together, and are left in the end; others are served meanwhile.
func TestLimits_ClientsThatReadNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	for at, node := range pair(t) {
		v := visit(t, node[at].addr)
		v.send(command("SET", "k", string(large)) + command("SET", "small", "v"))
		v.reply()
		v.reply()
		gets := strings.Repeat(command("GET", "k"), 500_000)
		var sending sync.WaitGroup
		for range 60 {
			conn, err := net.Dial("tcp", node[at].addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetWriteDeadline(time.Now().Add(4 * time.Second))
			sending.Go(func() { _, _ = io.WriteString(conn, gets) })
		}
		sending.Wait()
		for q, want := range map[string]string{"GET small": "$1\r\nv\r\n", "STRLEN k": ":1000000\r\n"} {
			// A busy machine may take the other node's time.
			for end := time.Now().Add(30 * time.Second); ; {
				got := v.ask(q)
				if got == want {
					break
				}
				if !strings.HasPrefix(got, "-OWNEROFFLINE") || time.Now().After(end) {
					t.Fatalf("%s is answered %q, want %q", q, got, want)
				}
			}
		}
		for _, p := range node {
			if peak := p.peak(t); peak > memoryFactor*900<<20 {
				t.Errorf("a node had %d MiB", peak>>20)
			}
		}
	}
}

// A declared number of arguments costs nothing; those that arrive are counted for
// all clients together.
func TestLimits_VeryManyArguments(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	node := startProcesses(t)[0]
	var sending sync.WaitGroup
	for range 27 {
		conn, err := net.Dial("tcp", node.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetWriteDeadline(time.Now().Add(4 * time.Second))
		sending.Go(func() { _, _ = io.WriteString(conn, "*1048576\r\n"+strings.Repeat("$0\r\n\r\n", 1<<20-1)) })
	}
	sending.Wait()
	visit(t, node.addr).want("SET k v", "+OK\r\n")
	if peak := node.peak(t); peak > 400<<20 {
		t.Errorf("the node had %d MiB", peak>>20)
	}
}

// A client may send all that it has before it reads anything.
func TestLimits_SendsAllBeforeItReads(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	s := cluster(t)
	for _, entry := range []string{"linux", "mac"} {
		v := visit(t, s.addr(entry))
		v.want("SET l1 "+strings.Repeat("v", 100), "+OK\r\n")
		const count = 150_000
		v.send(strings.Repeat("GET l1\r\n", count))
		want := "$100\r\n" + strings.Repeat("v", 100) + "\r\n"
		for i := range count {
			if got := v.reply(); got != want {
				t.Fatalf("through %s, reply %d is %q", entry, i, got)
			}
		}
		v.want("PING", "+PONG\r\n")
	}
}

// A client that reads slowly, but reads, is served to the end.
func TestLimits_SlowButSteady(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	const slow = 300 * time.Millisecond
	s := serve(t, nodetest.NewCluster(t, nodetest.Three(1, 1)), tcp.Options{Slow: slow})
	v := visit(t, s.addr("linux"))
	v.send(command("SET", "l1", string(large)))
	v.reply()
	const count = 40
	v.send(strings.Repeat("GET l1\r\n", count))
	want := count * len(fmt.Sprintf("$%d\r\n%s\r\n", len(large), large))
	tick := time.NewTicker(slow / 10)
	defer tick.Stop()
	for got := 0; got < want; <-tick.C {
		n, err := io.CopyN(io.Discard, v.in, int64(min(1<<20, want-got)))
		if got += int(n); err != nil {
			t.Fatalf("after %d of %d bytes: %v", got, want, err)
		}
	}
}

// gate is a store that keeps writes back until it is opened.
type gate struct {
	*storetest.Memory
	reached chan struct{} // closed when so many changes wait
	enough  int

	mu    sync.Mutex // guards what follows
	open  bool
	queue []func()
	seen  int
}

func (g *gate) Apply(changes []events.Change, done func(error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.seen
	g.seen += len(changes)
	if before < g.enough && g.seen >= g.enough {
		close(g.reached)
	}
	if g.open {
		g.Memory.Apply(changes, done)
		return
	}
	g.queue = append(g.queue, func() { g.Memory.Apply(changes, done) })
}

// release lets all go on.
func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
	for _, apply := range g.queue {
		apply()
	}
}

// gated starts three nodes, of which linux has a store that keeps back what is
// written.
func gated(t *testing.T, enough int) (*servers, *gate) {
	t.Helper()
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	g := &gate{Memory: storetest.NewMemory(time.Now), reached: make(chan struct{}), enough: enough}
	t.Cleanup(func() { g.Close() })
	node, err := nodes.New(nodes.Options{Map: c.Map, Name: "linux", Store: g, Clock: events.NewClock(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	c.Nodes["linux"] = node
	return serve(t, c, tcp.Options{Timeout: 20 * time.Second}), g
}

// More writes than a node lets wait are not refused: their clients wait, those of
// other nodes as well.
func TestLimits_WritesWait(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	s, slow := gated(t, 15_500) // the last of 16,384 may not fit
	const clients, count = 40, 1500
	var visitors []*visitor
	for i := range clients {
		v := visit(t, s.addr([]string{"mac", "android", "linux", "linux", "linux", "linux"}[i%6]))
		v.want("PING", "+PONG\r\n")
		v.send(strings.Repeat("SET l1 v\r\n", count))
		visitors = append(visitors, v)
	}
	<-slow.reached
	visit(t, s.addr("linux")).want("PING", "+PONG\r\n")
	slow.release()
	for i, v := range visitors {
		for n := range count {
			if got := v.reply(); got != "+OK\r\n" {
				t.Fatalf("client %d: write %d is answered %q", i, n, got)
			}
		}
	}
}

// Two nodes that forward very many writes to each other at the same time do not
// wait for each other for ever.
func TestLimits_NodesForwardToEachOther(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	s := cluster(t)
	var working sync.WaitGroup
	for i := range 16 {
		entry, key := "linux", "m"
		if i%2 == 0 {
			entry, key = "mac", "l"
		}
		v := visit(t, s.addr(entry))
		working.Go(func() {
			const count = 3000
			var sending sync.WaitGroup
			sending.Go(func() { v.send(strings.Repeat(fmt.Sprintf("INCR %s%d\r\n", key, i), count)) })
			for n := range count {
				if got, want := v.reply(), fmt.Sprintf(":%d\r\n", n+1); got != want {
					t.Errorf("write %d is answered %q, want %q", n, got, want)
					break
				}
			}
			sending.Wait()
		})
	}
	working.Wait()
}
