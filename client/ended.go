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
		return endedError{err, cause}
	}
	return err
}

// endedError is a context's end, in the words of its cause: who ended it says more
// than that it is over.
type endedError struct{ err, cause error }

func (e endedError) Error() string   { return e.cause.Error() }
func (e endedError) Unwrap() []error { return []error{e.err, e.cause} }

// orEnded adds to err, if there is one, that the caller's ctx is over. A caller
// who went away heard nobody: then the others' silence says nothing.
func orEnded(ctx context.Context, err error) error {
	over := ended(ctx)
	switch {
	case err == nil || over == nil:
		return err
	case errors.Is(over, context.Canceled) && (errors.Is(err, events.ErrOwnerOffline) ||
		errors.Is(err, events.ErrUnreachable)):
		return over
	case errors.Is(err, ctx.Err()):
		return err
	}
	return fmt.Errorf("%w: %w", err, over)
}
