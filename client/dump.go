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
	asks       int   // bytes of the message that asks for the batch
	answers    int64 // bytes of its answer, or more
}

// take adds a key, or passes an error on; false ends the dump.
func (d *dumper) take(k Key, err error) bool {
	asks, answers := len(events.AppendRequests(nil, events.Request{Key: k.Key}))+sizeField, k.Bytes+answerHead
	if len(d.batch) > 0 && (err != nil || k.Node != d.batch[0].Node || len(d.batch) == events.MaxEntries ||
		!d.fits(asks, answers)) {
		if !d.flush() {
			return false
		}
	}
	if err != nil {
		return d.yield(Item{}, err)
	}
	d.batch, d.asks, d.answers = append(d.batch, k), d.asks+asks, d.answers+answers
	return true
}

const (
	// dumpBytes bounds the values asked for in one message, where the bus does not.
	dumpBytes  = 256 << 10
	sizeField  = len(`,"size":0`) + 1
	answerHead = 512 // a bound on the head of an answer
)

// fits reports whether one key more lets the messages fit the bus.
func (d *dumper) fits(asks int, answers int64) bool {
	room := d.client.transport.MaxMessage()
	return d.asks+asks <= room && d.answers+answers <= int64(min(room, dumpBytes))
}

// flush asks for the values of the batch and yields them.
func (d *dumper) flush() bool {
	batch := d.batch
	d.batch, d.asks, d.answers = nil, 0, 0
	return len(batch) == 0 || d.ask(batch)
}

// ask asks for values and yields them; those of a message that is too large for
// the bus, or that have grown since they were listed, one at a time.
func (d *dumper) ask(batch []Key) bool {
	answers, err := d.client.values(d.ctx, batch)
	if err != nil && !(errors.Is(err, events.ErrTooLarge) && len(batch) > 1) {
		return d.yield(Item{}, err)
	}
	for i := range batch {
		again := err != nil || answers[i].Code == events.ErrTooLarge && len(batch) > 1
		if again && !d.ask(batch[i:i+1]) || !again && !d.item(batch[i], answers[i]) {
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
	case a.Status == events.StatusAbsent, a.Status == events.StatusDeleted, a.Status == events.StatusNotStored:
		return true
	case a.Status != events.StatusFound:
		return d.yield(Item{}, fmt.Errorf("%q: %w", k.Key, quorum.Refusal(a)))
	case !d.everything && (a.Owner != 1 || len(a.AlsoAsk) > 0) && !d.client.standsAt(d.ctx, k.Key, a.Node):
		return true
	}
	return d.yield(Item{k.Key, a.Value, a.Version, a.Expires, a.Node}, nil)
}

// values gets keys that one node listed: as many answers as keys, or an error.
func (c *Client) values(ctx context.Context, keys []Key) ([]events.Answer, error) {
	reqs := make([]events.Request, len(keys))
	for i, k := range keys {
		reqs[i].Key = k.Key
	}
	node := keys[0].Node
	var answers []events.Answer
	err := c.askNode(ctx, node, events.OpGet, func(reply []byte) (ok bool) {
		answers, ok = answersIn(reply, node, events.OpGet, len(reqs))
		return ok
	}, reqs...)
	if err == nil && len(answers) != len(keys) {
		err = quorum.Refusal(answers[0])
	}
	return answers, err
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
