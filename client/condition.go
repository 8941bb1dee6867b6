package client

import (
	"context"
	"errors"
	"fmt"

	"dht/events"
	"dht/events/quorum"
	"dht/nodes/placement"
)

// IfAbsent lets a put be done only if nothing stands under its key; and a delete
// only if there is nothing to do. With this
// and the other conditions a put or delete is one atomic step at the key's only
// owner. Where the condition does not hold, the error is [events.ErrRefused], the
// result's status unchanged, and its Before says what stands; a key with several
// owners is refused as well, and then the status is error.
func IfAbsent() Option { return func(o *options) { o.condition = events.IfAbsent } }

// IfPresent lets a put or delete be done only if something stands under its key.
func IfPresent() Option { return func(o *options) { o.condition = events.IfPresent } }

// IfVersion lets a put or delete be done only if what stands has version v.
func IfVersion(v events.Version) Option {
	return func(o *options) { o.condition, o.before = events.IfVersion, v }
}

// conditional makes a put or delete with a condition the update that it is.
func (o options) conditional(op events.Op, r *events.Request) events.Op {
	if o.condition == "" || !op.Writes() {
		return op
	}
	r.If, r.Before = o.condition, o.before
	if r.Update = events.UpdateSet; op == events.OpDelete {
		r.Update = events.UpdateDelete
	}
	return events.OpUpdate
}

// unmetBy reports whether an update's status says that its condition did not hold.
func (o options) unmetBy(s events.Status) bool {
	return s == events.StatusUnchanged || s == events.StatusAbsent && o.condition != events.IfAbsent
}

// unmet is the result of an update whose condition did not hold, and the error
// that says so.
func unmet(r Result) (Result, error) {
	r.Status = events.StatusUnchanged
	if r.Before.IsZero() {
		return r, fmt.Errorf("%w: nothing stands under this key", events.ErrRefused)
	}
	return r, fmt.Errorf("%w: version %s stands under this key", events.ErrRefused, r.Before)
}

// askDecided is ask; an owner that does nothing, because other nodes may know
// something newer of the key, is brought that and asked again.
func (c *Client) askDecided(ctx context.Context, m *placement.Map, op events.Op, r events.Request, o options) (_ quorum.Outcome, sent int) {
	outcome, sent := c.ask(ctx, m, op, r, o)
	if op != events.OpUpdate || outcome.Status != events.StatusAbsent || len(outcome.Winner.Ask) == 0 {
		return outcome, sent
	}
	if err := c.bringNewest(ctx, m, r.Key); err != nil {
		return quorum.Outcome{Status: events.StatusError, Err: err}, 0
	}
	r.Settled = true
	return c.ask(ctx, m, op, r, o)
}

// bringNewest lets the owner adopt the newest that other nodes hold of a key from
// an earlier map.
func (c *Client) bringNewest(ctx context.Context, m *placement.Map, key []byte) error {
	held, _ := c.ask(ctx, m, events.OpGet, events.Request{Key: key}, options{})
	newest := held.Winner
	switch {
	case held.Err != nil && !errors.Is(held.Err, events.ErrNotFound):
		return held.Err
	case newest.Version.IsZero():
		return nil
	case newest.Status == events.StatusDeleted:
		newest.Expires = 1 // an expired record is a tombstone of its version
	}
	adopt := events.Request{Key: key, Update: events.UpdateAdopt, Value: newest.Value, Version: newest.Version}
	done, _ := c.ask(ctx, m, events.OpUpdate, adopt, options{expires: newest.Expires})
	return done.Err
}
