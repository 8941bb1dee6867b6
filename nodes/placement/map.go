package placement

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/zeebo/xxh3"

	"dht/events"
)

// Map is a cluster map: name, epoch, copies, and the ordered list of nodes with
// their rules. It is immutable and safe for concurrent use.
type Map struct {
	name   string
	epoch  uint64
	copies events.Copies
	nodes  []node
	id     events.MapID
}

type node struct {
	name  string
	rule  Rule
	seeds []uint64 // one for each unit of weight, see score

	// What every other node answers about a key of this one alone.
	alone []string
	first string
}

// New checks a cluster and makes it a map. Errors are [events.ErrConfig]; one
// is that the rules leave keys unclaimed, and its text shows such a key.
func New(c events.Cluster) (*Map, error) {
	m, err := Parse(c)
	if err != nil {
		return nil, err
	}
	if key, gap := m.Gap(); gap {
		return nil, m.gapError(key)
	}
	return m, nil
}

// Parse is [New] without the search for unclaimed keys.
func Parse(c events.Cluster) (*Map, error) {
	m := &Map{name: c.Name, epoch: c.Epoch, copies: c.Copies}
	for _, member := range c.Nodes {
		if m.Index(member.Name) >= 0 {
			return nil, fmt.Errorf("%w: two nodes are named %q", events.ErrConfig, member.Name)
		}
		n, err := newNode(member)
		if err != nil {
			return nil, err
		}
		m.nodes = append(m.nodes, n)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m.id = events.MapID{Epoch: m.epoch, Hash: m.hash()}
	return m, nil
}

func newNode(member events.Member) (node, error) {
	if err := CheckName("node", member.Name); err != nil {
		return node{}, err
	}
	rule, err := ParseRule(member.Rule)
	if err != nil {
		return node{}, fmt.Errorf("node %s: %w", member.Name, err)
	}
	n := node{name: member.Name, rule: rule, seeds: make([]uint64, max(1, rule.weight))}
	for i := range n.seeds {
		n.seeds[i] = xxh3.HashStringSeed(n.name, uint64(i))
	}
	n.alone = []string{n.name}
	n.first = comeFirst(n.alone)
	return n, nil
}

// CheckName returns [events.ErrConfig] unless name is 1 to 63 of [a-z0-9-]: it
// becomes part of subjects and of paths.
func CheckName(what, name string) error {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	if len(name) >= 1 && len(name) <= 63 && strings.Trim(name, letters) == "" {
		return nil
	}
	return fmt.Errorf("%w: %s name %q: use 1 to 63 of a-z, 0-9 and -", events.ErrConfig, what, name)
}

func (m *Map) check() error {
	switch {
	case len(m.nodes) == 0:
		return fmt.Errorf("%w: the map has no nodes", events.ErrConfig)
	case m.epoch == 0:
		return fmt.Errorf("%w: epoch must be at least 1", events.ErrConfig)
	case m.copies == 0 || m.copies < events.EveryMatch:
		return fmt.Errorf("%w: copies = %d: write 1, 2, 3 … or \"every-match\"", events.ErrConfig, int(m.copies))
	case int(m.copies) > len(m.nodes):
		return fmt.Errorf("%w: copies = %d, but there are only %d nodes", events.ErrConfig, int(m.copies), len(m.nodes))
	}
	return CheckName("cluster", m.name)
}

func (m *Map) hash() uint64 {
	h := sha256.New()
	fmt.Fprintf(h, "%s %d %s\n", m.name, m.epoch, m.copies)
	for i := range m.nodes {
		fmt.Fprintf(h, "%s %s\n", m.nodes[i].name, m.nodes[i].rule)
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

func (m *Map) gapError(key string) error {
	if key == "" {
		return fmt.Errorf("%w: these rules cannot be shown to cover every key: add a node with the rule otherwise",
			events.ErrConfig)
	}
	return fmt.Errorf("%w: the rules leave keys unclaimed: nobody would keep %q; add a node with the rule otherwise",
		events.ErrConfig, key)
}

// ID names the map by its epoch and a hash of all that is in it.
func (m *Map) ID() events.MapID { return m.id }

// Name is the cluster's name.
func (m *Map) Name() string { return m.name }

// Epoch rises with every change of the map.
func (m *Map) Epoch() uint64 { return m.epoch }

// Copies says how many owners each key has.
func (m *Map) Copies() events.Copies { return m.copies }

// Len is the number of nodes.
func (m *Map) Len() int { return len(m.nodes) }

// NodeName is the name of node i, in map order.
func (m *Map) NodeName(i int) string { return m.nodes[i].name }

// NodeRule is the rule of node i, in map order.
func (m *Map) NodeRule(i int) Rule { return m.nodes[i].rule }

// Index is the place of the node called name, -1 when there is none.
func (m *Map) Index(name string) int {
	for i := range m.nodes {
		if m.nodes[i].name == name {
			return i
		}
	}
	return -1
}

// Names returns the names of the nodes at the given places, of all nodes when
// places is nil.
func (m *Map) Names(places []int) []string {
	if places == nil {
		places = make([]int, len(m.nodes))
		for i := range places {
			places[i] = i
		}
	}
	names := make([]string, len(places))
	for i, place := range places {
		names[i] = m.nodes[place].name
	}
	return names
}

// Cluster is the map as it travels, rules in their normal form.
func (m *Map) Cluster() events.Cluster {
	c := events.Cluster{Name: m.name, Epoch: m.epoch, Copies: m.copies}
	for i := range m.nodes {
		c.Nodes = append(c.Nodes, events.Member{Name: m.nodes[i].name, Rule: m.nodes[i].rule.String()})
	}
	return c
}
