package quorum

import (
	"errors"
	"slices"

	"dht/events"
)

// Ask is what is to be asked next.
type Ask struct {
	Op      events.Op
	Request events.Request
	Nodes   []string // whose answers are wanted; whoever cannot ask nodes one by one asks all
}

// Operation is one request as it is brought to its end: what is asked first, what
// the answers make necessary, and the outcome. Whoever drives it asks what
// [Operation.Ask] says, hands in what comes until enough has come or the time is
// over, and goes on while [Operation.Next] says so:
//
//	for o, more := quorum.Begin(q, r), true; more; more = o.Next() { … }
//
// All that is asked has the map and the deadline of the first request. It is not
// safe for concurrent use.
type Operation struct {
	q       Question
	request events.Request
	step    step
	ask     Ask
	tally   *Tally
	first   Outcome // of the request itself, where more had to be asked
	err     error   // why it cannot go on
	removed bool    // a delete hides what another node than the owner held
}

// step is how far an operation is.
type step int

const (
	stepRequest step = iota // the request itself is asked
	stepOthers              // a get: and the nodes that its owners name
	stepNewest              // an owner has left it undone: what is the newest record?
	stepInstall             // the owner is brought that
	stepAgain               // and asked again
)

// Begin returns an operation whose first request is asked.
func Begin(q Question, r events.Request) *Operation {
	o := &Operation{q: q, request: r}
	o.begin(stepRequest, Ask{q.Op, r, q.Owners})
	return o
}

func (o *Operation) begin(s step, ask Ask) bool {
	q := o.q
	q.Op, q.All = ask.Op, q.All && s == stepRequest
	o.step, o.ask, o.tally = s, ask, New(q)
	return true
}

// Ask is what is asked at the moment.
func (o *Operation) Ask() *Ask { return &o.ask }

// Tally takes the answers to [Operation.Ask].
func (o *Operation) Tally() *Tally { return o.tally }

// Next goes on to what is to be asked next; false when the outcome stands.
func (o *Operation) Next() bool {
	switch o.step {
	case stepRequest:
		return o.afterRequest()
	case stepNewest:
		return o.afterNewest()
	case stepInstall:
		if err := o.tally.Outcome().Err; err != nil && !errors.Is(err, events.ErrSuperseded) { // by something newer
			o.err = err
			return false
		}
		return o.again()
	}
	return false
}

// afterRequest asks others when an owner says that they may know something newer,
// from an earlier map: those whom a get has to hear; and where an owner has done
// nothing, what they know.
func (o *Operation) afterRequest() bool {
	if o.q.Op == events.OpGet {
		others := o.tally.silent(o.tally.toAsk())
		if o.q.Broadcast || len(others) == 0 {
			return false
		}
		o.step, o.ask = stepOthers, Ask{events.OpGet, o.request, others} // counted with the owners' answers
		return true
	}
	o.first = o.tally.Outcome()
	if o.first.Status != events.StatusAbsent || len(o.first.Winner.AlsoAsk) == 0 {
		return false
	}
	r := events.Request{Key: o.request.Key, Map: o.request.Map, Deadline: o.request.Deadline,
		Head: o.q.Op == events.OpDelete}
	nodes := slices.Clone(o.q.Owners)
	for _, name := range o.first.Winner.AlsoAsk {
		if !slices.Contains(nodes, name) {
			nodes = append(nodes, name)
		}
	}
	o.begin(stepNewest, Ask{events.OpGet, r, nodes})
	o.tally.named = o.first.Winner.AlsoAsk
	return true
}

// afterNewest brings the owner what is newer than its own record. A delete has
// nothing left to do: the owner's tombstone hides what the others hold.
func (o *Operation) afterNewest() bool {
	if o.q.Op == events.OpDelete {
		o.removed = slices.ContainsFunc(o.tally.answers,
			func(a events.Answer) bool { return a.Status == events.StatusFound })
		return false
	}
	got := o.tally.Outcome()
	newest := got.Winner
	switch {
	case got.Err != nil && !errors.Is(got.Err, events.ErrNotFound):
		o.err = got.Err
		return false
	case newest.Version.IsZero(), slices.Contains(o.q.Owners, newest.Node):
		return o.again()
	case newest.Status == events.StatusDeleted:
		newest.Value, newest.Expires = nil, 1 // an expired record is a tombstone of its version
	}
	r := events.Request{Key: o.request.Key, Update: events.UpdateInstall, Value: newest.Value, Version: newest.Version,
		Expires: newest.Expires, Map: o.request.Map, Deadline: o.request.Deadline}
	return o.begin(stepInstall, Ask{events.OpUpdate, r, o.q.Owners})
}

// again asks for the request itself, as nobody knows anything newer any more.
func (o *Operation) again() bool {
	r := o.request
	r.AlsoAsked = true
	return o.begin(stepAgain, Ask{o.q.Op, r, o.q.Owners})
}

// Outcome is what it all amounts to.
func (o *Operation) Outcome() Outcome {
	switch {
	case o.err != nil:
		return Outcome{Status: events.StatusError, Err: o.err}
	case o.step == stepNewest:
		if o.removed {
			o.first.Status, o.first.Winner.Status = events.StatusDeleted, events.StatusDeleted
		}
		return o.first
	}
	return o.tally.Outcome()
}
