package tcp

import (
	"sync/atomic"
	"time"
)

// counts is what became of a command, for INFO. Safe for concurrent use.
type counts struct {
	calls    atomic.Int64
	rejected atomic.Int64 // not begun
	failed   atomic.Int64
	timed    atomic.Int64 // of the calls, those that took
	nanos    atomic.Int64
}

func (c *counts) reset() {
	for _, n := range []*atomic.Int64{&c.calls, &c.rejected, &c.failed, &c.timed, &c.nanos} {
		n.Store(0)
	}
}

// micros is how long all calls took, reckoned from those that were timed.
func (c *counts) micros() float64 {
	return float64(c.nanos.Load()) / 1000 * float64(c.calls.Load()) / float64(max(c.timed.Load(), 1))
}

// timeEvery is how many batches pass for each that is timed: to look at the clock
// twice costs a hundredth of a GET.
const timeEvery = 16

// timed is when a batch begins that is to be timed, or zero.
func (s *session) timed() (begun time.Time) {
	if s.batches%timeEvery == 0 {
		begun = time.Now()
	}
	s.batches++
	return begun
}

// count notes how long the commands took that were answered together.
func (s *session) count(begun time.Time) {
	if begun.IsZero() {
		return
	}
	each := time.Since(begun).Nanoseconds() / int64(len(s.calls))
	for i := range s.calls {
		if cmd := s.calls[i].cmd; cmd != nil {
			cmd.counts.timed.Add(1)
			cmd.counts.nanos.Add(each)
		}
	}
}
