package tcp_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/nodetest"
	"dht/nodes/tcp"
	"dht/nodes/tcp/resp"
)

// listen serves every connection to a free port, or to the one given, until the
// test ends: answer says what stands for each command, nil to hang up.
func listen(t *testing.T, addr string, answer func(args [][]byte) []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	serve := func(conn net.Conn) {
		defer conn.Close()
		defer context.AfterFunc(t.Context(), func() { conn.Close() })()
		in := resp.NewReader(conn, resp.Limits{Args: 10, Bulk: 1 << 20, Command: 1 << 20})
		for {
			args, ok, err := in.Next()
			if err != nil || !ok && in.Fill() != nil {
				return
			}
			if !ok {
				continue
			}
			reply := answer(args)
			if _, err := conn.Write(reply); err != nil || reply == nil {
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

func bulk(b []byte) []byte {
	var w resp.Writer
	w.Bulk(b)
	return w.Buf
}

// Whatever listens where a dead node did is not that node, though it knows all
// that the node has ever said: what is meant for it is not done, and says so.
func TestHandshake_TheDeadNodesPort(t *testing.T) {
	if testing.Short() {
		t.Skip("needs another program")
	}
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	stored := events.AppendAnswers(nil, events.Answer{Node: "linux", Status: events.StatusStored, Owner: 1, Map: c.Map.ID()})
	info, err := events.EncodeInfo(c.Nodes["linux"].Info())
	if err != nil {
		t.Fatal(err)
	}
	recorded := greeted([]byte(`{"cluster":"three","node":"mac","to":"linux","asked":"of another time"}`))
	elsewhere := greeted([]byte(`{"cluster":"four","node":"mac","to":"linux"}`))
	for name, answer := range map[string]func(args [][]byte) []byte{
		"says OK": func([][]byte) []byte { return []byte("+OK\r\n") },
		"a redis-server": func(args [][]byte) []byte {
			if string(args[0]) == "SET" {
				return []byte("+OK\r\n")
			}
			return []byte("-ERR unknown command 'DHT'\r\n")
		},
		"an echo": func(args [][]byte) []byte { return bulk(args[len(args)-1]) },
		"an older node": func(args [][]byte) []byte {
			switch string(args[1]) {
			case "HELLO":
				return []byte("-ERR no operation \"hello\"\r\n")
			case "info":
				return bulk(info)
			}
			return bulk(stored)
		},
		"a recorder": func(args [][]byte) []byte {
			switch string(args[1]) {
			case "HELLO":
				return bulk(recorded)
			case "info":
				return bulk(info)
			}
			return bulk(stored)
		},
		"another cluster's node": func(args [][]byte) []byte {
			if string(args[1]) == "HELLO" {
				return bulk(elsewhere)
			}
			return bulk(stored)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log logbook
			s := serve(t, c, tcp.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			v := visit(t, s.addr("mac"))
			v.want("SET l1 v", "+OK\r\n") // it was there before
			addr := s.addr("linux")
			s.Stop("linux")
			listen(t, addr, answer)
			for _, command := range []string{"SET l1 w", "GET l1", "INCR l2", "DEL l1", "MSET l1 1 l2 2", "SET l1 w"} {
				if got := v.ask(command); !strings.HasPrefix(got, "-OWNEROFFLINE linux ") && !strings.HasPrefix(got, "-UNKNOWN linux ") {
					t.Errorf("%s is answered %q", command, got)
				}
			}
			if got := v.ask("SET l1 w"); !strings.HasPrefix(got, "-OWNEROFFLINE linux ") {
				t.Errorf("SET is answered %q in the end", got)
			}
			if n := log.count(addr, "msg=\"cannot reach a node\" node=linux"); n < 1 || n > 3 { // refused, hung up and then this
				t.Errorf("it was said %d times", n)
			}
			for _, link := range s.byName["mac"].Links() {
				if link.To == "linux" && (link.State != events.LinkDown || link.Error == "") {
					t.Errorf("the link is %+v", link)
				}
			}
		})
	}
}

// logbook is a log that can be counted.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// count counts the lines that hold all of words.
func (l *logbook) count(words ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			n++
		}
	}
	return n
}

// An answer counts only when it names the node that was asked.
func TestHandshake_AnotherNodesAnswer(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	info, err := events.EncodeInfo(c.Nodes["linux"].Info())
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"android", ""} {
		addr := listen(t, "127.0.0.1:0", func(args [][]byte) []byte {
			switch string(args[1]) {
			case "HELLO":
				return bulk(greeted(args[2]))
			case "info":
				return bulk(info)
			}
			return bulk(events.AppendAnswers(nil, events.Answer{Node: node, Status: events.StatusStored, Owner: 1}))
		})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := tcp.New(l, tcp.Options{Peers: map[string]string{"linux": addr}})
		if err := s.Serve(t.Context(), c.Nodes["mac"]); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if got := visit(t, s.Addr().String()).ask("SET l1 v"); !strings.HasPrefix(got, "-") || !strings.Contains(got, "linux") {
			t.Errorf("SET is answered %q", got)
		}
	}
}

// Who says hello to the wrong node, or out of another cluster, is served nothing
// on that connection; one who says none is served.
func TestHandshake_WhoIsAdmitted(t *testing.T) {
	s := cluster(t)
	for message, want := range map[string]string{
		`{"cluster":"three","node":"mac","to":"linux"}`:   "$",
		`{"cluster":"three","node":"mac","to":"android"}`: "-CONFIG ",
		`{"cluster":"four","node":"mac","to":"linux"}`:    "-CONFIG ",
		`{"cluster":"three","node":"linux","to":"linux"}`: "-NAMETAKEN ",
	} {
		v := visit(t, s.addr("linux"))
		if got := v.ask(fmt.Sprintf("DHT HELLO '%s'", message)); !strings.Contains(got, `"node":"linux"`) {
			t.Errorf("%s is answered %q", message, got)
		}
		if got := v.ask(`DHT put '{"key":"l1","value":"v"}'`); !strings.HasPrefix(got, want) {
			t.Errorf("after %s a put is answered %q, want %s", message, got, want)
		}
	}
	v := visit(t, s.addr("linux"))
	for _, wrong := range []string{"DHT HELLO", "DHT HELLO a b", "DHT HELLO [1]"} {
		if got := v.ask(wrong); !strings.HasPrefix(got, "-ERR ") {
			t.Errorf("%s is answered %q", wrong, got)
		}
	}
}

// A peer of another map is told by that name, and still says what it is.
func TestHandshake_AnotherMap(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	c.Change(nodetest.Swapped(2))
	older := c.Nodes["linux"]
	c.Advance(time.Minute)
	c.Change(nodetest.Swapped(3))
	c.Nodes["linux"] = older
	s := serve(t, c, tcp.Options{})
	v := visit(t, s.addr("mac"))
	for _, command := range []string{"SET m1 v", "GET m1", "INCR m1"} { // linux owns what was mac's
		if got := v.ask(command); !strings.HasPrefix(got, "-STALEMAP linux ") {
			t.Errorf("%s is answered %q", command, got)
		}
	}
	if got := v.ask("DHT NODE linux info"); !strings.Contains(got, `"node":"linux"`) {
		t.Errorf("info is answered %q", got)
	}
}
