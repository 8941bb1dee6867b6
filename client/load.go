package client

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"
)

// loadAtOnce is how many puts a load keeps in flight.
const loadAtOnce = 64

// Load puts every item anew, many at once, and calls done after each. The first
// error ends it; whatever was put stays.
func (c *Client) Load(ctx context.Context, items iter.Seq2[Item, error], done func()) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(loadAtOnce)
	var readErr error
	for item, err := range items {
		if readErr = err; err != nil || ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if _, err := c.Put(ctx, item.Key, item.Value, ExpireAt(item.Expires)); err != nil {
				return fmt.Errorf("put %q: %w", item.Key, err)
			}
			done()
			return nil
		})
	}
	return errors.Join(readErr, group.Wait())
}
