package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"dht/events"
	"dht/events/quorum"
	"dht/nodes/placement"
)

// ask brings one request to its end: it sends what the operation asks to every node
// and waits until that is decided. It returns how often the last of it was sent.
func (c *Client) ask(ctx context.Context, m *placement.Map, op events.Op, r events.Request,
	o options) (_ quorum.Outcome, sent int) {
	c.stamp(ctx, m, op, &r, o)
	operation := quorum.Begin(quorum.Question{Op: op, Nodes: m.Names(nil), Owners: m.Names(m.Owners(r.Key, nil)),
		Map: m.ID(), All: o.all, Broadcast: true}, r)
	for more := true; more; more = operation.Next() {
		var err error
		if sent, err = c.broadcast(ctx, operation.Ask(), operation.Tally(), o.all); err != nil {
			return quorum.Outcome{Status: events.StatusError, Err: err}, sent
		}
	}
	return operation.Outcome(), sent
}

// broadcast sends what is asked to every node and takes the answers until no other
// is wanted. It returns how often it was sent.
func (c *Client) broadcast(ctx context.Context, ask *quorum.Ask, tally *quorum.Tally, all bool) (sent int, err error) {
	message := events.AppendRequests(nil, ask.Request)
	if room := c.transport.MaxMessage(); len(message) > room {
		const text = "%w: a value of %d bytes under a key of %d does not fit the bus, which carries messages of %d"
		return 0, fmt.Errorf(text, events.ErrTooLarge, len(ask.Request.Value), len(ask.Request.Key), room)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q := question{client: c, op: ask.Op, all: all, stop: cancel, tally: tally}
	defer q.end()
	return c.transport.Ask(ctx, "", ask.Op, message, q.take)
}

// question is a request that is under way.
type question struct {
	client *Client
	op     events.Op
	all    bool // answers are wanted
	tally  *quorum.Tally
	stop   context.CancelFunc
	grace  *time.Timer // nil until the outcome is certain, and not all have answered
	missed bool        // somebody has no value
	absent bool        // that is the outcome
}

// take adds a reply, and reports whether no other is wanted. That a key is absent
// wants every node that is up: one may hold a newer map, by which others own it.
func (q *question) take(reply []byte) (enough bool) {
	a, ok := answerIn(reply, q.op)
	if !ok {
		return false
	}
	q.tally.Add(a)
	q.missed = q.missed || a.Status == events.StatusAbsent || a.Status == events.StatusDeleted
	switch {
	case !q.tally.Certain():
		return false
	case !q.all && !(q.op == events.OpGet && q.missed && q.isAbsent()):
		return true
	}
	silent := q.tally.Silent()
	if len(silent) == 0 || !q.all && q.client.away.all(silent) {
		return true
	}
	if q.grace == nil {
		q.grace = time.AfterFunc(q.client.timeout/graceShare, q.stop)
	}
	return false
}

func (q *question) isAbsent() bool {
	q.absent = errors.Is(q.tally.Outcome().Err, events.ErrNotFound)
	return q.absent
}

// end is called when no more replies are taken.
func (q *question) end() {
	if q.grace != nil {
		q.grace.Stop()
	}
	if q.absent {
		q.client.away.note(q.tally.Silent())
	}
}

// graceShare of the timeout is what nodes have to answer where all answers are
// wanted, from when the others' cannot change the outcome any more.
const graceShare = 4

// stamp fills in what the library alone may say: exactly one party stamps.
func (c *Client) stamp(ctx context.Context, m *placement.Map, op events.Op, r *events.Request, o options) {
	clock := cmp.Or(o.clock, c.clock)
	now := clock.Now()
	r.Map = m.ID()
	if deadline, ok := ctx.Deadline(); ok {
		r.Deadline = now.Add(time.Until(deadline)).UnixMilli()
	}
	if op.Writes() && op != events.OpUpdate { // its owner stamps that
		r.Version = clock.Next()
	}
	if op != events.OpPut && op != events.OpUpdate { // nothing else expires
		return
	}
	r.Expires = o.expires
	if o.ttl > 0 {
		r.Expires = now.Add(o.ttl).UnixMilli()
	}
}

func resultOf(key []byte, o quorum.Outcome) Result {
	return Result{Key: key, Status: o.Status, Version: o.Winner.Version, Value: o.Winner.Value,
		Expires: o.Winner.Expires, Node: o.Winner.Node, Before: o.Winner.Before, Answers: o.Answers}
}
