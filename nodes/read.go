package nodes

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"time"

	"dht/events"
	"dht/nodes/placement"
)

// read answers an operation that changes nothing.
func (n *snapshot) read(op events.Op, reqs []events.Request, now time.Time) []events.Answer {
	switch op {
	case events.OpGet:
		return n.get(reqs, now)
	case events.OpKeys:
		if len(reqs) == 1 {
			return n.keys(&reqs[0])
		}
		return []events.Answer{n.Refuse(fmt.Errorf("%w: one listing a message: its answer has many entries already",
			events.ErrBadRequest))}
	}
	return []events.Answer{n.Refuse(fmt.Errorf("%w: no operation %q", events.ErrBadRequest, op))}
}

// get answers from what is stored here. What the answers have no room for is not
// read.
func (n *snapshot) get(reqs []events.Request, now time.Time) []events.Answer {
	answers := make([]events.Answer, len(reqs))
	if limit := reqs[0].Limit; len(reqs) == 1 && !reqs[0].Head && (limit == 0 || limit >= events.MaxValue) {
		if verdict, may := n.mayKnow(&reqs[0], &answers[0]); may {
			record, err := n.Store.Get(reqs[0].Key)
			answers[0] = n.known(&record, err, &reqs[0], verdict, now)
		}
		return answers
	}
	keys := make([][]byte, 0, len(reqs))
	r := reading{node: n, reqs: reqs, answers: answers, now: now, room: math.MaxInt,
		asked: make([]lookup, 0, len(reqs))}
	if reqs[0].Limit > 0 {
		r.room = reqs[0].Limit
	}
	for i := range reqs {
		if verdict, may := n.mayKnow(&reqs[i], &answers[i]); may {
			keys, r.asked = append(keys, reqs[i].Key), append(r.asked, lookup{entry: i, verdict: verdict})
		}
	}
	n.Store.GetAll(keys, r.take, r.each)
	return answers
}

// lookup is an entry of a get that the store must be asked about.
type lookup struct {
	entry   int
	verdict placement.Verdict
	size    int  // of the value, as far as there is one
	left    bool // out, for want of room
}

// reading is a get of several entries, or of less than the value.
type reading struct {
	node    *snapshot
	reqs    []events.Request
	answers []events.Answer
	asked   []lookup
	room    int // for values
	now     time.Time
}

// take reports whether the value of key k, of so many bytes, is to be read.
func (g *reading) take(k, size int) bool {
	q := &g.asked[k]
	q.size = size
	if g.reqs[q.entry].Head {
		return false
	}
	if q.left = size > g.room; q.left {
		return false
	}
	g.room -= size
	return true
}

func (g *reading) each(k int, record events.Record, err error) {
	q := &g.asked[k]
	r, a := &g.reqs[q.entry], &g.answers[q.entry]
	*a = g.node.known(&record, err, r, q.verdict, g.now)
	if a.Status == events.StatusFound && (r.Head || q.left) {
		g.node.leaveOut(a, q.size, r)
	}
}

// leaveOut makes a an answer without the value, which it has no room for, or which
// nobody asked for.
func (n *snapshot) leaveOut(a *events.Answer, size int, r *events.Request) {
	if !r.Head {
		owner := a.Owner
		*a = n.Refuse(fmt.Errorf("%w: the answer has no room for the %d bytes of this value: "+
			"ask for fewer keys at a time, or over TCP", events.ErrTooLarge, size))
		a.Owner = owner
	}
	a.Value, a.Bytes = nil, int64(size)
}

// mayKnow reports whether the store may know something of the key asked for;
// otherwise it gives the answer. A node that is no owner still says what it
// knows of a key, deleted or not: an earlier map may have put it there.
func (n *snapshot) mayKnow(r *events.Request, a *events.Answer) (v placement.Verdict, may bool) {
	if err := n.admit(events.OpGet, r); err != nil {
		*a = n.Refuse(err)
		return v, false
	}
	v = n.judge(r)
	if v.Owner == 0 && n.clean {
		*a = n.notStored(v, r)
		return v, false
	}
	return v, true
}

