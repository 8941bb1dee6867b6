package client_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"dht/broker"
	"dht/events"
	"dht/nodes"
	"dht/nodes/bus"
	"dht/nodes/placement"
	"dht/nodes/store"
)

// standalone is a server without nodes.
func standalone(t *testing.T) *broker.Broker { return standaloneAt(t, "127.0.0.1:0") }

func standaloneAt(t *testing.T, addr string) *broker.Broker {
	t.Helper()
	b, err := broker.Open(t.Context(), broker.Options{Name: "alone", Listen: addr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// swap replaces the node on m's server by one under the cluster's law.
func (c *cluster) swap(name string, m *member) {
	c.t.Helper()
	m.server.Close()
	m.store.Close()
	law, err := placement.New(c.law)
	if err != nil {
		c.t.Fatal(err)
	}
	m.store, err = store.Open(filepath.Join(c.folder, name), store.Options{Owner: store.Owner{Cluster: c.law.Name, Node: name, Map: law.ID()}})
	if err != nil {
		c.t.Fatal(err)
	}
	m.server = bus.New(bus.Options{Subjects: events.NewSubjects(""), Logger: slog.New(slog.DiscardHandler)})
	if m.node, err = nodes.New(nodes.Options{Map: law, Name: name, Store: m.store, Clock: events.NewClock(time.Now), Notify: m.server.Notify, Observe: m.server.Observe}); err != nil {
		c.t.Fatal(err)
	}
	if err := m.server.Serve(c.t.Context(), m.conn, m.node); err != nil {
		c.t.Fatal(err)
	}
}
