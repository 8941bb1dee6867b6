package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dht/events"
	"dht/events/quorum"
	"dht/nodes/placement"
)

// ask sends one request to every node and waits until it is decided. It returns
// how often the request was sent.
func (c *Client) ask(ctx context.Context, m *placement.Map, op events.Op, r events.Request, o options) (_ quorum.Outcome, sent int) {
	c.stamp(ctx, m, op, &r, o)
	message := events.AppendRequests(nil, r)
	if room := c.transport.MaxMessage(); len(message) > room {
		return quorum.Outcome{Status: events.StatusError, Err: fmt.Errorf("%w: a value of %d bytes under a key of %d does not fit the bus, which carries %d",
			events.ErrTooLarge, len(r.Value), len(r.Key), room)}, 0
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var grace *time.Timer
	tally := quorum.New(quorum.Question{Op: op, Nodes: m.Names(nil), Owners: m.Names(m.Owners(r.Key, nil)), Map: m.ID(), All: o.all})
	sent, err := c.transport.Ask(ctx, "", op, message, func(reply []byte) bool {
		var a events.Answer
		if _, err := events.NextAnswer(reply, &a); err != nil {
			return false // unreadable is as good as silent
		}
		tally.Add(a)
		if o.all && grace == nil && tally.Certain() {
			grace = time.AfterFunc(c.timeout/graceShare, cancel)
		}
		return tally.Decided()
	})
	if grace != nil {
		grace.Stop()
	}
	if err != nil {
		return quorum.Outcome{Status: events.StatusError, Err: err}, sent
	}
	return tally.Outcome(), sent
}

// graceShare of the timeout is what nodes have to answer where all answers are
// wanted, from when the others' cannot change the outcome any more.
const graceShare = 4

// stamp fills in what the library alone may say: exactly one party stamps.
func (c *Client) stamp(ctx context.Context, m *placement.Map, op events.Op, r *events.Request, o options) {
	now := c.clock.Now()
	r.Map = m.ID()
	if deadline, ok := ctx.Deadline(); ok {
		r.Deadline = now.Add(time.Until(deadline)).UnixMilli()
	}
	if op.Writes() && op != events.OpUpdate { // its owner stamps that
		r.Version = c.clock.Next()
	}
	if op != events.OpPut && op != events.OpUpdate {
		return
	}
	r.Expires = o.expires
	if o.ttl > 0 {
		r.Expires = now.Add(o.ttl).UnixMilli()
	}
}

// learn takes what a refusal teaches, and reports whether to ask anew.
func (c *Client) learn(o quorum.Outcome) bool {
	switch {
	case errors.Is(o.Err, events.ErrClockAhead), errors.Is(o.Err, events.ErrLate):
		return c.clock.Sync(time.UnixMilli(o.Winner.Time))
	case errors.Is(o.Err, events.ErrSuperseded):
		return c.clock.Overtake(o.Winner.Version)
	case errors.Is(o.Err, events.ErrStaleMap):
		c.mu.Lock()
		defer c.mu.Unlock()
		c.m, c.stale = nil, true
	default:
		return false
	}
	return true
}

func resultOf(key []byte, o quorum.Outcome) Result {
	return Result{Key: key, Status: o.Status, Version: o.Winner.Version, Value: o.Winner.Value,
		Expires: o.Winner.Expires, Node: o.Winner.Node, Before: o.Winner.Before, Answers: o.Answers}
}

// Map is the cluster map that the nodes hold. It is asked for once, and again
// after a node has said that it changed.
func (c *Client) Map(ctx context.Context) (*placement.Map, error) {
	if m, _ := c.known(); m != nil {
		return m, nil
	}
	asked := c.asking.DoChan("map", func() (any, error) { return c.learnMap(context.WithoutCancel(ctx)) })
	select {
	case r := <-asked:
		m, _ := r.Val.(*placement.Map)
		return m, r.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w from any node: %w", events.ErrUnreachable, context.Cause(ctx))
	}
}

func (c *Client) known() (m *placement.Map, stale bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m, c.stale
}

// learnMap believes the first node that speaks; when some node is known to hold
// a newer map, the newest of all that are up.
func (c *Client) learnMap(ctx context.Context) (*placement.Map, error) {
	within := c.timeout
	_, stale := c.known()
	if stale {
		within /= 4
	}
	infos, err := c.infos(ctx, within, func(infos []events.Info) bool {
		return !stale || len(infos) >= len(newest(infos).Cluster.Nodes)
	})
	if err != nil {
		return nil, err
	}
	return c.adopt(newest(infos))
}

// adopt takes the map that a node holds, and the time if it is far off.
func (c *Client) adopt(info events.Info) (*placement.Map, error) {
	m, err := placement.New(info.Cluster)
	if err != nil {
		return nil, fmt.Errorf("cluster map of %s: %w", info.Node, err)
	}
	c.agreeOnTime(time.UnixMilli(info.Time))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m, c.stale = m, false
	return m, nil
}

func newest(infos []events.Info) events.Info {
	return slices.MaxFunc(infos, func(a, b events.Info) int { return cmp.Compare(a.Map.Epoch, b.Map.Epoch) })
}

// clockOff is how far a client's clock may be off before it takes a node's: a
// value's time to live counts by the nodes' clocks.
const clockOff = 250 * time.Millisecond

func (c *Client) agreeOnTime(node time.Time) {
	if off := node.Sub(c.clock.Now()); off > clockOff || off < -clockOff {
		c.clock.Sync(node)
	}
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
		_, err := c.transport.Ask(attempt, "", events.OpInfo, nil, func(reply []byte) bool {
			if info, err := events.DecodeInfo(reply); err == nil {
				infos = add(infos, info)
			}
			return len(infos) > 0 && enough(infos)
		})
		if !errors.Is(err, events.ErrRefused) && (len(infos) == 0 || !enough(infos)) {
			<-attempt.Done() // who is not up now may be in a moment
		}
		stop()
		switch {
		case len(infos) > 0 && (enough(infos) || ctx.Err() != nil):
			return infos, nil
		case errors.Is(err, events.ErrRefused), ctx.Err() != nil && err != nil:
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
