package tcp

import (
	"sync"
	"time"
)

// seldom lets what happens again and again be said once a minute, with a count.
// Safe for concurrent use.
type seldom struct {
	mu    sync.Mutex // guards what follows
	last  time.Time
	times int
}

const sayAgain = time.Minute

// say reports whether it is to be said now, and how often it has happened since it
// was said last.
func (s *seldom) say(now time.Time) (times int, say bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times++
	if !s.last.IsZero() && now.Sub(s.last) < sayAgain {
		return 0, false
	}
	times = s.times
	s.last, s.times = now, 0
	return times, true
}
