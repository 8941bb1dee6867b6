package client

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"dht/events"
	"dht/events/quorum"
	"dht/nodes/placement"
)

// Key is one key that a node keeps.
type Key struct {
	events.KeyInfo
	Node string
}

// Keys lists the live keys with prefix that the node called node keeps, in byte
// order, misplaced ones included; of every node in map order when node is
// empty. A node that does not answer ends its part with
// [events.ErrOwnerOffline]; what the others have is listed all the same.
func (c *Client) Keys(ctx context.Context, node string, prefix []byte) iter.Seq2[Key, error] {
	return func(yield func(Key, error) bool) {
		names, err := c.nodes(ctx, node)
		if err != nil {
			yield(Key{}, err)
			return
		}
		for _, name := range names {
			if !c.listNode(ctx, name, prefix, yield) {
				return
			}
		}
	}
}

// nodes is the node asked for, or all of them.
func (c *Client) nodes(ctx context.Context, node string) ([]string, error) {
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	m, err := c.currentMap(ctx)
	switch {
	case err != nil:
		return nil, orEnded(caller, err)
	case node == "":
		return m.Names(nil), nil
	case m.Index(node) < 0:
		return nil, fmt.Errorf("%w: the cluster has no node %q", events.ErrBadRequest, node)
	}
	return []string{node}, nil
}

// listNode yields the keys of one node page by page; false ends everything.
func (c *Client) listNode(ctx context.Context, node string, prefix []byte, yield func(Key, error) bool) bool {
	r := events.Request{Prefix: prefix}
	for {
		keys, last, err := c.askPage(ctx, node, r)
		if err != nil {
			return yield(Key{}, err) && ctx.Err() == nil
		}
		for _, a := range keys {
			info := events.KeyInfo{Key: a.Key, Version: a.Version, Expires: a.Expires, Bytes: a.Bytes}
			if !yield(Key{info, node}, nil) {
				return false
			}
			r.After = a.Key
		}
		switch {
		case last.More && len(keys) > 0:
		case last.Code != "":
			return yield(Key{}, quorum.Refusal(last))
		default:
			return true
		}
	}
}

// askPage asks one node for a page of what it lists.
func (c *Client) askPage(ctx context.Context, node string,
	r events.Request) (keys []events.Answer, last events.Answer, err error) {
	err = c.askNode(ctx, node, events.OpKeys, func(reply []byte) (ok bool) {
		keys, last, ok = pageIn(reply, node, r)
		return ok
	}, r)
	return keys, last, err
}

// askNode sends one message to one node and waits for the reply that take takes
// for its answer.
func (c *Client) askNode(ctx context.Context, node string, op events.Op, take func(reply []byte) bool,
	reqs ...events.Request) error {
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answered := false
	_, err := c.transport.Ask(ctx, node, op, events.AppendRequests(nil, reqs...), func(reply []byte) bool {
		answered = take(reply)
		return answered
	})
	if err == nil && !answered {
		err = fmt.Errorf("%w: %s did not answer", events.ErrOwnerOffline, node)
	}
	return orEnded(caller, err)
}

// NodeStatus is one member of the cluster map, as it is now.
type NodeStatus struct {
	Name     string
	Rule     string
	Up       bool
	Expected float64     // share of all keys that the rules give it
	Prefix   bool        // its rule is a prefix: Expected says nothing
	Info     events.Info // of a node that is up
}

// Status asks every node how it is. Nodes that do not answer in time are down,
// and so are, without waiting, those to which all who answer have lost their
// routes; that nobody answers is [events.ErrUnreachable].
func (c *Client) Status(ctx context.Context) ([]NodeStatus, error) {
	m, err := c.Map(ctx)
	if err != nil {
		return nil, err
	}
	overBus := busOf(c.transport) != nil
	h := c.newHearing()
	if err := c.hear(ctx, h, c.timeout, func() bool { return accounted(m, h.infos, overBus) }); err != nil {
		return nil, err
	}
	if newest := h.newest(); newest.Map.Epoch > m.Epoch() && newest.Cluster.Name == m.Name() {
		adopted, err := c.adopt(ctx, h)
		if err != nil {
			return nil, err
		}
		m = cmp.Or(adopted, m)
	}
	return statusOf(m, h.infos), nil
}

// accounted reports whether each node of m has answered, or cannot.
func accounted(m *placement.Map, infos []events.Info, overBus bool) bool {
	for _, name := range m.Names(nil) {
		answered := slices.ContainsFunc(infos, func(i events.Info) bool { return i.Node == name })
		reachable := slices.ContainsFunc(infos, func(i events.Info) bool { return !lost(i.Links, name, overBus) })
		if !answered && reachable {
			return false
		}
	}
	return true
}

// lost reports whether a server that has these links has lost its route to a
// node, and no other link to it works, or may work for who does not ask over the
// bus.
func lost(links []events.Link, name string, overBus bool) (route bool) {
	for _, l := range links {
		switch {
		case l.To != name:
		case l.State == events.LinkUp, l.State == events.LinkIdle && !overBus:
			return false
		case l.Path == events.PathRoute:
			route = true
		}
	}
	return route
}

func statusOf(m *placement.Map, infos []events.Info) (list []NodeStatus) {
	for _, share := range m.Shares().Nodes {
		expected, _ := share.Share.Float64()
		s := NodeStatus{Name: share.Name, Rule: share.Rule, Expected: expected, Prefix: share.Prefix}
		for _, info := range infos {
			if info.Node == s.Name && info.Cluster.Name == m.Name() {
				s.Up, s.Info = true, info
			}
		}
		list = append(list, s)
	}
	return list
}

// Explanation is the whole story of one key.
type Explanation struct {
	Key []byte
	placement.Explanation
	Result // what the nodes answer to a get now
}

// Explain tells how the rules place key, and what each node answers now. The
// result's error is that of [Client.Get]; an explanation comes with it.
func (c *Client) Explain(ctx context.Context, key []byte) (Explanation, error) {
	result, err := c.Get(ctx, key, AllAnswers())
	m, _ := c.known()
	if m == nil {
		return Explanation{Key: key, Result: result}, err
	}
	return Explanation{Key: key, Explanation: m.Explain(key), Result: result}, err
}
