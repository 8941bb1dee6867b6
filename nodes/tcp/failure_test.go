package tcp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"dht/events"
	"dht/nodes"
	"dht/nodes/coordinator"
	"dht/nodes/nodetest"
	"dht/nodes/tcp"
	"dht/nodes/tcp/resp"
)

// An owner that is down is an error that names it, never nil; when it is back so
// are its keys.
func TestServer_OwnerOffline(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	s := serve(t, c, tcp.Options{})
	v := visit(t, s.addr("mac"))
	v.want("MSET l1 v m1 w", "+OK\r\n")
	addr := s.addr("linux")
	s.Stop("linux")
	for _, command := range []string{"GET l1", "SET l1 x", "DEL l1", "INCR l1", "TTL l1", "MGET m1 l1", "EXISTS l1", "MSET m1 x l1 y", "RENAME l1 l2"} {
		if got := v.ask(command); !strings.HasPrefix(got, "-OWNEROFFLINE linux ") {
			t.Errorf("%s is answered %q", command, got)
		}
	}
	v.want("GET m1", "$1\r\nx\r\n")
	serveAgain(t, c.Nodes["linux"], addr)
	for end := time.Now().Add(5 * time.Second); v.ask("GET l1") != "$1\r\nv\r\n"; {
		if time.Now().After(end) {
			t.Fatal("the owner is back, its key is not")
		}
	}
}

// TestServer_LinksHeal takes an owner away and brings it back: the others find out
// by themselves, though nobody asks for its keys.
func TestServer_LinksHeal(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	s := serve(t, c, tcp.Options{})
	v := visit(t, s.addr("mac"))
	v.want("GET l1", "$-1\r\n")
	await := func(want events.LinkState) {
		t.Helper()
		state := func() events.LinkState {
			links := s.byName["mac"].Links()
			return links[slices.IndexFunc(links, func(l events.Link) bool { return l.To == "linux" })].State
		}
		for end := time.Now().Add(10 * time.Second); state() != want; v.want("PING", "+PONG\r\n") {
			if time.Now().After(end) {
				t.Fatalf("the link to linux is %s, want %s", state(), want)
			}
		}
	}
	await(events.LinkUp)
	addr := s.addr("linux")
	s.Stop("linux")
	await(events.LinkDown)
	serveAgain(t, c.Nodes["linux"], addr)
	await(events.LinkUp)
}

// serveAgain serves a node where it was served before.
func serveAgain(t *testing.T, node *nodes.Node, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	server := tcp.New(l, tcp.Options{})
	if err := server.Serve(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
}

// greeted is what the node that a hello is meant for answers.
func greeted(message []byte) []byte {
	var h map[string]any
	if err := json.Unmarshal(message, &h); err != nil {
		panic(err)
	}
	h["node"], h["to"], h["run"] = h["to"], h["node"], uuid.Must(uuid.NewV7())
	b, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	return b
}

// fakePeer says that it is linux, and then does with each connection as it
// likes.
func fakePeer(t *testing.T, info []byte, then func(conn net.Conn, ended <-chan struct{})) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	serve := func(conn net.Conn) {
		defer conn.Close()
		stop := context.AfterFunc(t.Context(), func() { conn.Close() })
		defer stop()
		in := resp.NewReader(conn, resp.Limits{Args: 10, Bulk: 1 << 20, Command: 1 << 20})
		var w resp.Writer
		for {
			args, ok, err := in.Next()
			switch {
			case err != nil, !ok && in.Fill() != nil:
				return
			case !ok:
			case string(args[1]) == "HELLO":
				w.Bulk(greeted(args[2]))
				_, _ = conn.Write(w.Buf)
				w.Buf = nil
			case string(args[1]) == "info":
				w.Bulk(info)
				_, _ = conn.Write(w.Buf)
				w.Buf = nil
			default:
				then(conn, t.Context().Done())
				return
			}
		}
	}
	wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); wait.Wait() })
	return l.Addr().String()
}

