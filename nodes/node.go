// Package nodes is the node: it applies the rules to each request by itself,
// and stores or refuses.
//
// Everything here is decided without sockets: package bus and package tcp bring
// requests in and take answers out. A node never asks another one before it
// answers. It imports events, placement and members, and declares the store it needs.
package nodes

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"dht/events"
	"dht/nodes/members"
	"dht/nodes/placement"
)

// Store keeps records durably. Every implementation passes storetest.
type Store interface {
	// Get returns what is recorded of key: the zero Record when nothing is
	// known. It is [events.ErrCorrupt] when damage hides what stands. The
	// slices returned stay valid and must not be modified.
	Get(key []byte) (events.Record, error)
	// GetAll is Get of several keys, which costs less: it calls each once for
	// every one, in any order. each must be short and not call the store. take,
	// unless it is nil, says of a value by its size whether it is wanted, before
	// each is called: the record comes without it where not.
	GetAll(keys [][]byte, take func(i, size int) bool, each func(i int, r events.Record, err error))
	// Apply queues changes; they are decided one after another, in the order
	// of the calls. done is called once, when all that was written is durable,
	// or with the error because of which nothing of it counts as written. It
	// must not block.
	Apply(changes []events.Change, done func(error))
	// List returns live keys with prefix behind after, in byte order; more
	// says whether limit cut the listing. With [events.ErrCorrupt] come the
	// keys that are certain.
	List(prefix, after []byte, limit int) (keys []events.KeyInfo, more bool, err error)
	// Scan returns everything recorded behind after, tombstones and what has expired
	// included, without values, in byte order; more says whether limit cut it. No
	// lock is held between two calls. With [events.ErrCorrupt] comes what is certain.
	Scan(after []byte, limit int) (records []events.Record, more bool, err error)
	// Forget says that tombstones stamped before t may go: no other node holds
	// an older record of their keys. Without it they stay.
	Forget(t time.Time)
	// Stats counts live keys.
	Stats() events.StoreStats
	// Newest is the newest version ever recorded.
	Newest() events.Version
}

// Options make a node.
type Options struct {
	Map   *placement.Map
	Name  string // of this node in Map; others know it by nothing else
	Store Store
	Clock *events.Clock
	Build string // shown in [events.Info]
	// Notify gets each durable change before the reply, and what is wrong; it adds
	// where that happened, and when, where the ID is zero. It is called from any
	// goroutine and must neither block nor keep the event's slices. May be nil.
	Notify func(events.Event)
	// Observe gets every answer, before the reply, and how long it took; as
	// with Notify it must neither block nor keep anything. May be nil.
	Observe func(op events.Op, reqs []events.Request, answers []events.Answer, took time.Duration)
	// Health says why the node can serve nothing now, or reads only, for
	// [events.Info]; nil where all is well. May be nil.
	Health func() error
	// Links lists the connections to other nodes, for [events.Info]. May be
	// nil.
	Links func() []events.Link
}

// Limits on time: a version outside them says that some clock is wrong.
const (
	// MaxAhead is how far a version may be ahead of the node's clock.
	MaxAhead = events.MaxAhead
	// MaxAge is how long ago a version may have been stamped.
	MaxAge = events.MaxAge
	// maxInFlight bounds the writes that wait for the disk, of those who cannot be
	// held back.
	maxInFlight = 16_384
)

// Node keeps the keys that the rules give it. Safe for concurrent use.
type Node struct {
	Options  // but for its Map
	id       events.Version
	started  time.Time
	at       atomic.Pointer[snapshot] // by the map in force
	inFlight atomic.Int64
	members  *members.Table
	meter    meter
}

// New makes a node over a store, counting the keys in it that belong elsewhere.
// copies of 2 or more are refused.
func New(o Options) (*Node, error) {
	if o.Notify == nil {
		o.Notify = func(events.Event) {}
	}
	if o.Observe == nil {
		o.Observe = func(events.Op, []events.Request, []events.Answer, time.Duration) {}
	}
	if o.Health == nil {
		o.Health = func() error { return nil }
	}
	if o.Links == nil {
		o.Links = func() []events.Link { return nil }
	}
	// What was stored while this machine's clock was wrong does not move it: what
	// replaces such a record is stamped after it, see stamp.
	_ = o.Clock.Admit(o.Clock.Now(), o.Store.Newest())
	n := &Node{Options: o, id: o.Clock.Next(), started: o.Clock.Now()}
	n.members = members.New(members.Self{Name: o.Name, Run: n.id, Started: n.started}, o.Map)
	if err := n.setMap(o.Map); err != nil {
		return nil, err
	}
	n.Options.Map = nil // from now on there is only Node.Map
	n.forgetIfClean()
	return n, nil
}

// Map is the cluster map in force. Whoever needs it more than once for an operation
// asks once: it may be replaced in between.
func (n *Node) Map() *placement.Map { return n.at.Load().Map }

// Do answers a request of one or more entries: reply is called exactly once,
// with as many answers (for [events.OpKeys]: one a key, then one that says
// whether there is more). It may be called before Do returns or later from
// another goroutine, and must not block. The requests' slices must stay
// untouched until then.
func (n *Node) Do(op events.Op, reqs []events.Request, reply func([]events.Answer)) {
	n.at.Load().do(op, reqs, maxInFlight, reply)
}

