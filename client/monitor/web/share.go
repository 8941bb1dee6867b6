package web

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"dht/events"
)

// What all clients together may take of this process's memory, in bytes, and what
// one request takes of it while it is under way.
const (
	forBodies = 64 << 20 // values on their way in
	forWork   = 128 << 20

	workOfWrite   = 64 << 10 // and the value
	workOfRead    = events.MaxValue
	workOfListing = 4 << 20 // a page of each node
)

// waitForShare is how long a request waits for others to be done; meanwhile, now
// and then, those who hold a part and do nothing lose it.
const (
	waitForShare = 2 * time.Second
	relieveAgain = 250 * time.Millisecond
)

// share is what all clients together may take of something.
type share struct {
	*semaphore.Weighted
	what    string
	relieve func()
}

func newShare(bytes int64, what string, relieve func()) share {
	return share{semaphore.NewWeighted(bytes), what, relieve}
}

// take waits until there is room for so many bytes, which the caller releases;
// but not long.
func (s share) take(ctx context.Context, bytes int64) error {
	if s.TryAcquire(bytes) {
		return nil
	}
	for begun := time.Now(); time.Since(begun) < waitForShare && ctx.Err() == nil; {
		s.relieve()
		if s.acquireWithin(ctx, relieveAgain, bytes) {
			return nil
		}
	}
	return fmt.Errorf("%w: too many %s are under way", events.ErrBusy, s.what)
}

func (s share) acquireWithin(ctx context.Context, d time.Duration, bytes int64) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return s.Acquire(ctx, bytes) == nil
}
