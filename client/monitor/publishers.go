package monitor

import (
	"slices"
	"time"

	"dht/events"
)

const (
	// maxNodes bounds how many nodes a monitor believes in.
	maxNodes = 4096
	// warmUp is how long nodes may take to begin to publish their answers, from
	// when the first of them has begun; longWarmUp those that have not said so.
	warmUp     = 500 * time.Millisecond
	longWarmUp = 2 * time.Second
	// leaseHolds is how long a node that was leased is counted on to publish.
	leaseHolds = 3 * time.Second
)

// publishers are the nodes that have said that they publish their answers, and the
// map that they hold.
type publishers struct {
	members []string                // of the map, in its order; nil: not known
	maps    map[string]events.MapID // that a node holds
	seen    map[string]time.Time
	since   time.Time // when the first one was leased
}

func newPublishers() publishers {
	return publishers{maps: map[string]events.MapID{}, seen: map[string]time.Time{}}
}

func (p *publishers) leased(i events.Info, at time.Time) {
	if !slices.ContainsFunc(i.Cluster.Nodes, func(m events.Member) bool { return m.Name == i.Node }) {
		return
	}
	if _, known := p.seen[i.Node]; !known && len(p.seen) >= maxNodes {
		return
	}
	if p.since.IsZero() {
		p.since = at
	}
	p.seen[i.Node], p.maps[i.Node] = at, i.Map
	if p.members != nil && p.isRare(i.Map) {
		return
	}
	p.members = p.members[:0:0]
	for _, m := range i.Cluster.Nodes {
		p.members = append(p.members, m.Name)
	}
}

// isRare reports whether more nodes hold another map.
func (p *publishers) isRare(id events.MapID) bool {
	holders := map[events.MapID]int{}
	for _, held := range p.maps {
		holders[held]++
	}
	for _, n := range holders {
		if n > holders[id] {
			return true
		}
	}
	return false
}

// isNode reports whether somebody called so is there, as far as it is known who is.
func (p *publishers) isNode(name string) bool {
	_, seen := p.seen[name]
	return seen || p.members == nil || slices.Contains(p.members, name)
}

// publishes reports whether a node can be counted on at that time.
func (p *publishers) publishes(name string, at time.Time) bool {
	seen, ok := p.seen[name]
	return ok && at.Sub(seen) < leaseHolds
}

// left says that a node is closing.
func (p *publishers) left(name string) { delete(p.seen, name) }

// forget waits for all nodes anew.
func (p *publishers) forget() {
	p.since = time.Time{}
	clear(p.seen)
}

// began reports whether nodes have published for as long at that time.
func (p *publishers) began(at time.Time, ago time.Duration) bool {
	return !p.since.IsZero() && at.Sub(p.since) >= ago
}

// trusted reports whether who is silent about what was asked at that time is so.
func (p *publishers) trusted(at time.Time) bool {
	for _, name := range p.members {
		if _, seen := p.seen[name]; !seen {
			return p.began(at, longWarmUp)
		}
	}
	return p.began(at, warmUp)
}
