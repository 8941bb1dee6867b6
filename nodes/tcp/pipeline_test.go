package tcp_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/nodetest"
	"dht/nodes/tcp"
)

// TestServer_Order changes and reads keys in one pipeline, through their owner
// and through another node: each command sees what those before it did.
func TestServer_Order(t *testing.T) {
	s := cluster(t)
	message := func(text string) string {
		head, _, _ := strings.Cut(text, "\n")
		return fmt.Sprintf("*5\r\n$3\r\nDHT\r\n$4\r\nNODE\r\n$5\r\nlinux\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(head), head, len(text)-len(head)-1, text[len(head)+1:])
	}
	for _, entry := range []string{"linux", "mac"} {
		v := visit(t, s.addr(entry))
		for i := range 50 {
			v.send("SET l1 a\r\nSET l2 b\r\n")
			v.reply()
			v.reply()
			old := fmt.Sprint("old", i)
			v.send("GET l1\r\nRENAME l1 l2\r\nGET l2\r\nGET l1\r\n" + // RENAME touches two keys
				"SET l1 " + old + "\r\n" + message("get\n{\"key\":\"l1\"}") + // a message that is forwarded, one
				message("put\n{\"key\":\"l1\",\"value\":\"new\"}") + "GET l1\r\n" +
				message("update\n{\"key\":\"l1\",\"update\":\"rename\",\"other\":\"l2\"}") + "GET l2\r\n")
			for n, want := range []string{"$1\r\na\r\n", "+OK\r\n", "$1\r\na\r\n", "$-1\r\n", "+OK\r\n", "\n" + old + "\r\n", `"status":"stored"`, "$3\r\nnew\r\n", `"status":"stored"`, "$3\r\nnew\r\n"} {
				if got := v.reply(); !strings.Contains(got, want) {
					t.Fatalf("through %s, reply %d is %q, want %q in it", entry, n, got, want)
				}
			}
		}
	}
}

// TestServer_ManyLargeOldValues takes values out of a node, more than one message
// can carry, in one pipeline: each comes.
func TestServer_ManyLargeOldValues(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	s := cluster(t)
	v := visit(t, s.addr("mac"))
	const count = 70
	value := strings.Repeat("v", 1_000_000)
	keys, gets := strings.Builder{}, strings.Builder{}
	for i := range count {
		if got := v.ask(fmt.Sprintf("*3\r\n$3\r\nSET\r\n$%d\r\nl1%d\r\n$%d\r\n%s", len(fmt.Sprint("l1", i)), i, len(value), value)); got != "+OK\r\n" {
			t.Fatal(got)
		}
		fmt.Fprintf(&keys, " l1%d", i)
		fmt.Fprintf(&gets, "GETDEL l1%d\r\n", i)
	}
	want := fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
	for _, command := range []string{"MGET" + keys.String() + "\r\n", gets.String()} {
		v.send(command)
		if strings.HasPrefix(command, "MGET") {
			if line, err := v.in.ReadString('\n'); line != fmt.Sprintf("*%d\r\n", count) {
				t.Fatal(line, err)
			}
		}
		for i := range count {
			if got := v.reply(); got != want {
				t.Fatalf("%.20s: value %d is %.100q", command, i, got)
			}
		}
	}
	v.want("EXISTS"+keys.String(), ":0\r\n")
}

// TestServer_SilentOwnerOnce asks a node that never answers again and again in one
// pipeline: it is waited for once.
func TestServer_SilentOwnerOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	info, err := events.EncodeInfo(c.Nodes["linux"].Info())
	if err != nil {
		t.Fatal(err)
	}
	const timeout = 500 * time.Millisecond
	silent := fakePeer(t, info, func(_ net.Conn, ended <-chan struct{}) { <-ended })
	server, err := tcp.Listen("127.0.0.1:0", tcp.Options{Timeout: timeout, Peers: map[string]string{"linux": silent}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := server.Serve(t.Context(), c.Nodes["mac"]); err != nil {
		t.Fatal(err)
	}
	v := visit(t, server.Addr().String())
	const rounds = 20
	begun := time.Now()
	v.send(strings.Repeat("SET l1 x\r\nGET l1\r\n", rounds))
	for i := range 2 * rounds {
		if got := v.reply(); !strings.Contains(got, "linux") || !strings.HasPrefix(got, "-OWNEROFFLINE ") && !strings.HasPrefix(got, "-UNKNOWN ") {
			t.Errorf("reply %d is %q", i, got)
		}
	}
	if took := time.Since(begun); took > rounds*timeout/2 {
		t.Errorf("it took %v", took)
	}
}

// TestServer_CutsBrowsersOff sends what a web page can make a browser send.
func TestServer_CutsBrowsersOff(t *testing.T) {
	s := cluster(t)
	for _, head := range []string{"POST / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\n", "post x\r\n"} {
		v := visit(t, s.addr("mac"))
		v.send(head + "\r\nset l1 stolen\r\n")
		if text, err := io.ReadAll(v.in); strings.Contains(string(text), "OK") {
			t.Errorf("%q is answered %q, %v", head, text, err)
		}
		visit(t, s.addr("mac")).want("GET l1", "$-1\r\n")
	}
}
