package nodes

import (
	"fmt"
	"time"

	"dht/events"
	"dht/nodes/members"
)

// Members is what the node knows of the others.
func (n *Node) Members() *members.Table { return n.members }

// Heard takes what a node says of itself, this one's own words included, and the
// path on which it said so. An error says why this node cannot be on the same bus:
// another process has its name ([events.ErrNameTaken]), another map is in force at
// the same epoch or a newer one ([events.ErrStaleMap]), another cluster uses the same
// subjects ([events.ErrConfig]). Of two in conflict the one that has run for the
// shorter time has to go; the other learns nothing, but that a newer map is in force:
// it stays to say so, see [Node.Ready].
//
// What is no answer to a question of this node's may be made up: whoever brings it
// asks its sender again where [members.Table.Conflict] is an error, and passes on
// that answer only, here or to [Node.Yield].
func (n *Node) Heard(info events.Info, path events.LinkPath) error {
	now := n.Clock.Now()
	if conflict := n.members.Conflict(info); conflict != nil {
		n.Yield(info)
		if n.members.Younger(info, now) {
			return conflict
		}
		return nil
	}
	if info.ID == n.id {
		return nil
	}
	law := n.Map()
	if info.Map != law.ID() {
		n.mismatch(info.Map, info.Node)
	}
	// What is stamped here must stand against what a member that is not clean still
	// holds; but one whose clock is wrong does not move this node's.
	if !info.Clean && law.Index(info.Node) >= 0 && n.Clock.Admit(now, info.Newest) != nil {
		info.Newest = events.Version{}
	}
	n.members.Hear(info, path, now)
	n.forgetIfClean()
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
	switch n.members.Yield(info, n.Clock.Now()) {
	case members.Doubted:
		n.mismatch(info.Map, info.Node)
	case members.Superseded:
		n.Notify(events.Event{Type: events.EventMapMismatch,
			Detail: fmt.Sprintf("map %s is in force, so says %s: %s holds %s and answers nothing by it any more; "+
				"start it with the newer cluster file", info.Map, info.Node, n.Name, n.Map().ID())})
	}
}

// mismatch notes that who believes in another map: nobody's word yet, but a reason
// to ask the nodes what they hold.
func (n *Node) mismatch(other events.MapID, who string) {
	if n.members.Mismatch(other, n.Clock.Now()) {
		n.Notify(events.Event{Type: events.EventMapMismatch,
			Detail: fmt.Sprintf("%s believes in map %s, %s holds %s", who, other, n.Name, n.Map().ID())})
	}
}

// doubt is why the node cannot say that a key is absent; nil when it can.
func (n *snapshot) doubt(v *members.View, now time.Time) error {
	if !v.Doubted(now) {
		return nil
	}
	return fmt.Errorf("%w: a newer one was heard of, by which another node may have the key, and %s still holds %s",
		events.ErrStaleMap, n.Name, n.Map.ID())
}

// forgetIfClean lets tombstones go when no older record of their keys can come from
// another node: while one may, they keep deleted keys deleted.
func (n *Node) forgetIfClean() {
	if len(n.members.View().Unclean) == 0 {
		n.Store.Forget(time.UnixMilli(1<<48 - 1)) // later than every version
	}
}