// known answers what the store knows of the key asked for.
func (n *snapshot) known(record *events.Record, err error, r *events.Request, v placement.Verdict,
	now time.Time) events.Answer {
	switch {
	case err != nil:
		return n.Refuse(fmt.Errorf("get %q: %w", r.Key, err))
	case v.Owner == 0 && !record.Known():
		return n.notStored(v, r)
	}
	return n.recorded(record, v.Owner, now)
}

// recorded answers what stands here. An owner names the nodes that may know
// something newer: rules that change, and change back, leave an old record at
// an owner and a newer one elsewhere.
func (n *snapshot) recorded(r *events.Record, owner int, now time.Time) events.Answer {
	a := n.answer(events.StatusAbsent)
	a.Owner, a.Version = owner, r.Version
	switch {
	case r.Live(now):
		a.Status, a.Value, a.Expires = events.StatusFound, r.Value, r.Expires
	case r.Known(): // an expired record counts as a tombstone
		a.Status = events.StatusDeleted
	}
	if owner == 0 {
		return a
	}
	others := n.members.View()
	if err := n.doubt(others, now); err != nil && a.Status != events.StatusFound {
		a = n.Refuse(err)
		a.Owner = owner
		return a
	}
	a.AlsoAsk = others.Unclean
	return a
}

// read adds a read of entry i that comes in the order of the writes.
func (b *batch) read(i int, r *events.Request) {
	verdict := placement.Verdict{Owner: b.answers[i].Owner}
	b.add(i, events.Change{Key: r.Key, Decide: func(current events.Record) (events.Record, bool) {
		var err error
		if current.Corrupt {
			err = fmt.Errorf("%w: damage hides what stands", events.ErrCorrupt)
		}
		a := &b.answers[i]
		*a = b.node.known(&current, err, r, verdict, b.node.Clock.Now())
		switch size := len(current.Value); {
		case a.Status != events.StatusFound:
		case r.Head || r.Limit > 0 && size > r.Limit:
			b.node.leaveOut(a, size, r)
		default:
			// it may lie in the buffer of who wrote it in this batch, and is answered first
			a.Value = bytes.Clone(a.Value)
		}
		return events.Record{}, false
	}})
}

const (
	maxListKeys = 1000
	listRoom    = 1 << 20 // bytes of one answer, unless the request says
)

// keys lists what is stored here, misplaced keys included; where damage hides
// some, the last answer says so and the others are those that are certain.
func (n *snapshot) keys(r *events.Request) []events.Answer {
	if err := n.current(events.OpKeys, r); err != nil {
		return []events.Answer{n.Refuse(err)}
	}
	limit := maxListKeys
	if r.Limit > 0 && r.Limit < limit {
		limit = r.Limit
	}
	keys, more, err := n.Store.List(r.Prefix, r.After, limit)
	last := n.answer("")
	if err != nil {
		last = n.Refuse(fmt.Errorf("list keys: %w", err))
	}
	fit := fitting(keys, cmp.Or(int(r.Room), listRoom)-len(events.AppendAnswers(nil, last)))
	if fit == 0 && len(keys) > 0 {
		last = n.Refuse(fmt.Errorf("%w: the next key does not fit an answer of %d bytes", events.ErrTooLarge, r.Room))
	}
	answers := make([]events.Answer, 0, fit+1)
	for _, k := range keys[:fit] {
		answers = append(answers, events.Answer{Key: k.Key, Version: k.Version, Expires: k.Expires, Bytes: k.Bytes})
	}
	last.More = more || fit < len(keys)
	return append(answers, last)
}

// fitting is how many of keys, as they are written, fit into room bytes.
func fitting(keys []events.KeyInfo, room int) int {
	for i, k := range keys {
		if room -= events.ListedSize(k.Key); room < 0 {
			return i
		}
	}
	return len(keys)
}
