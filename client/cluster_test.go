package client_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"dht/client"
	"dht/client/cli/host"
	"dht/client/cli/host/hosttest"
	"dht/configs"
	"dht/events"
	"dht/nodes/placement"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is a set of whole nodes, each in its own folder and with a NATS server of
// its own, unless there is an outside one.
type cluster struct {
	t      testing.TB
	folder string
	law    events.Cluster
	skew   map[string]time.Duration // of nodes' clocks
	later  atomic.Int64             // nanoseconds that nodes believe to have passed meanwhile
	up     map[string]*host.Node
	routes map[string]string // of those that are up

	outside string // URL of the NATS server of all nodes; empty: each has its own
}

func example(epoch uint64, copies events.Copies) events.Cluster {
	return events.Cluster{Name: "three", Epoch: epoch, Copies: copies, Nodes: []events.Member{
		{Name: "linux", Rule: "md5 % 2 == 0"}, {Name: "mac", Rule: "sha1 % 3 == 0"}, {Name: "android", Rule: "otherwise"}}}
}

// newCluster starts every node of law.
func newCluster(t testing.TB, law events.Cluster) *cluster {
	t.Helper()
	return newClusterOn(t, law, "")
}

func newClusterOn(t testing.TB, law events.Cluster, outside string) *cluster {
	t.Helper()
	c := &cluster{outside: outside, t: t, folder: t.TempDir(), law: law, skew: map[string]time.Duration{},
		up: map[string]*host.Node{}, routes: map[string]string{}}
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
func (c *cluster) tryStart(name, as string) error {
	config := c.config(as)
	self, err := config.Node(name)
	if err != nil {
		return err
	}
	skew := c.skew[name]
	node, err := host.Open(c.t.Context(), host.Options{Config: config, Node: self, Now: func() time.Time { return c.now().Add(skew) }})
	if err != nil {
		return err
	}
	c.up[as] = node
	if c.outside == "" {
		c.routes[name] = node.RouteAddr().String()
		c.joined(node)
	}
	return nil
}

// config is the cluster file by which a node starts now; as is its folder.
func (c *cluster) config(as string) *configs.Config {
	config := hosttest.Config(c.law, c.outside, c.folder)
	for i := range config.Nodes {
		n := &config.Nodes[i]
		n.Route, n.Data = c.routes[n.Name], filepath.Join(c.folder, as)
	}
	return config
}

func (c *cluster) now() time.Time { return time.Now().Add(time.Duration(c.later.Load())) }

// joined waits until the server of node n has met all others.
func (c *cluster) joined(n *host.Node) {
	c.t.Helper()
	c.until(func() bool {
		return !slices.ContainsFunc(n.Info().Links, func(l events.Link) bool { return l.State != events.LinkUp })
	}, "the servers did not join")
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

// kill takes a node with its server away.
func (c *cluster) kill(name string) {
	c.t.Helper()
	if err := c.up[name].Close(); err != nil {
		c.t.Errorf("stop %s: %v", name, err)
	}
	delete(c.up, name)
	delete(c.routes, name)
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
	c.law = law
	for _, n := range law.Nodes {
		c.start(n.Name)
	}
}

func (c *cluster) urls() (list []string) {
	if c.outside != "" {
		return []string{c.outside}
	}
	for _, n := range c.up {
		list = append(list, n.NATSAddr())
	}
	return list
}

// connect is a connection to NATS of somebody who knows nothing else.
func (c *cluster) connect() *nats.Conn {
	c.t.Helper()
	conn, err := nats.Connect(c.urls()[0])
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(conn.Close)
	return conn
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
