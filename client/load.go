package client

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"golang.org/x/sync/errgroup"

	"dht/events"
)

// loadAtOnce is how many puts a load keeps in flight.
const loadAtOnce = 64

// Load puts every item anew, many at once, items of one key in their order. It
// calls done after each, from one goroutine at a time, and returns how many were
// put. The first error ends it, when those under way have had their answers, and
// so does ctx; whatever was put stays. The error says how many others may or may
// not have been put.
func (c *Client) Load(ctx context.Context, items iter.Seq2[Item, error], done func()) (loaded int, err error) {
	l := loader{client: c, busy: map[string]chan struct{}{}, done: done}
	var group errgroup.Group
	group.SetLimit(loadAtOnce)
	for item, readErr := range items {
		if err = readErr; err != nil || !l.begin(ctx, string(item.Key)) {
			break
		}
		group.Go(func() error { return l.put(ctx, item) })
	}
	failed := group.Wait()
	switch {
	case ctx.Err() != nil:
		err = ended(ctx)
	case failed != nil:
		err = failed
	}
	if err != nil && l.unknown > 0 {
		err = fmt.Errorf("%w; %d more may be in or not", err, l.unknown)
	}
	return l.loaded, err
}

// loader keeps items of one key from passing each other.
type loader struct {
	client *Client
	done   func()

	mu      sync.Mutex // guards what follows, and is held while done runs
	busy    map[string]chan struct{}
	loaded  int
	unknown int // what became of them
	failed  bool
}

// begin waits until key is not being put, and reports whether it may be now.
func (l *loader) begin(ctx context.Context, key string) bool {
	for {
		l.mu.Lock()
		before := l.busy[key]
		goesOn := !l.failed && ctx.Err() == nil
		if before == nil && goesOn {
			l.busy[key] = make(chan struct{})
		}
		l.mu.Unlock()
		if before == nil || !goesOn {
			return goesOn
		}
		<-before
	}
}

func (l *loader) put(ctx context.Context, item Item) error {
	_, err := l.client.Put(ctx, item.Key, item.Value, ExpireAt(item.Expires))
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.busy[string(item.Key)])
	delete(l.busy, string(item.Key))
	if err != nil {
		l.failed = true
		if mayBePut(ctx, err) {
			l.unknown++
		}
		return fmt.Errorf("put %q: %w", item.Key, err)
	}
	l.loaded++
	l.done()
	return nil
}

// mayBePut reports whether a put that failed may have been carried out: nobody
// said what became of it.
func mayBePut(ctx context.Context, err error) bool {
	switch events.CodeOf(err) {
	case events.ErrUnknown, events.ErrInternal:
		return true
	}
	return ctx.Err() != nil
}
