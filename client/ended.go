package client

import (
	"context"
	"errors"
	"fmt"

	"dht/events"
)

// ended is why ctx is over, nil as long as it is not: what its Err says, and its
// cause where that is another.
func ended(ctx context.Context) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); err != nil && cause != err {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// orEnded adds to err, if there is one, that the caller's ctx is over. A caller
// who went away heard nobody: then the others' silence says nothing.
func orEnded(ctx context.Context, err error) error {
	over := ended(ctx)
	switch {
	case err == nil || over == nil:
		return err
	case errors.Is(over, context.Canceled) && (errors.Is(err, events.ErrOwnerOffline) || errors.Is(err, events.ErrUnreachable)):
		return over
	case errors.Is(err, ctx.Err()):
		return err
	}
	return fmt.Errorf("%w: %w", err, over)
}