func TestServer_PeerThatFails(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	info, err := events.EncodeInfo(c.Nodes["linux"].Info())
	if err != nil {
		t.Fatal(err)
	}
	const timeout = 200 * time.Millisecond
	for name, then := range map[string]func(net.Conn, <-chan struct{}){
		"silent":        func(_ net.Conn, ended <-chan struct{}) { <-ended },
		"hangs up":      func(net.Conn, <-chan struct{}) {},
		"dies mid-word": func(c net.Conn, ended <-chan struct{}) { _, _ = io.WriteString(c, "$1000\r\n{\"node\":") },
		"talks garbage": func(c net.Conn, ended <-chan struct{}) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"talks too much": func(c net.Conn, ended <-chan struct{}) {
			_, _ = io.WriteString(c, "$9223372036854775807\r\n")
			<-ended
		},
	} {
		t.Run(name, func(t *testing.T) {
			addr := fakePeer(t, info, then)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := tcp.New(l, tcp.Options{Timeout: timeout, Peers: map[string]string{"linux": addr}})
			if err := s.Serve(t.Context(), c.Nodes["mac"]); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			v := visit(t, s.Addr().String())
			if got := v.ask("GET l1"); !strings.HasPrefix(got, "-OWNEROFFLINE linux ") {
				t.Errorf("GET is answered %q", got)
			}
			if got := v.ask("SET l1 v"); !strings.HasPrefix(got, "-UNKNOWN linux ") {
				t.Errorf("SET is answered %q", got)
			}
			v.want("SET m1 v", "+OK\r\n")
		})
	}
}

func TestServer_PeerIsSomebodyElse(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	s := serve(t, c, tcp.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lost := tcp.New(l, tcp.Options{Peers: map[string]string{"linux": s.addr("android")}})
	if err := lost.Serve(t.Context(), c.Nodes["mac"]); err != nil {
		t.Fatal(err)
	}
	defer lost.Close()
	v := visit(t, lost.Addr().String())
	if got := v.ask("GET l1"); !strings.Contains(got, `it is node "android"`) {
		t.Errorf("GET is answered %q", got)
	}
	if got := v.ask("GET a1"); !strings.Contains(got, "no tcp address") {
		t.Errorf("GET is answered %q", got)
	}
}

// inProcess asks a node in the same process.
type inProcess struct{ node *nodes.Node }

func (p inProcess) Send(op events.Op, reqs []events.Request, done func([]events.Answer, error)) {
	p.node.Do(op, slices.Clone(reqs), func(answers []events.Answer) { done(answers, nil) })
}

// Nodes without a tcp address are asked by another way, where there is one.
func TestServer_Elsewhere(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	s, err := tcp.Listen("127.0.0.1:0", tcp.Options{Elsewhere: func(name string) coordinator.Peer { return inProcess{c.Nodes[name]} }})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context(), c.Nodes["linux"]); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v := visit(t, s.Addr().String())
	v.want("MSET l1 a m1 b a1 c", "+OK\r\n")
	v.want("INCR m2", ":1\r\n")
	v.want("MGET l1 m1 a1 m2", "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\n1\r\n")
	v.want("DEL m1 a1", ":2\r\n")
}

