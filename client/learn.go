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

// learn takes what a refusal teaches, and reports whether to ask anew. What a node
// says of the time moves the clock of this request alone: see trust.
func (c *Client) learn(o quorum.Outcome, m *placement.Map, next *options) bool {
	switch {
	case errors.Is(o.Err, events.ErrClockAhead), errors.Is(o.Err, events.ErrLate):
		next.clock = events.NewClock(c.clock.Now)
		return o.Winner.Time != 0 && next.clock.Sync(time.UnixMilli(o.Winner.Time))
	case errors.Is(o.Err, events.ErrSuperseded):
		next.clock = events.NewClock(cmp.Or(next.clock, c.clock).Now)
		return next.clock.Overtake(o.Winner.Version)
	case errors.Is(o.Err, events.ErrStaleMap):
		c.doubt(m)
		return true
	case errors.Is(o.Err, events.ErrOwnerOffline), errors.Is(o.Err, events.ErrUnknown):
		if isDoubtful(o.Answers) {
			c.doubt(m)
		}
	}
	return false
}

// isDoubtful reports whether nobody answers by a map, or somebody by another one:
// perhaps it is the map that keeps its owners silent.
func isDoubtful(answers []events.Answer) bool {
	all := true
	for _, a := range answers {
		if a.Status == events.StatusStaleMap {
			return true
		}
		all = all && a.Status == events.StatusSilent
	}
	return all
}

// trust takes the time by which a request was stamped and then carried out: that
// a message only says so moves the client's clock no further than that request.
func (c *Client) trust(clock *events.Clock, stamped events.Version) {
	if clock == nil {
		return
	}
	if off := clock.Now().Sub(c.clock.Now()); off.Abs() > clockOff {
		c.clock.Sync(clock.Now())
	}
	if !stamped.IsZero() && stamped.Time().Sub(clock.Now()) < events.MaxAhead {
		c.clock.Overtake(stamped)
	}
}

// doubt forgets a map: what the nodes hold is asked anew.
func (c *Client) doubt(m *placement.Map) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == m {
		c.m, c.stale = nil, true
	}
}

// Map is the cluster map that the nodes hold. It is asked for once, and again
// after a node has said that it changed. It is [events.ErrWrongCluster] that they
// are of another cluster than the client's.
func (c *Client) Map(ctx context.Context) (*placement.Map, error) {
	m, err := c.currentMap(ctx)
	return m, orEnded(ctx, err)
}

// currentMap is Map for those who know why ctx is over.
func (c *Client) currentMap(ctx context.Context) (*placement.Map, error) {
	if ctx.Err() != nil {
		return nil, c.silence()
	}
	if m, _ := c.known(); m != nil {
		return m, nil
	}
	asked := c.asking.DoChan("map", func() (any, error) { return c.learnMap() })
	select {
	case r := <-asked:
		m, _ := r.Val.(*placement.Map)
		return m, r.Err
	case <-ctx.Done():
		return nil, c.silence()
	}
}

func (c *Client) silence() error {
	return fmt.Errorf("%w from any node%s: is the cluster up?", events.ErrUnreachable, c.below())
}

func (c *Client) known() (m *placement.Map, stale bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m, c.stale
}

// learnMap believes the first two nodes that agree; when some node is known to
// hold another map, it hears all that are up. One message never decides.
func (c *Client) learnMap() (*placement.Map, error) {
	within := c.timeout
	_, stale := c.known()
	if stale {
		within /= 4
	}
	h := c.newHearing()
	enough := func() bool {
		if stale {
			return len(h.infos) >= len(h.newest().Cluster.Nodes)
		}
		return h.round > 0 || h.agreed()
	}
	until := time.Now().Add(within)
	for left := within; ; left = time.Until(until) {
		if err := c.hear(c.ctx, h, left, enough); err != nil {
			return nil, err
		}
		if m, err := c.adopt(c.ctx, h); m != nil || err != nil {
			return m, err
		}
		if time.Until(until) <= 0 {
			return nil, fmt.Errorf("%w: nobody who named a cluster map stands by it", events.ErrUnreachable)
		}
	}
}

// adopt takes the newest map of those heard for which one node's word does not
// stand alone: else that node has to say it again, asked by its own name. It
// returns nil, and forgets what was heard, when nobody does. An error says that
// the client may not ask a node.
func (c *Client) adopt(ctx context.Context, h *hearing) (*placement.Map, error) {
	for _, info := range h.candidates() {
		if h.backers(info.Map) < 2 {
			switch confirmed, err := c.confirm(ctx, h, info); {
			case errors.Is(err, events.ErrRefused):
				return nil, err
			case err != nil || !confirmed:
				h.disown(info)
				continue
			}
		}
		c.agreeOnTime(h)
		m := h.maps[info.Map]
		c.keep(m)
		return m, nil
	}
	return nil, nil
}

// keep lets m count from now on.
func (c *Client) keep(m *placement.Map) {
	if c.met != nil {
		c.met(m.Name())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m, c.stale = m, false
}

// confirm asks the one node that named a map for it, by the node's own name.
func (c *Client) confirm(ctx context.Context, h *hearing, named events.Info) (confirmed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout/4)
	defer cancel()
	_, err = c.transport.Ask(ctx, named.Node, events.OpInfo, nil, func(reply []byte) bool {
		info, m, err := infoIn(reply)
		if err != nil || info.Node != named.Node {
			return false
		}
		confirmed = info.Map == named.Map
		h.note(info, m)
		return true
	})
	return confirmed, err
}

// clockOff is how far a client's clock may be off before it takes a node's: a
// value's time to live counts by the nodes' clocks.
const clockOff = 250 * time.Millisecond

// agreeOnTime takes the nodes' time when this clock is far off by more than one
// message, by as little as any of them says.
func (c *Client) agreeOnTime(h *hearing) {
	least := slices.MinFunc(h.offsets, func(a, b time.Duration) int { return cmp.Compare(a.Abs(), b.Abs()) })
	if len(h.offsets) >= 2 && least.Abs() > clockOff {
		c.clock.Sync(c.clock.Now().Add(least))
	}
}
