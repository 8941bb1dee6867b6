package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dht/events"
	"dht/nodes/placement"
)

// hearing is what nodes say of themselves, as far as it was heard.
type hearing struct {
	client  *Client
	round   int // how often all were asked, and the wait was over
	infos   []events.Info
	maps    map[events.MapID]*placement.Map
	offsets []time.Duration // of the nodes' clocks from this one's, of each message
	fresh   map[string]bool // nodes heard in this round
	refused error           // why the last message that was no info of the cluster does not count

	disowned map[claim]bool
}

// claim is that a node holds a map.
type claim struct {
	node string
	id   events.MapID
}

func (c *Client) newHearing() *hearing {
	return &hearing{client: c, maps: map[events.MapID]*placement.Map{}, fresh: map[string]bool{},
		disowned: map[claim]bool{}}
}

// take takes one reply.
func (h *hearing) take(reply []byte) {
	info, m, err := infoIn(reply)
	wanted := h.client.cluster
	switch {
	case err != nil && info.Node == "": // somebody else's
	case err != nil:
		h.refused = err
	case wanted != "" && info.Cluster.Name != wanted:
		h.refused = fmt.Errorf("%w: the nodes that answer are of cluster %q, not of %q",
			events.ErrWrongCluster, info.Cluster.Name, wanted)
	case !h.fresh[info.Node] && !h.disowned[claim{info.Node, info.Map}]: // the first word of a node counts
		h.note(info, m)
	}
}

func (h *hearing) note(info events.Info, m *placement.Map) {
	h.fresh[info.Node] = true
	h.maps[info.Map] = m
	h.offsets = append(h.offsets, time.UnixMilli(info.Time).Sub(h.client.clock.Now()))
	for i := range h.infos {
		if h.infos[i].Node == info.Node {
			h.infos[i] = info
			return
		}
	}
	h.infos = append(h.infos, info)
}

// disown forgets what was said in a node's name, and not by the node.
func (h *hearing) disown(said events.Info) {
	h.disowned[claim{said.Node, said.Map}] = true
	h.infos = slices.DeleteFunc(h.infos, func(i events.Info) bool { return i.Node == said.Node && i.Map == said.Map })
}

// agreed reports whether all who were heard name one map, and not one alone where
// there are more.
func (h *hearing) agreed() bool {
	return len(h.maps) == 1 && len(h.infos) >= min(2, len(h.infos[0].Cluster.Nodes))
}

func (h *hearing) backers(id events.MapID) (n int) {
	for i := range h.infos {
		if h.infos[i].Map == id {
			n++
		}
	}
	return n
}

// newest is what the one says who names the newest map.
func (h *hearing) newest() events.Info { return h.candidates()[0] }

// candidates are the infos by their map, the newest first, then the one that more
// nodes hold.
func (h *hearing) candidates() []events.Info {
	list := slices.Clone(h.infos)
	slices.SortStableFunc(list, func(a, b events.Info) int {
		return cmp.Or(cmp.Compare(b.Map.Epoch, a.Map.Epoch), cmp.Compare(h.backers(b.Map), h.backers(a.Map)),
			cmp.Compare(a.Map.Hash, b.Map.Hash))
	})
	return list
}

// askAgain is the first pause after which nodes that were not heard are asked
// again: interest in a subject takes a moment to reach the other servers.
const askAgain = 50 * time.Millisecond

// foreignRounds is for how many rounds those of another cluster do not mean that there
// is none of the right one.
const foreignRounds = 2

// hear asks all nodes of themselves until enough is true or the time is over: at
// least one, or [events.ErrUnreachable]; or [events.ErrWrongCluster] where only
// nodes of another cluster are heard.
func (c *Client) hear(ctx context.Context, h *hearing, within time.Duration, enough func() bool) error {
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for pause := askAgain; ; pause *= 2 {
		err := c.hearOnce(ctx, h, pause, enough)
		h.round++
		clear(h.fresh)
		switch {
		case c.ctx.Err() != nil:
			return fmt.Errorf("%w from any node: %w", events.ErrUnreachable, errClosed)
		case caller.Err() != nil:
			return ended(caller)
		case len(h.infos) > 0 && (enough() || ctx.Err() != nil):
			return nil
		case len(h.infos) == 0 && h.refused != nil && (h.round > foreignRounds || ctx.Err() != nil):
			return h.refused
		case errors.Is(err, events.ErrRefused), ctx.Err() != nil && err != nil:
			return err
		case ctx.Err() != nil:
			return fmt.Errorf("%w from any node within %v%s: is the cluster up?",
				events.ErrUnreachable, within, c.below())
		}
	}
}

// hearOnce asks once, and takes the whole pause where not enough is heard: who is
// not up now may be in a moment.
func (c *Client) hearOnce(ctx context.Context, h *hearing, pause time.Duration, enough func() bool) error {
	ctx, stop := context.WithTimeout(ctx, pause)
	defer stop()
	_, err := c.transport.Ask(ctx, "", events.OpInfo, nil, func(reply []byte) bool {
		h.take(reply)
		return len(h.infos) > 0 && enough()
	})
	if !errors.Is(err, events.ErrRefused) && (len(h.infos) == 0 || !enough()) {
		<-ctx.Done()
	}
	return err
}

// below names the subjects on which nobody answers, where they are not the usual
// ones.
func (c *Client) below() string {
	bus := busOf(c.transport)
	if bus == nil || bus.subjects == events.NewSubjects("") {
		return ""
	}
	return fmt.Sprintf(" on %s", bus.subjects.All())
}
