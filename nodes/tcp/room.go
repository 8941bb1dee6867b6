package tcp

import (
	"context"
	"errors"

	"golang.org/x/sync/semaphore"
)

// What all connections together may hold is bounded before it is there: by the
// replies that nobody has taken, and by the commands that have arrived in part; by
// the values that may come back and the writes that wait, package coordinator does.
// Each connection has a little of its own besides, so that none waits for others to
// do small things.
const (
	unreadRoom = 128 << 20 // for replies that were not taken
	inputRoom  = 128 << 20 // for commands that have arrived in part
	hugeRoom   = 2         // commands of more than inputUnit that may arrive at a time
	inputUnit  = 3 << 20   // for one of them: the largest value fits
)

// rooms are what all connections share.
type rooms struct{ unread, input, huge *semaphore.Weighted }

func newRooms() *rooms {
	return &rooms{unread: semaphore.NewWeighted(unreadRoom), input: semaphore.NewWeighted(inputRoom),
		huge: semaphore.NewWeighted(hugeRoom)}
}

// grow takes room for a command that is to take so many bytes, or gives it back: a
// unit at once for whatever is not small, so that nobody waits for more while he
// holds some; and for what is more than that one of a few places, whose holders
// wait for nobody.
func (s *session) grow(bytes int) error {
	switch large, huge := bytes > 0, bytes > inputUnit; {
	case huge && !s.huge:
		s.huge = s.waitFor(s.server.rooms.huge, 1)
		return s.noInput(s.huge)
	case large && !s.large:
		s.large = s.waitFor(s.server.rooms.input, inputUnit)
		return s.noInput(s.large)
	case large:
		return nil
	}
	if s.large {
		s.server.rooms.input.Release(inputUnit)
	}
	if s.huge {
		s.server.rooms.huge.Release(1)
	}
	s.large, s.huge = false, false
	return nil
}

func (s *session) noInput(took bool) error {
	if took {
		return nil
	}
	return errors.New("no room for so large a command: too many clients send large ones")
}

// waitFor takes room that others must give back first, if they do in time.
func (s *session) waitFor(room *semaphore.Weighted, n int64) bool {
	if room.TryAcquire(n) {
		return true
	}
	ctx, cancel := context.WithTimeout(s.server.ctx, s.server.Slow)
	defer cancel()
	return room.Acquire(ctx, n) == nil
}
