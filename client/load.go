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

// Load puts every item anew, many at once, and calls done after each, from one
// goroutine at a time. It returns how many were put; the first error ends it,
// and whatever was put stays.
func (c *Client) Load(ctx context.Context, items iter.Seq2[Item, error], done func()) (loaded int, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(loadAtOnce)
	var mu sync.Mutex
	var readErr error
	for item, err := range items {
		if readErr = err; err != nil || ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if _, err := c.Put(ctx, item.Key, item.Value, ExpireAt(item.Expires)); err != nil {
				return fmt.Errorf("put %q: %w", item.Key, err)
			}
			mu.Lock()
			defer mu.Unlock()
			loaded++
			done()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return loaded, err
	}
	return loaded, readErr
}
