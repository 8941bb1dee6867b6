package host_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"

	"dht/broker"
	"dht/client/cli/host"
	"dht/client/cli/host/hosttest"
	"dht/events"
)

// A Redis client reaches the keys of nodes that have no tcp address of their own, such
// as a phone: the node that it talks to asks them over the bus.
func TestNode_AsksOverTheBus(t *testing.T) {
	b, err := broker.Open(t.Context(), broker.Options{Name: "test", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	c := hosttest.Config(events.Cluster{Name: "two", Epoch: 1, Copies: 1, Nodes: []events.Member{
		{Name: "linux", Rule: `prefix "l"`}, {Name: "phone", Rule: "otherwise"}}}, b.URL(), t.TempDir())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Nodes[0].TCP = listener.Addr().String()
	for i, o := range []host.Options{{TCP: listener}, {}} {
		o.Config, o.Node = c, c.Nodes[i]
		n, err := host.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { hosttest.Close(t, n) })
	}
	conn, err := net.Dial("tcp", c.Nodes[0].TCP)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const want = "+OK\r\n:1\r\n:2\r\n$4\r\nhere\r\n:2\r\n$-1\r\n"
	if _, err := fmt.Fprint(conn, "MSET l here p there\r\nINCR n\r\nINCR n\r\nGET l\r\nDEL p n\r\nGET p\r\n"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(bufio.NewReader(conn), got); err != nil || string(got) != want {
		t.Errorf("answers %q (%v), want %q", got, err, want)
	}
}
