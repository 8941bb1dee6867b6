package segment

import (
	"errors"
	"fmt"
)

// ErrNotDurable is a failed sync, or a truncation that was to take something
// back: what the disk holds is not known any more.
var ErrNotDurable = errors.New("the disk failed")

// Durable marks what went wrong with a sync.
func Durable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrNotDurable, err)
}
