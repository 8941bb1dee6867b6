package client

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"golang.org/x/sync/errgroup"
)

// loadAtOnce is how many puts a load keeps in flight.
const loadAtOnce = 64

// Load puts every item anew, many at once, items of one key in their order. It
// calls done after each, from one goroutine at a time, and returns how many were
// put. The first error ends it, and so does ctx; whatever was put stays.
func (c *Client) Load(ctx context.Context, items iter.Seq2[Item, error], done func()) (loaded int, err error) {
	l := loader{client: c, busy: map[string]chan struct{}{}, done: done}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(loadAtOnce)
	for item, readErr := range items {
		if err = readErr; err != nil || inner.Err() != nil {
			break
		}
		l.begin(string(item.Key))
		group.Go(func() error { return l.put(inner, item) })
	}
	if failed := group.Wait(); failed != nil {
		return l.loaded, failed
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return l.loaded, err
}

// loader keeps items of one key from passing each other.
type loader struct {
	client *Client
	done   func()

	mu     sync.Mutex // guards what follows, and is held while done runs
	busy   map[string]chan struct{}
	loaded int
}

// begin waits until key is not being put.
func (l *loader) begin(key string) {
	for {
		l.mu.Lock()
		before := l.busy[key]
		if before == nil {
			l.busy[key] = make(chan struct{})
		}
		l.mu.Unlock()
		if before == nil {
			return
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
		return fmt.Errorf("put %q: %w", item.Key, err)
	}
	l.loaded++
	l.done()
	return nil
}
