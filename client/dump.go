package client

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"dht/events"
)

// dumpBatch bounds the values asked for in one message.
const (
	dumpBatch      = 256
	dumpBatchBytes = 256 << 10
)

// Dump yields every key with prefix that node keeps (every node when it is
// empty) with its value, each key once: a misplaced copy is passed over when
// its owner has the key too. Errors are those of [Client.Keys].
func (c *Client) Dump(ctx context.Context, node string, prefix []byte) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		var batch []Key
		var bytes int64
		flush := func() bool {
			items, err := c.fetch(ctx, batch)
			batch, bytes = batch[:0], 0
			for _, item := range items {
				if !yield(item, nil) {
					return false
				}
			}
			return err == nil || yield(Item{}, err)
		}
		for k, err := range c.Keys(ctx, node, prefix) {
			full := len(batch) > 0 && (err != nil || k.Node != batch[0].Node || len(batch) == dumpBatch || bytes+k.Bytes > dumpBatchBytes)
			if full && !flush() {
				return
			}
			if err != nil {
				if !yield(Item{}, err) {
					return
				}
				continue
			}
			batch, bytes = append(batch, k), bytes+k.Bytes+int64(len(k.Key))
		}
		if len(batch) > 0 {
			flush()
		}
	}
}

// fetch gets the values of keys that one node listed. Keys that are gone by now
// are left out.
func (c *Client) fetch(ctx context.Context, keys []Key) (items []Item, err error) {
	reqs := make([]events.Request, len(keys))
	for i, k := range keys {
		reqs[i].Key = k.Key
	}
	answers, err := c.askNode(ctx, keys[0].Node, events.OpGet, reqs...)
	if err != nil {
		return nil, err
	}
	if len(answers) == 1 && answers[0].Code != "" {
		return nil, refusal(answers[0])
	}
	if len(answers) != len(keys) {
		return nil, fmt.Errorf("%w: %s gave %d answers to %d keys", events.ErrInternal, keys[0].Node, len(answers), len(keys))
	}
	for i, a := range answers {
		switch {
		case a.Code != "":
			return items, fmt.Errorf("%w: %s says of %q: %s", a.Code, a.Node, keys[i].Key, a.Error)
		case a.Status == events.StatusFound && (a.Owner == 1 || c.standsAt(ctx, keys[i].Key, a.Node)):
			items = append(items, Item{keys[i].Key, a.Value, a.Version, a.Expires, a.Node})
		}
	}
	return items, nil
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
