package nodes

import (
	"fmt"
	"sync"
	"time"

	"dht/events"
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
// time is told; the other learns nothing.
func (n *Node) Heard(info events.Info) error {
	if info.ID == n.id {
		return nil
	}
	if conflict := n.Conflict(info); conflict != nil {
		if n.youngerThan(info) {
			return conflict
		}
		return nil
	}
	if info.Map != n.Map.ID() {
		n.meet(info.Map, info.Node)
	} else {
		if !info.Settled {
			n.Clock.Observe(info.Newest) // what is stamped here must stand against it
		}
		n.peers.heard(info)
		n.forgetIfSettled()
	}
	return nil
}

func (p *peers) heard(info events.Info) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled[info.Node] = info.Settled
	if !info.Settled && info.Newest.Compare(p.floor) > 0 {
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

// Conflict says why this node and that which info is about cannot be on the same
// bus, whoever of them should leave; nil when they can. See [Node.Heard].
func (n *Node) Conflict(info events.Info) error {
	switch mine := n.Map.ID(); {
	case info.ID == n.id:
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
