package monitor

import (
	"slices"
	"time"

	"dht/events"
)

// maxNodes bounds how many nodes a monitor believes in.
const maxNodes = 4096

// Heard says that a node has begun, or goes on, to tell of its answers. What is no
// node of the map that it names does not count.
func (g *Gatherer) Heard(i events.Info, at time.Time) {
	if !slices.ContainsFunc(i.Cluster.Nodes, func(m events.Member) bool { return m.Name == i.Node }) {
		return
	}
	if _, known := g.heard[i.Node]; !known && len(g.heard) >= maxNodes {
		return
	}
	if g.begun.IsZero() {
		g.begun = at
	}
	g.heard[i.Node], g.maps[i.Node] = at, i.Map
	if g.members != nil && g.isRare(i.Map) {
		return
	}
	g.members = g.members[:0:0]
	for _, m := range i.Cluster.Nodes {
		g.members = append(g.members, m.Name)
	}
}

// isRare reports whether more nodes hold another map.
func (g *Gatherer) isRare(id events.MapID) bool {
	holders := map[events.MapID]int{}
	for _, held := range g.maps {
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
func (g *Gatherer) isNode(name string) bool {
	_, heard := g.heard[name]
	return heard || g.members == nil || slices.Contains(g.members, name)
}

// Deaf says that messages were missed: until nodes are heard anew, what was not
// told means nothing.
func (g *Gatherer) Deaf() {
	g.begun = time.Time{}
	clear(g.heard)
	for _, e := range g.open {
		e.trusted = false
	}
}

func (g *Gatherer) hasSettled(at time.Time, wait time.Duration) bool {
	return !g.begun.IsZero() && at.Sub(g.begun) >= wait
}

// trusts reports whether who is silent about what was asked at that time is so.
func (g *Gatherer) trusts(at time.Time) bool {
	for _, name := range g.members {
		if _, heard := g.heard[name]; !heard {
			return g.hasSettled(at, late)
		}
	}
	return g.hasSettled(at, settling)
}