// A node that meets one of another map at the same epoch cannot stay.
func TestServer_AnotherMap(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	s := serve(t, c, tcp.Options{})
	other := nodetest.Three(1, 1)
	other.Nodes[2].Rule = "otherwise weight 2"
	c.Advance(time.Minute) // the newcomer is the one to go
	stray := nodetest.NewCluster(t, other)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	newcomer := tcp.New(l, tcp.Options{Meet: true, Peers: map[string]string{"mac": s.addr("mac")}})
	if err := newcomer.Serve(t.Context(), stray.Nodes["linux"]); err != nil {
		t.Fatal(err)
	}
	defer newcomer.Close()
	select {
	case err := <-newcomer.Failed():
		if !strings.Contains(err.Error(), "another map of the same epoch") {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the newcomer stays")
	}
}

func TestServer_BadInput(t *testing.T) {
	s := cluster(t)
	witness := visit(t, s.addr("linux"))
	for in, want := range map[string]string{
		strings.Repeat("*1\r\n", 10_000):          "-ERR Protocol error: expected '$', got '*'\r\n",
		"*1\r\n$9223372036854775808\r\n":          "-ERR Protocol error: invalid bulk length\r\n",
		"*9223372036854775807\r\n":                "-ERR Protocol error: invalid multibulk length\r\n",
		"SET \"x\r\n":                             "-ERR Protocol error: unbalanced quotes in request\r\n",
		"\x16\x03\x01\x02" + "hello of TLS\r\n":   "-ERR unknown command '\x16\x03\x01\x02hello', with args beginning with: 'of' 'TLS' \r\n",
		"*1\r\n$4\r\nPING\r\n*1\r\n$-5\r\n":       "+PONG\r\n",
		"*2\r\n$3\r\nGET\r\n$0\r\n\r\n":           "-ERR a key is 1 to 1024 bytes long, this one 0\r\n",
		"GET " + strings.Repeat("k", 1025) + "\n": "-ERR linux says: a key is 1 to 1024 bytes long, this one 1025\r\n",
	} {
		v := visit(t, s.addr("linux"))
		v.send(in)
		if got := v.reply(); got != want {
			if !strings.Contains(want, "a key is") || !strings.Contains(got, "a key is 1 to 1024 bytes long") {
				t.Errorf("%.30q is answered %q, want %q", in, got, want)
			}
		}
		witness.want("PING", "+PONG\r\n")
	}
}

// A client that sends a byte now and then, or never reads, is left; others are
// not slowed, nor are those that are merely idle.
func TestServer_SlowClients(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	s := serve(t, nodetest.NewCluster(t, nodetest.Three(1, 1)), tcp.Options{Slow: 300 * time.Millisecond})
	idle := visit(t, s.addr("linux"))
	idle.want("SET l1 "+strings.Repeat("v", 1000), "+OK\r\n")
	slow := visit(t, s.addr("linux"))
	began := time.Now()
	for _, c := range "*2\r\n$3\r\nGET\r\n$2\r\nl1\r\n" {
		if _, err := io.WriteString(slow.Conn, string(c)); err != nil {
			break
		}
		if _, err := io.ReadAll(timeoutReader{slow.Conn, 50 * time.Millisecond}); err == nil {
			break // closed by the server
		}
	}
	if took := time.Since(began); took < 250*time.Millisecond || took > 3*time.Second {
		t.Errorf("the slow client was served for %v", took)
	}
	deaf := visit(t, s.addr("linux"))
	_ = deaf.SetDeadline(time.Now().Add(10 * time.Second))
	for asked := 0; asked < 1<<20; asked++ { // until the server has left
		if _, err := io.WriteString(deaf.Conn, "GET l1\r\n"); err != nil {
			break
		}
	}
	if _, err := io.Copy(io.Discard, deaf.Conn); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Error("a client that never reads is served for ever")
	}
	idle.want("STRLEN l1", ":1000\r\n")
}

// timeoutReader reads until nothing has come for a while.
type timeoutReader struct {
	net.Conn
	d time.Duration
}

func (r timeoutReader) Read(b []byte) (int, error) {
	_ = r.SetReadDeadline(time.Now().Add(r.d))
	return r.Conn.Read(b)
}

