package nodes

import (
	"fmt"
	"sync"
	"time"

	"dht/events"
	"dht/nodes/placement"
)

// peers remembers which nodes hold no record that belongs elsewhere, not even a
// tombstone. Within one map that only ever becomes true: a node that is no owner
// never stores a put.
type peers struct {
	mu      sync.RWMutex // guards what follows
	settled map[string]bool
	floor   events.Version // the newest that one who is not settled holds
}

// unsettled lists the other nodes that may hold keys from an earlier map: all
// that have not said otherwise. The first epoch has no earlier map.
func (p *peers) unsettled(n *Node) (names []string) {
	if n.Map.Epoch() == 1 {
		return nil
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	for i := range n.Map.Len() {
		if name := n.Map.NodeName(i); name != n.Name && !p.settled[name] {
			names = append(names, name)
		}
	}
	return names
}

// Heard takes what a node says of itself, this one's own words included. An
// error says why this node cannot be on the same bus: another process has its
// name ([events.ErrNameTaken]), another map is in force at the same epoch or a
// newer one ([events.ErrStaleMap]), another cluster uses the same subjects
// ([events.ErrConfig]). Of two in conflict the one that has run for the shorter
// time has to go; the other learns nothing, but that a newer map is in force: it
// stays to say so, see [Node.current].
//
// What is no answer to a question of this node's may be made up: whoever brings it
// asks its sender again where [Node.Conflict] is an error, and passes on that
// answer only, here or to [Node.Yield].
func (n *Node) Heard(info events.Info) error {
	if conflict := n.Conflict(info); conflict != nil {
		n.Yield(info)
		if n.youngerThan(info) {
			return conflict
		}
		return nil
	}
	switch {
	case info.ID == n.id:
	case info.Map != n.Map.ID():
		n.mismatch(info.Map, info.Node)
	case n.Map.Index(info.Node) >= 0:
		n.peers.heard(n, info)
		n.forgetIfSettled()
	}
	return nil
}

// Yield makes the node answer nothing but stale-map when info, which its sender has
// confirmed, comes under a newer map of the same cluster: by that one others may own,
// and by now have stored, what this node would say is absent. There is no way back
// but a new start, for whoever follows the newer map may only be out of reach.
//
// Anybody on the bus can make up a node that this map does not know: then the node
// serves on, and only says of nothing that it is absent, as long as it hears of it.
func (n *Node) Yield(info events.Info) {
	switch {
	case !n.isNewer(info):
		return
	case n.Map.Index(info.Node) < 0:
		n.doubted.Store(n.Clock.Now().Add(doubtFor).UnixMilli())
		n.mismatch(info.Map, info.Node)
		return
	}
	for {
		newer := n.newer.Load()
		if newer != nil && newer.Epoch >= info.Map.Epoch {
			return
		}
		if n.newer.CompareAndSwap(newer, &info.Map) {
			break
		}
	}
	n.Notify(events.Event{Type: events.EventMapMismatch,
		Detail: fmt.Sprintf("map %s is in force, so says %s: %s holds %s and answers nothing by it any more; start it with the newer cluster file",
			info.Map, info.Node, n.Name, n.Map.ID())})
}

// isNewer reports whether info comes under a newer map of this cluster, from another
// node of that map.
func (n *Node) isNewer(info events.Info) bool {
	if info.Cluster.Name != n.Map.Name() || info.Map.Epoch <= n.Map.Epoch() || info.Node == n.Name {
		return false
	}
	m, err := placement.Parse(info.Cluster)
	return err == nil && m.ID() == info.Map && m.Index(info.Node) >= 0
}

// doubtFor is how long a newer map of a node that is not known here makes absent
// keys uncertain. Nodes ask each other more often than that.
const doubtFor = time.Minute

// doubt is why the node cannot say that a key is absent; nil when it can.
func (n *Node) doubt(now time.Time) error {
	if now.UnixMilli() >= n.doubted.Load() {
		return nil
	}
	return fmt.Errorf("%w: a newer one was heard of, by which another node may have the key, and %s still holds %s", events.ErrStaleMap, n.Name, n.Map.ID())
}

// heard takes a member's word. What is stamped here must stand against what the
// member still holds; but one whose clock is wrong does not move this node's.
func (p *peers) heard(n *Node, info events.Info) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled[info.Node] = info.Settled
	if !info.Settled && n.Clock.Admit(n.Clock.Now(), info.Newest) == nil && info.Newest.Compare(p.floor) > 0 {
		p.floor = info.Newest
	}
}

// above is the version that a write must be newer than, to stand against what
// another node may still hold of its key.
func (p *peers) above(n *Node) events.Version {
	if len(p.unsettled(n)) == 0 {
		return events.Version{}
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.floor
}

// forgetIfSettled lets tombstones go when no older record of their keys can
// come from another node: while one may, they keep deleted keys deleted.
func (n *Node) forgetIfSettled() {
	if len(n.peers.unsettled(n)) == 0 {
		n.Store.Forget(time.UnixMilli(1<<48 - 1)) // later than every version
	}
}

// Conflict is why this node and the one that says info cannot be on the same bus;
// nil when they can.
func (n *Node) Conflict(info events.Info) error {
	switch mine := n.Map.ID(); {
	case info.ID == n.id, info.Map.Epoch != info.Cluster.Epoch: // itself; or nothing that a node says
		return nil
	case info.Cluster.Name != n.Map.Name():
		return fmt.Errorf("%w: cluster %q uses the same subjects on this bus: give %q a prefix of its own", events.ErrConfig, info.Cluster.Name, n.Map.Name())
	case info.Node == n.Name:
		return fmt.Errorf("%w: another process is node %q on this bus, up since %s", events.ErrNameTaken, n.Name, info.Started.Format("15:04:05"))
	case info.Map.Epoch == mine.Epoch && info.Map.Hash != mine.Hash:
		return fmt.Errorf("%w: %s has another map of the same epoch (%s, here %s): use its cluster file, or raise epoch", events.ErrStaleMap, info.Node, info.Map, mine)
	case info.Map.Epoch > mine.Epoch:
		return fmt.Errorf("%w: %s has epoch %d, this file is epoch %d: use the newer cluster file", events.ErrStaleMap, info.Node, info.Map.Epoch, mine.Epoch)
	}
	return nil
}

// youngerThan compares how long both have run, each by its own clock: a skewed
// clock must not make a newcomer look like the elder.
func (n *Node) youngerThan(info events.Info) bool {
	uptime := n.Clock.Now().Sub(n.started).Milliseconds()
	if uptime != info.UptimeMS {
		return uptime < info.UptimeMS
	}
	return n.id.Compare(info.ID) > 0
}