// Carry is Do for who bounds by himself how many writes wait for the disk, and can
// hold his own callers back: it never answers busy.
func (n *Node) Carry(op events.Op, reqs []events.Request, reply func([]events.Answer)) {
	n.at.Load().do(op, reqs, math.MaxInt64, reply)
}

// do answers; of the writes that wait there may be so many that came with a bound.
func (n *snapshot) do(op events.Op, reqs []events.Request, bound int64, reply func([]events.Answer)) {
	begun := n.Clock.Now()
	if op.Writes() {
		n.write(op, reqs, begun, bound, reply)
		return
	}
	answers := n.read(op, reqs, begun)
	n.answered(op, reqs, answers, begun)
	reply(answers)
}

// answered counts what was answered, and has it observed.
func (n *Node) answered(op events.Op, reqs []events.Request, answers []events.Answer, begun time.Time) {
	took := n.Clock.Now().Sub(begun)
	n.meter.count(op, answers, took)
	n.Observe(op, reqs, answers, took)
}

// Refuse makes err an answer: its code, its words, and the node's time, by
// which a client with a wrong clock can go on.
func (n *Node) Refuse(err error) events.Answer { return n.at.Load().Refuse(err) }

// Ready says why the node answers no requests: a newer map is in force.
func (n *Node) Ready() error { return n.at.Load().Ready() }

// Info describes the node and the map it holds.
func (n *Node) Info() events.Info { return n.at.Load().Info() }

func (n *snapshot) Refuse(err error) events.Answer {
	code := events.CodeOf(err)
	a := n.answer(code.Status())
	a.Error, a.Code, a.Time = err.Error(), code, n.Clock.Now().UnixMilli()
	return a
}

func (n *snapshot) answer(s events.Status) events.Answer {
	return events.Answer{Node: n.Name, Status: s, Map: n.Map.ID()}
}

// judge applies the rules, unless somebody in this process has done so.
func (n *snapshot) judge(r *events.Request) placement.Verdict {
	if r.Owner > 0 {
		return placement.Verdict{Owner: int(r.Owner)}
	}
	return n.Map.Judge(n.index, r.Key)
}

func (n *snapshot) notStored(v placement.Verdict, r *events.Request) events.Answer {
	a := n.answer(events.StatusNotStored)
	if !r.Brief {
		a.Reason, a.Owners = v.Reason, v.Owners
	}
	return a
}

// admit refuses requests that must not be carried out, whoever owns the key.
func (n *snapshot) admit(op events.Op, r *events.Request) error {
	if err := events.CheckKey(r.Key); err != nil {
		return err
	}
	if r.Expires < 0 {
		return fmt.Errorf("%w: expires %d is before 1970", events.ErrBadRequest, r.Expires)
	}
	if len(r.Value) > events.MaxValue {
		return fmt.Errorf("%w: a value is at most %d bytes long, this one %d",
			events.ErrTooLarge, events.MaxValue, len(r.Value))
	}
	return n.current(op, r)
}

// current refuses requests of another time or another map, and what came as a
// value where none belongs: it is the next entry of a message without sizes.
func (n *snapshot) current(op events.Op, r *events.Request) error {
	if len(r.Value) > 0 && op != events.OpPut && op != events.OpUpdate {
		return fmt.Errorf("%w: a %s carries no value; in a message of several entries each one but the last needs its size",
			events.ErrBadRequest, op)
	}
	if r.Deadline != 0 && n.Clock.Now().UnixMilli() > r.Deadline {
		return fmt.Errorf("%w: the deadline has passed by the clock of %s", events.ErrLate, n.Name)
	}
	if r.Map != (events.MapID{}) && r.Map != n.Map.ID() {
		n.mismatch(r.Map, "a "+string(op))
		return fmt.Errorf("%w: you believe in %s, %s holds %s", events.ErrStaleMap, r.Map, n.Name, n.Map.ID())
	}
	if op == events.OpKeys {
		return nil
	}
	return n.Ready()
}

func (n *snapshot) Ready() error {
	if newer := n.members.View().Newer; newer != nil {
		return fmt.Errorf("%w: it is %s, %s still holds %s: start it with the newer cluster file",
			events.ErrStaleMap, newer, n.Name, n.Map.ID())
	}
	return nil
}

// unready is for [events.Info].
func (n *snapshot) unready() string {
	if err := cmp.Or(n.Ready(), n.Health()); err != nil {
		return err.Error()
	}
	return ""
}

func (n *snapshot) Info() events.Info {
	stats := n.Store.Stats()
	return events.Info{
		Node:      n.Name,
		ID:        n.id,
		Rule:      n.Map.NodeRule(n.index).String(),
		Map:       n.Map.ID(),
		Cluster:   n.Map.Cluster(),
		Keys:      stats.Keys,
		Misplaced: n.misplaced,
		Clean:     n.clean,
		Newest:    n.Store.Newest(),
		Bytes:     stats.Bytes,
		Started:   n.started.UTC(),
		UptimeMS:  n.Clock.Now().Sub(n.started).Milliseconds(),
		Time:      n.Clock.Now().UnixMilli(),
		Unready:   n.unready(),
		Build:     n.Build,
		OS:        runtime.GOOS,
		Load:      n.meter.load(),
		Links:     n.Links(),
	}
}
