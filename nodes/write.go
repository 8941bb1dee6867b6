package nodes

import (
	"fmt"
	"math"
	"time"

	"dht/events"
)

// write decides a put or delete of several entries. What this node owns goes to
// the store as one batch; the reply waits until that is durable.
func (n *snapshot) write(op events.Op, reqs []events.Request, begun time.Time, bound int64,
	reply func([]events.Answer)) {
	w := &batch{node: n, op: op, reqs: reqs, begun: begun, bounded: bound < math.MaxInt64,
		answers: make([]events.Answer, len(reqs)), reply: reply}
	for i := range reqs {
		w.entry(i, &reqs[i])
	}
	if len(w.changes) == 0 {
		w.answer()
		return
	}
	if w.bounded && n.inFlight.Add(int64(len(w.changes))) > bound {
		w.finish(fmt.Errorf("%w: %s has %d writes waiting for its disk", events.ErrBusy, n.Name, maxInFlight))
		return
	}
	n.Store.Apply(w.changes, w.finish)
}

// batch is one message of writes on its way through the store.
type batch struct {
	node    *snapshot
	op      events.Op
	reqs    []events.Request
	begun   time.Time
	bounded bool // counted in flight
	answers []events.Answer
	changes []events.Change
	written []written // what finish notifies of
	entries []int     // the entry of each change
	reply   func([]events.Answer)
}

// written is a record and the id of the request that wrote it.
type written struct {
	events.Record
	request []byte
}

// entry answers one entry at once, or adds its change.
func (b *batch) entry(i int, r *events.Request) {
	n := b.node
	if err := n.admit(b.op, r); err != nil {
		b.answers[i] = n.Refuse(err)
		return
	}
	verdict := n.judge(r)
	if verdict.Owner == 0 {
		b.answers[i] = n.notStored(verdict, r)
		return
	}
	if err := n.checkStamp(b.begun, r); err != nil {
		b.answers[i] = n.Refuse(err)
		return
	}
	b.answers[i] = n.answer("")
	b.answers[i].Owner = verdict.Owner
	if b.op == events.OpUpdate || r.Update == events.UpdateRead { // reads stand among writes of any kind
		b.update(i, r)
		return
	}
	b.add(i, events.Change{Key: r.Key, Blind: true, Decide: b.decide(i, r)})
}

// add adds a change of entry i.
func (b *batch) add(i int, c events.Change) {
	b.entries = append(b.entries, i)
	b.changes = append(b.changes, c)
}

// checkStamp refuses a version that another clock stamped, when it is of
// another time. What is installed may be old: somebody took it once.
func (n *snapshot) checkStamp(now time.Time, r *events.Request) error {
	if r.Version.IsZero() {
		return nil
	}
	ahead := r.Version.Time().Sub(now)
	if n.Clock.Admit(now, r.Version) != nil {
		return fmt.Errorf("%w: the version was stamped %v ahead of the clock of %s",
			events.ErrClockAhead, ahead.Round(time.Millisecond), n.Name)
	}
	if ahead < -MaxAge && r.Update != events.UpdateInstall {
		return fmt.Errorf("%w: the version was stamped %v ago by the clock of %s",
			events.ErrLate, -ahead.Round(time.Millisecond), n.Name)
	}
	return nil
}

// stamp gives a version to a write of entry i that has none: the first owner does
// that for a client that does not, at every-match each owner for itself. It is
// stamped as it is decided, later than what stands, and so never superseded.
// Where nothing is later the answer says so, and nothing may be written.
func (b *batch) stamp(i int, current *events.Record) (v events.Version, ok bool) {
	v, err := b.node.Clock.NextAfter(current.Version)
	if err != nil {
		b.answers[i] = b.refuse(b.answers[i].Owner, err)
	}
	return v, err == nil
}

// decide returns how one entry is decided by what stands: last version wins, and an
// equal version is the same write again.
func (b *batch) decide(i int, r *events.Request) func(events.Record) (events.Record, bool) {
	return func(current events.Record) (events.Record, bool) {
		a, version, ok := &b.answers[i], r.Version, true
		if version.IsZero() {
			if version, ok = b.stamp(i, &current); !ok {
				return events.Record{}, false
			}
		}
		a.Version = version
		next := events.Record{Key: r.Key, Version: version}
		if b.op == events.OpDelete {
			next.Deleted = true
			a.Status = events.StatusDeleted
		} else {
			next.Value, next.Expires = r.Value, r.Expires
			a.Status = events.StatusStored
		}
		if above := b.node.members.View().Above(); version.Compare(above) <= 0 && version.Compare(current.Version) > 0 {
			a.Status, a.Version = events.StatusSuperseded, above
			return events.Record{}, false
		}
		switch order := current.Version.Compare(version); {
		case order > 0 || order == 0 && current.Corrupt:
			a.Status, a.Version = events.StatusSuperseded, current.Version
			return events.Record{}, false
		case order == 0:
			return events.Record{}, false
		case next.Deleted && !current.Corrupt && !current.Live(b.node.Clock.Now()):
			a.Status = events.StatusAbsent
			// Nothing was here; but a node that is not clean may hold
			// the key from an earlier map, and only a newer tombstone hides that.
			a.AlsoAsk = b.node.members.View().Unclean
			return next, len(a.AlsoAsk) > 0
		}
		b.written = append(b.written, written{next, r.ID})
		return next, true
	}
}

// finish replies when the store has done, or failed.
func (b *batch) finish(err error) {
	if b.bounded {
		b.node.inFlight.Add(-int64(len(b.changes)))
	}
	if err != nil {
		for _, i := range b.entries {
			owner := b.answers[i].Owner
			b.answers[i] = b.node.Refuse(err)
			b.answers[i].Owner = owner
		}
		b.answer()
		return
	}
	clock := b.node.Clock
	now := clock.Now()
	for _, r := range b.written {
		t := events.EventPut
		if r.Deleted {
			t = events.EventDelete
		}
		b.node.Notify(events.Event{ID: clock.NextAt(now), Type: t, Request: r.request}.About(r.Record))
	}
	b.answer() // last: the records lie in a buffer that is used again after it
}

func (b *batch) answer() {
	b.node.answered(b.op, b.reqs, b.answers, b.begun)
	b.reply(b.answers)
}
