package tcp_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"dht/events"
	"dht/nodes/nodetest"
	"dht/nodes/tcp"
	"dht/nodes/tcp/resp"
)

// servers serve the nodes of a cluster, each on a free port.
type servers struct {
	tb      testing.TB
	byName  map[string]*tcp.Server
	cluster *nodetest.Cluster
}

// serve starts a server for each node of c. They close with the test.
func serve(tb testing.TB, c *nodetest.Cluster, o tcp.Options) *servers {
	tb.Helper()
	s := &servers{tb: tb, byName: map[string]*tcp.Server{}, cluster: c}
	o.Peers = map[string]string{}
	listeners := map[string]net.Listener{}
	for _, name := range c.Map.Names(nil) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		listeners[name], o.Peers[name] = l, l.Addr().String()
	}
	for name, l := range listeners {
		s.byName[name] = tcp.New(l, o)
		if err := s.byName[name].Serve(tb.Context(), c.Nodes[name]); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Cleanup(s.Close)
	return s
}

func (s *servers) addr(name string) string { return s.byName[name].Addr().String() }

// through is a node that is not name: what is asked of name there is forwarded.
func (s *servers) through(name string) string {
	if name == "mac" {
		return "android"
	}
	return "mac"
}

// Ask goes through another node, so that everything is forwarded.
func (s *servers) Ask(ctx context.Context, to string, op events.Op, message []byte) ([]byte, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", s.addr(s.through(to)))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	reply, err := resp.Once(conn, []byte("DHT"), []byte("NODE"), []byte(to), []byte(op), message)
	if err == nil && reply.Kind != '$' {
		err = fmt.Errorf("%s", reply.Text)
	}
	return reply.Text, err
}

func (s *servers) Stop(name string) { s.byName[name].Close() }

func (s *servers) Close() {
	for _, server := range s.byName {
		server.Close()
	}
}

func TestServer_SameAsEveryPath(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	nodetest.Test(t, func(t *testing.T, c *nodetest.Cluster) nodetest.Path { return serve(t, c, tcp.Options{Meet: true}) })
}
