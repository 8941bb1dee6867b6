package bus_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go"

	"dht/broker"
	"dht/events"
	"dht/nodes/bus"
	"dht/nodes/nodetest"
)

// path leads over the bus, by the addressed subjects.
type path struct {
	conn    *nats.Conn
	broker  *broker.Broker
	servers map[string]*bus.Server
	conns   []*nats.Conn
}

func openPath(t *testing.T, c *nodetest.Cluster) nodetest.Path {
	t.Helper()
	b, err := broker.Open(t.Context(), broker.Options{Name: "test", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	p := &path{broker: b, conn: connect(t, b), servers: map[string]*bus.Server{}}
	for _, name := range c.Map.Names(nil) {
		conn := connect(t, b)
		publisher := bus.NewPublisher(c.Map.Name(), name, c.Nodes[name].Clock)
		s := bus.New(conn, c.Nodes[name], publisher, bus.Options{Subjects: events.NewSubjects(""), Logger: slog.New(slog.DiscardHandler)})
		if err := s.Serve(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.servers[name], p.conns = s, append(p.conns, conn)
	}
	return p
}

func (p *path) Ask(ctx context.Context, to string, op events.Op, message []byte) ([]byte, error) {
	m, err := p.conn.RequestWithContext(ctx, events.NewSubjects("").Node(to, op), message)
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

func (p *path) Stop(name string) { p.servers[name].Close() }

func (p *path) Close() {
	for _, s := range p.servers {
		s.Close()
	}
	for _, conn := range append(p.conns, p.conn) {
		conn.Close()
	}
	p.broker.Close()
}

func TestServer_SameAsEveryPath(t *testing.T) { nodetest.Test(t, openPath) }
