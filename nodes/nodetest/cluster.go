// Package nodetest holds what tests of nodes share: a cluster of nodes over
// stores in memory, and the suite that demands the same answers of every path
// that leads to them.
//
// It is imported by tests only. It imports events, quorum, nodes, placement and
// the store in memory (storetest).
package nodetest

import (
	"sync"
	"testing"
	"time"

	"dht/events"
	"dht/nodes"
	"dht/nodes/placement"
	"dht/nodes/store/storetest"
)

// Cluster is nodes over stores in memory, on a clock that the test turns.
type Cluster struct {
	Map   *placement.Map
	Nodes map[string]*nodes.Node
	Told  func(events.Event) // what every node is told to notify; may be nil, set before use

	tb     testing.TB
	stores map[string]*storetest.Memory

	mu  sync.Mutex // guards now
	now time.Time
}

// Three is a map whose owners can be read off the key: linux keeps what begins
// with l, mac what begins with m, android the rest.
func Three(epoch uint64, copies events.Copies) events.Cluster {
	return events.Cluster{Name: "three", Epoch: epoch, Copies: copies, Nodes: []events.Member{
		{Name: "linux", Rule: `prefix "l"`}, {Name: "mac", Rule: `prefix "m"`}, {Name: "android", Rule: "otherwise"}}}
}

// Swapped is Three after a change of rules: what begins with l is now mac's, and
// the other way round, so that both hold keys of the other.
func Swapped(epoch uint64) events.Cluster {
	c := Three(epoch, 1)
	c.Nodes[0].Rule, c.Nodes[1].Rule = c.Nodes[1].Rule, c.Nodes[0].Rule
	return c
}

// NewCluster makes the nodes of c. Their stores end with the test.
func NewCluster(tb testing.TB, c events.Cluster) *Cluster {
	tb.Helper()
	cluster := &Cluster{tb: tb, stores: map[string]*storetest.Memory{}, now: time.Now()}
	for _, member := range c.Nodes {
		s := storetest.NewMemory(cluster.Now)
		tb.Cleanup(func() { s.Close() })
		cluster.stores[member.Name] = s
	}
	cluster.Change(c)
	return cluster
}

// Change makes the nodes anew, by the map of c, over what their stores hold, and
// lets them hear of each other. Whatever path led to the old ones must be closed.
func (c *Cluster) Change(to events.Cluster) {
	c.tb.Helper()
	m, err := placement.New(to)
	if err != nil {
		c.tb.Fatal(err)
	}
	c.Map, c.Nodes = m, map[string]*nodes.Node{}
	for name, s := range c.stores {
		c.Nodes[name], err = nodes.New(nodes.Options{Map: m, Name: name, Store: s, Clock: events.NewClock(c.Now),
			Notify: c.notify})
		if err != nil {
			c.tb.Fatal(err)
		}
	}
	for _, n := range c.Nodes {
		for _, other := range c.Nodes {
			if err := n.Heard(other.Info(), events.PathNATS); err != nil {
				c.tb.Fatal(err)
			}
		}
	}
}

func (c *Cluster) notify(e events.Event) {
	if c.Told != nil {
		c.Told(e)
	}
}

// Now is the time of all nodes.
func (c *Cluster) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance turns the clock of all nodes on.
func (c *Cluster) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
