package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"dht/broker"
	"dht/client"
	"dht/events"
	"dht/nodes"
	"dht/nodes/bus"
	"dht/nodes/placement"
	"dht/nodes/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is a set of real nodes on real brokers, each in its own folder.
type cluster struct {
	t      testing.TB
	folder string
	law    events.Cluster
	skew   map[string]time.Duration // of nodes' clocks
	later  atomic.Int64             // nanoseconds that nodes believe to have passed meanwhile
	up     map[string]*member
	routes []string
}

type member struct {
	broker *broker.Broker
	conn   *nats.Conn
	store  *store.Journal
	server *bus.Server
	node   *nodes.Node
}

func example(epoch uint64, copies events.Copies) events.Cluster {
	return events.Cluster{Name: "three", Epoch: epoch, Copies: copies, Nodes: []events.Member{
		{Name: "linux", Rule: "md5 % 2 == 0"}, {Name: "mac", Rule: "sha1 % 3 == 0"}, {Name: "android", Rule: "otherwise"}}}
}

// newCluster starts every node of law.
func newCluster(t testing.TB, law events.Cluster) *cluster {
	t.Helper()
	c := &cluster{t: t, folder: t.TempDir(), law: law, skew: map[string]time.Duration{}, up: map[string]*member{}}
	t.Cleanup(func() { c.stop() })
	for _, n := range law.Nodes {
		c.start(n.Name)
	}
	return c
}

func (c *cluster) start(name string) {
	c.t.Helper()
	if err := c.tryStart(name, name); err != nil {
		c.t.Fatalf("start %s: %v", name, err)
	}
}

// tryStart starts the node called name; as is what this process is called here.
func (c *cluster) tryStart(name, as string) (err error) {
	m := &member{}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	m.broker, err = broker.Open(c.t.Context(), broker.Options{Name: as + events.NewClock(time.Now).Next().String(),
		Cluster: "test", Listen: "127.0.0.1:0", Route: "127.0.0.1:0", Routes: c.routes})
	if err != nil {
		return err
	}
	if m.conn, err = nats.Connect("", m.broker.InProcess()); err != nil {
		return err
	}
	law, err := placement.New(c.law)
	if err != nil {
		return err
	}
	m.server = bus.New(bus.Options{Subjects: events.NewSubjects(""), Logger: slog.New(slog.DiscardHandler)})
	m.store, err = store.Open(filepath.Join(c.folder, as), store.Options{Owner: store.Owner{Cluster: c.law.Name, Node: name, Map: law.ID()}, Notify: m.server.Notify, Now: c.now})
	if err != nil {
		return err
	}
	skew := c.skew[name]
	clock := events.NewClock(func() time.Time { return c.now().Add(skew) })
	m.node, err = nodes.New(nodes.Options{Map: law, Name: name, Store: m.store, Clock: clock, Notify: m.server.Notify, Observe: m.server.Observe})
	if err != nil {
		return err
	}
	c.joined(m.broker)
	if err := m.server.Serve(c.t.Context(), m.conn, m.node); err != nil {
		return err
	}
	c.up[as] = m
	c.routes = append(c.routes, m.broker.RouteAddr().String())
	return nil
}

func (c *cluster) now() time.Time { return time.Now().Add(time.Duration(c.later.Load())) }

// joined waits until b has met all others.
func (c *cluster) joined(b *broker.Broker) {
	c.t.Helper()
	c.until(func() bool { return b.Peers() >= len(c.up) }, "the servers did not join")
}

// until polls a condition that no channel tells of.
func (c *cluster) until(condition func() bool, otherwise string) {
	c.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(15 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-limit:
			c.t.Fatal(otherwise)
		}
	}
}

func (m *member) close() {
	if m.server != nil && m.node != nil {
		m.server.Close()
	}
	if m.conn != nil {
		m.conn.Close()
	}
	if m.broker != nil {
		m.broker.Close()
	}
	if m.store != nil {
		m.store.Close()
	}
}

// kill takes a node with its server away.
func (c *cluster) kill(name string) {
	c.up[name].close()
	delete(c.up, name)
}

func (c *cluster) stop() {
	for name := range c.up {
		c.kill(name)
	}
}

// restart stops everything and starts it under another law.
func (c *cluster) restart(law events.Cluster) {
	c.t.Helper()
	c.stop()
	c.law, c.routes = law, nil
	for _, n := range law.Nodes {
		c.start(n.Name)
	}
}

func (c *cluster) urls() (list []string) {
	for _, m := range c.up {
		list = append(list, m.broker.URL())
	}
	return list
}

// client connects through every server that is up.
func (c *cluster) client(change ...func(*client.Options)) *client.Client {
	c.t.Helper()
	o := client.Options{Servers: c.urls(), Timeout: 5 * time.Second}
	for _, f := range change {
		f(&o)
	}
	cl, err := client.Connect(o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { cl.Close() })
	return cl
}

// eachUp waits until every node that was started answers cl.
func (c *cluster) eachUp(cl *client.Client) {
	c.t.Helper()
	c.until(func() bool {
		status, err := cl.Status(c.t.Context())
		up := 0
		for _, n := range status {
			if n.Up {
				up++
			}
		}
		return err == nil && up == len(c.up)
	}, "the nodes did not all answer")
}

func (c *cluster) put(cl *client.Client, key, value string, opts ...client.Option) client.Result {
	c.t.Helper()
	r, err := cl.Put(context.Background(), []byte(key), []byte(value), opts...)
	if err != nil {
		c.t.Fatalf("put %q: %v", key, err)
	}
	return r
}

func (c *cluster) get(cl *client.Client, key string) string {
	c.t.Helper()
	r, err := cl.Get(context.Background(), []byte(key))
	if err != nil {
		c.t.Fatalf("get %q: %v", key, err)
	}
	return string(r.Value)
}

// keyOf returns a key that the node called owner owns.
func (c *cluster) keyOf(owner string, salt int) string {
	c.t.Helper()
	law, err := placement.New(c.law)
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; ; i++ {
		key := fmt.Sprintf("key-%d-%d", salt, i)
		if law.NodeName(law.Owners([]byte(key), nil)[0]) == owner {
			return key
		}
	}
}
