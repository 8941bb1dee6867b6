package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dht/events"
	"dht/events/quorum"
	"dht/nodes/placement"
)

// ask sends one request to every node and waits until it is decided.
func (c *Client) ask(ctx context.Context, m *placement.Map, op events.Op, r events.Request, o options) quorum.Outcome {
	c.stamp(ctx, m, op, &r, o)
	message := events.AppendRequests(nil, r)
	if room := c.transport.MaxMessage(); len(message) > room {
		return quorum.Outcome{Status: events.StatusError, Err: fmt.Errorf("%w: a value of %d bytes under a key of %d does not fit the bus, which carries %d",
			events.ErrTooLarge, len(r.Value), len(r.Key), room)}
	}
	tally := quorum.New(quorum.Question{Op: op, Nodes: m.Names(nil), Owners: m.Names(m.Owners(r.Key, nil)), All: o.all})
	err := c.transport.Ask(ctx, "", op, message, func(reply []byte) bool {
		var a events.Answer
		if _, err := events.NextAnswer(reply, &a); err != nil {
			return false // unreadable is as good as silent
		}
		tally.Add(a)
		return tally.Decided()
	})
	if err != nil {
		return quorum.Outcome{Status: events.StatusError, Err: err}
	}
	return tally.Outcome()
}

// stamp fills in what the library alone may say: exactly one party stamps.
func (c *Client) stamp(ctx context.Context, m *placement.Map, op events.Op, r *events.Request, o options) {
	now := c.clock.Now()
	r.Map = m.ID()
	if deadline, ok := ctx.Deadline(); ok {
		r.Deadline = now.Add(time.Until(deadline)).UnixMilli()
	}
	if op.Writes() {
		r.Version = c.clock.Next()
	}
	r.Expires = o.expires
	if o.ttl > 0 {
		r.Expires = now.Add(o.ttl).UnixMilli()
	}
}

// learn takes what a refusal teaches, and reports whether to ask anew.
func (c *Client) learn(err error, o quorum.Outcome) bool {
	switch {
	case errors.Is(err, events.ErrClockAhead), errors.Is(err, events.ErrLate):
		if o.Winner.Time == 0 {
			return false
		}
		c.clock.Sync(time.UnixMilli(o.Winner.Time))
	case errors.Is(err, events.ErrSuperseded):
		c.clock.Observe(o.Winner.Version)
	case errors.Is(err, events.ErrStaleMap):
		c.forgetMap()
	default:
		return false
	}
	return true
}

func resultOf(key []byte, o quorum.Outcome) Result {
	return Result{Key: key, Status: o.Status, Version: o.Winner.Version, Value: o.Winner.Value,
		Expires: o.Winner.Expires, Node: o.Winner.Node, Answers: o.Answers}
}

// Map is the cluster map that the nodes hold. It is asked for once, and again
// after a node has said that it changed.
func (c *Client) Map(ctx context.Context) (*placement.Map, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m != nil {
		return c.m, nil
	}
	within := c.timeout
	if c.stale > 1 { // some nodes hold a newer map: hear all who are up
		within /= 4
	}
	infos, err := c.infos(ctx, within, func(infos []events.Info) bool { return len(infos) >= c.stale })
	if err != nil {
		return nil, err
	}
	newest := infos[0]
	for _, info := range infos {
		if info.Map.Epoch > newest.Map.Epoch {
			newest = info
		}
	}
	if c.m, err = placement.New(newest.Cluster); err != nil {
		return nil, fmt.Errorf("cluster map of %s: %w", newest.Node, err)
	}
	return c.m, nil
}

// forgetMap makes the next request ask every node for its map: some of them
// hold a newer one.
func (c *Client) forgetMap() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m != nil {
		c.stale = c.m.Len()
	}
	c.m = nil
}

// askAgain is the first pause after which nodes that were not heard are asked
// again: interest in a subject takes a moment to reach the other servers.
const askAgain = 50 * time.Millisecond

// infos gathers what nodes say of themselves until enough is true or the time
// is over: at least one, or [events.ErrUnreachable].
func (c *Client) infos(ctx context.Context, within time.Duration, enough func([]events.Info) bool) ([]events.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var infos []events.Info
	for pause := askAgain; ; pause *= 2 {
		attempt, stop := context.WithTimeout(ctx, pause)
		err := c.transport.Ask(attempt, "", events.OpInfo, nil, func(reply []byte) bool {
			if info, err := events.DecodeInfo(reply); err == nil {
				infos = add(infos, info)
			}
			return len(infos) > 0 && enough(infos)
		})
		if len(infos) == 0 || !enough(infos) {
			<-attempt.Done() // who is not up now may be in a moment
		}
		stop()
		switch {
		case len(infos) > 0 && (enough(infos) || ctx.Err() != nil):
			return infos, nil
		case ctx.Err() != nil && err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w from any node within %v: is the cluster up?", events.ErrUnreachable, within)
		}
	}
}

func add(infos []events.Info, info events.Info) []events.Info {
	for i := range infos {
		if infos[i].Node == info.Node {
			infos[i] = info
			return infos
		}
	}
	return append(infos, info)
}