func TestServer_ManyIdleConnections(t *testing.T) {
	s := serve(t, nodetest.NewCluster(t, nodetest.Three(1, 1)), tcp.Options{MaxConns: 1001})
	for range 1000 {
		conn, err := net.Dial("tcp", s.addr("linux"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	v := visit(t, s.addr("linux"))
	began := time.Now()
	for i := range 1000 {
		v.want(fmt.Sprintf("SET l%d v", i), "+OK\r\n")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("1000 puts beside 1000 idle connections took %v", took)
	}
	turned := visit(t, s.addr("linux"))
	if got := turned.reply(); got != "-ERR max number of clients reached\r\n" {
		t.Errorf("one too many is told %q", got)
	}
}

// Close answers what is in flight, then closes, and leaves nothing behind.
func TestServer_CloseAnswersWhatIsInFlight(t *testing.T) {
	s := cluster(t)
	var wait sync.WaitGroup
	started := make(chan struct{}, 8)
	for i := range 8 {
		v := visit(t, s.addr("linux"))
		wait.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("l%d-%d", i, n)
				if _, err := io.WriteString(v.Conn, "SET "+key+" v\r\n"); err != nil {
					return
				}
				line, err := v.in.ReadString('\n')
				if err == nil && line != "+OK\r\n" {
					t.Errorf("answered %q", line)
				}
				if err != nil {
					if line != "" {
						t.Errorf("a torn reply: %q", line)
					}
					return
				}
				if n == 3 {
					started <- struct{}{}
				}
			}
		})
	}
	for range 8 {
		<-started
	}
	s.Stop("linux")
	s.Stop("linux") // again is no harm
	wait.Wait()
}

// A client that streams commands without end is not slow, though one of them is
// always only half there.
func TestServer_StreamingIsNotSlow(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	const slow = 200 * time.Millisecond
	s := serve(t, nodetest.NewCluster(t, nodetest.Three(1, 1)), tcp.Options{Slow: slow})
	v := visit(t, s.addr("linux"))
	v.send("SET l1 ")
	for began := time.Now(); time.Since(began) < 3*slow; {
		v.send("v\r\nSET l1 ")
		if got := v.reply(); got != "+OK\r\n" {
			t.Fatal(got)
		}
	}
}

// What no node would take is refused where it arrives, and costs no other
// request anything.
func TestServer_TooLarge(t *testing.T) {
	v := visit(t, cluster(t).addr("linux"))
	v.want("SET m1 small", "+OK\r\n")
	for _, size := range []int{events.MaxValue + 1, 15 << 20} {
		v.send(fmt.Sprintf("*3\r\n$3\r\nSET\r\n$2\r\nm1\r\n$%d\r\n%s\r\n", size, strings.Repeat("\x01", size)))
		if got := v.reply(); !strings.HasPrefix(got, "-TOOLARGE ") {
			t.Errorf("a value of %d bytes is answered %q", size, got)
		}
		v.send(fmt.Sprintf("*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", size, strings.Repeat("\x01", size)))
		if got := v.reply(); !strings.HasPrefix(got, "-ERR ") {
			t.Errorf("a key of %d bytes is answered %q", size, got)
		}
		v.want("GET m1", "$5\r\nsmall\r\n")
	}
	largest := strings.Repeat("\xff", events.MaxValue)
	v.send(fmt.Sprintf("*3\r\n$3\r\nSET\r\n$2\r\nm1\r\n$%d\r\n%s\r\n", len(largest), largest))
	if got := v.reply(); got != "+OK\r\n" {
		t.Errorf("the largest value is answered %q", got)
	}
	v.want("APPEND m1 x", "-TOOLARGE mac says: the value would be 1040385 bytes long, the longest has 1040384\r\n")
	v.want("STRLEN m1", fmt.Sprintf(":%d\r\n", len(largest)))
}

// Close waits neither for a peer that hangs, request after request, nor for a
// client that takes no replies.
func TestServer_CloseHasABound(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	info, err := events.EncodeInfo(c.Nodes["linux"].Info())
	if err != nil {
		t.Fatal(err)
	}
	silent := fakePeer(t, info, func(_ net.Conn, ended <-chan struct{}) { <-ended })
	server, err := tcp.Listen("127.0.0.1:0", tcp.Options{Peers: map[string]string{"linux": silent}, Timeout: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(t.Context(), c.Nodes["mac"]); err != nil {
		t.Fatal(err)
	}
	waiting := visit(t, server.Addr().String())
	waiting.send(strings.Repeat("GET l1\r\n", 700))
	deaf := visit(t, server.Addr().String())
	deaf.send("SET m1 " + strings.Repeat("v", 100_000) + "\r\n" + strings.Repeat("GET m1\r\n", 500))
	deaf.reply()
	began := time.Now()
	server.Close()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
}
