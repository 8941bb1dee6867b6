package client

import (
	"fmt"

	"dht/events"
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
