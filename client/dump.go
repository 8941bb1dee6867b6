package client

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"dht/events"
	"dht/events/quorum"
)

// Dump yields every key with prefix, each once, as a get would find it. With a
// node named it yields all that this node keeps, misplaced copies included.
// Errors are those of [Client.Keys], and [events.ErrCorrupt] for a key whose
// value cannot be read; what follows is yielded all the same.
func (c *Client) Dump(ctx context.Context, node string, prefix []byte) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		d := dumper{client: c, ctx: ctx, everything: node != "", yield: yield}
		for k, err := range c.Keys(ctx, node, prefix) {
			if !d.take(k, err) {
				return
			}
		}
		d.flush()
	}
}

// dumper gathers the keys that one node listed until they are worth a message.
type dumper struct {
	client     *Client
	ctx        context.Context
	everything bool // that a node has, rather than each key once
	yield      func(Item, error) bool
	batch      []Key
	bytes      int64
}

// take adds a key, or passes an error on; false ends the dump.
func (d *dumper) take(k Key, err error) bool {
	if len(d.batch) > 0 && (err != nil || k.Node != d.batch[0].Node || len(d.batch) == events.MaxEntries || d.bytes+k.Bytes > dumpBytes) {
		if !d.flush() {
			return false
		}
	}
	if err != nil {
		return d.yield(Item{}, err)
	}
	d.batch, d.bytes = append(d.batch, k), d.bytes+k.Bytes
	return true
}

// flush asks for the values of the batch and yields them.
func (d *dumper) flush() bool {
	batch := d.batch
	d.batch, d.bytes = nil, 0
	if len(batch) == 0 {
		return true
	}
	answers, err := d.client.values(d.ctx, batch)
	if err != nil {
		return d.yield(Item{}, err)
	}
	for i, a := range answers {
		if a.Code == events.ErrTooLarge && len(batch) > 1 { // values have grown since they were listed
			d.batch = batch[i : i+1]
			if !d.flush() {
				return false
			}
			continue
		}
		if !d.item(batch[i], a) {
			return false
		}
	}
	return true
}

// item yields one key's value. A key that is gone by now is left out.
func (d *dumper) item(k Key, a events.Answer) bool {
	switch {
	case a.Code != "":
		return d.yield(Item{}, fmt.Errorf("%q: %w", k.Key, quorum.Refusal(a)))
	case a.Status != events.StatusFound:
		return true
	case !d.everything && (a.Owner != 1 || len(a.Ask) > 0) && !d.client.standsAt(d.ctx, k.Key, a.Node):
		return true
	}
	return d.yield(Item{k.Key, a.Value, a.Version, a.Expires, a.Node}, nil)
}

// dumpBytes bounds the values asked for in one message.
const dumpBytes = 256 << 10

// values gets keys that one node listed: as many answers as keys.
func (c *Client) values(ctx context.Context, keys []Key) ([]events.Answer, error) {
	reqs := make([]events.Request, len(keys))
	for i, k := range keys {
		reqs[i].Key = k.Key
	}
	node := keys[0].Node
	answers, err := c.askNode(ctx, node, events.OpGet, reqs...)
	switch {
	case err != nil:
		return nil, err
	case len(answers) == len(keys):
		return answers, nil
	case answers[0].Code != "":
		return nil, quorum.Refusal(answers[0])
	}
	return nil, fmt.Errorf("%w: %s gave %d answers to %d keys", events.ErrInternal, node, len(answers), len(keys))
}

// standsAt reports whether a get of key, asked of everybody, rests on node: of
// several copies one is dumped. Where that cannot be known the copy is dumped
// rather than lost.
func (c *Client) standsAt(ctx context.Context, key []byte, node string) bool {
	result, err := c.Get(ctx, key)
	if err != nil {
		return !errors.Is(err, events.ErrNotFound)
	}
	return result.Node == node
}
