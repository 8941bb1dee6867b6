package nodes

import (
	"errors"
	"fmt"
	"time"

	"dht/events"
	"dht/nodes/placement"
)

// snapshot is the node by one cluster map. It never changes: an operation takes the
// one in force once, and so judges, stores and answers by the same map throughout.
type snapshot struct {
	*Node
	Map       *placement.Map
	index     int  // of the node in Map
	misplaced int  // live keys that belong to other nodes
	clean     bool // no record here, a tombstone neither, belongs to another node
}

// setMap makes m the map in force, by which all operations go that begin later.
// Which map may follow another one, and what becomes of the writes that are still
// under way by that one, is for the caller to know: [New] has no earlier one.
func (n *Node) setMap(m *placement.Map) error {
	s := &snapshot{Node: n, Map: m, index: m.Index(n.Name)}
	if s.index < 0 {
		return fmt.Errorf("%w: the cluster map has no node %q", events.ErrConfig, n.Name)
	}
	if m.Copies() > 1 {
		return fmt.Errorf("%w: copies = %s: nodes do not keep copies yet, only 1 or \"every-match\"",
			events.ErrConfig, m.Copies())
	}
	if err := s.survey(); err != nil {
		return fmt.Errorf("survey the keys of %s: %w", n.Name, err)
	}
	n.at.Store(s)
	n.members.SetMap(m)
	return nil
}

// survey finds what an earlier map has left here. That never grows: a node that
// is no owner never stores a put.
func (n *snapshot) survey() error {
	n.clean = true
	now := n.Clock.Now()
	for after, more := []byte(nil), true; more; {
		records, left, err := n.Store.Scan(after, surveyPage)
		if errors.Is(err, events.ErrCorrupt) { // it still serves what is certain
			n.clean = false
		} else if err != nil {
			return err
		}
		for i := range records {
			n.count(&records[i], now)
			after = records[i].Key
		}
		more = left && len(records) > 0
	}
	return nil
}

// surveyPage is how many records are looked at together.
const surveyPage = 1000

// count notes it when a record belongs to another node.
func (n *snapshot) count(r *events.Record, now time.Time) {
	if n.Map.Ordinal(n.index, r.Key) > 0 {
		return
	}
	n.clean = false
	if r.Live(now) {
		n.misplaced++
	}
}
