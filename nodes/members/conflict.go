package members

import (
	"fmt"
	"time"

	"dht/events"
	"dht/nodes/placement"
)

// Conflict is why this node and the one that says info cannot be on the same bus;
// nil when they can.
func (t *Table) Conflict(info events.Info) error {
	law := t.View().Map
	switch mine := law.ID(); {
	case info.ID == t.self.Run, info.Map.Epoch != info.Cluster.Epoch: // itself; or nothing that a node says
		return nil
	case info.Cluster.Name != law.Name():
		return fmt.Errorf("%w: cluster %q uses the same subjects on this bus: give %q a prefix of its own",
			events.ErrConfig, info.Cluster.Name, law.Name())
	case info.Node == t.self.Name:
		return fmt.Errorf("%w: another process is node %q on this bus, up since %s",
			events.ErrNameTaken, t.self.Name, info.Started.Format("15:04:05"))
	case info.Map.Epoch == mine.Epoch && info.Map.Hash != mine.Hash:
		return fmt.Errorf("%w: %s has another map of the same epoch (%s, here %s): "+
			"use its cluster file, or raise epoch",
			events.ErrStaleMap, info.Node, info.Map, mine)
	case info.Map.Epoch > mine.Epoch:
		return fmt.Errorf("%w: %s has epoch %d, this file is epoch %d: use the newer cluster file",
			events.ErrStaleMap, info.Node, info.Map.Epoch, mine.Epoch)
	}
	return nil
}

// Younger compares how long this node and the one that says info have run, each by
// its own clock: a skewed clock must not make a newcomer look like the elder.
func (t *Table) Younger(info events.Info, now time.Time) bool {
	uptime := now.Sub(t.self.Started).Milliseconds()
	if uptime != info.UptimeMS {
		return uptime < info.UptimeMS
	}
	return t.self.Run.Compare(info.ID) > 0
}

// Effect is what a newer map that was named means for this node's own.
type Effect int

const (
	Unchanged  Effect = iota
	Doubted           // absent keys are uncertain for a while
	Superseded        // this node's map is not in force any more
)

// doubtFor is how long a newer map of a node that is not known here makes absent
// keys uncertain. Nodes ask each other more often than that.
const doubtFor = time.Minute

// Yield takes a newer map of the same cluster that the sender of info has confirmed.
// Anybody on the bus can make up a node that this map does not know: that one's word
// only makes absent keys uncertain. A map that is superseded stays so until another
// is set, for whoever follows the newer one may only be out of reach.
func (t *Table) Yield(info events.Info, now time.Time) Effect {
	law := t.View().Map
	if !follows(info, law) || info.Node == t.self.Name {
		return Unchanged
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.publish()
	if law.Index(info.Node) < 0 {
		t.next.doubted = now.Add(doubtFor).UnixMilli()
		return Doubted
	}
	if newer := t.next.Newer; newer != nil && newer.Epoch >= info.Map.Epoch {
		return Unchanged
	}
	newer := info.Map
	t.next.Newer = &newer
	m := t.member(info.Node)
	m.held, m.clean = info.Map, info.Clean
	return Superseded
}

// follows reports whether info comes under a newer map of law's cluster, from a node
// of that map.
func follows(info events.Info, law *placement.Map) bool {
	if info.Cluster.Name != law.Name() || info.Map.Epoch <= law.Epoch() {
		return false
	}
	m, err := placement.Parse(info.Cluster)
	return err == nil && m.ID() == info.Map && m.Index(info.Node) >= 0
}

// Doubted reports whether a newer map was named lately by which another node may
// have the keys that are absent here.
func (v *View) Doubted(now time.Time) bool { return now.UnixMilli() < v.doubted }
