package events_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"dht/events"
)

func fixed(ms int64) func() time.Time {
	return func() time.Time { return time.UnixMilli(ms) }
}

func TestClock_StampsUUIDv7(t *testing.T) {
	v := events.NewClock(fixed(1_790_000_000_123)).Next()
	u, err := uuid.Parse(v.String())
	if err != nil || u.Version() != 7 || u.Variant() != uuid.RFC4122 {
		t.Fatalf("%s is no UUIDv7: version %d, %v", v, u.Version(), err)
	}
	if v.Time().UnixMilli() != 1_790_000_000_123 {
		t.Errorf("%s was stamped at %v", v, v.Time())
	}
	if back, err := events.ParseVersion([]byte(v.String())); err != nil || back != v {
		t.Errorf("ParseVersion(%s) = %s, %v", v, back, err)
	}
}

func TestClock_CounterOverflowMovesMillisecondsOn(t *testing.T) {
	clock := events.NewClock(fixed(1000))
	last := clock.Next()
	for range 10_000 {
		next := clock.Next()
		if next.Compare(last) <= 0 {
			t.Fatalf("%s is not after %s", next, last)
		}
		last = next
	}
	if got := last.Time().UnixMilli(); got != 1002 {
		t.Errorf("after 10,001 versions the clock stands at %d ms, want 1002", got)
	}
}

func TestClock_NeverBehindWhatItObserved(t *testing.T) {
	ahead := events.NewClock(fixed(5000)).Next()
	clock := events.NewClock(fixed(1000))
	clock.Observe(ahead)
	if next := clock.Next(); next.Compare(ahead) <= 0 {
		t.Errorf("%s is not after the observed %s", next, ahead)
	}
	clock.Observe(events.NewClock(fixed(10)).Next())
	if next := clock.Next(); next.Compare(ahead) <= 0 {
		t.Errorf("observing an old version moved the clock back to %s", next)
	}
}

// TestClock_AdmitsNothingFarAhead: what comes from outside moves a clock by
// [events.MaxAhead] at most, however often it comes.
func TestClock_AdmitsNothingFarAhead(t *testing.T) {
	for _, ahead := range []time.Duration{events.MaxAhead + time.Millisecond, time.Hour, 200 * 365 * 24 * time.Hour} {
		clock := events.NewClock(fixed(1000))
		for range 5 {
			near := events.NewClock(fixed(1000 + events.MaxAhead.Milliseconds())).Next()
			if err := clock.Admit(clock.Now(), near); err != nil {
				t.Fatal(err)
			}
			v := events.NewClock(fixed(1000 + ahead.Milliseconds())).Next()
			if err := clock.Admit(clock.Now(), v); !errors.Is(err, events.ErrClockAhead) {
				t.Errorf("%v ahead: %v", ahead, err)
			}
		}
		if next := clock.Next().Time().UnixMilli(); next > 1000+events.MaxAhead.Milliseconds() {
			t.Errorf("the clock stands at %d ms", next)
		}
	}
}

// TestClock_NextAfter stamps later than any version, without going there.
func TestClock_NextAfter(t *testing.T) {
	clock := events.NewClock(fixed(1000))
	for _, at := range []int64{0, 1000, 1400, 9_000_000, 1<<48 - 2} {
		v := events.NewClock(fixed(at)).Next()
		next, err := clock.NextAfter(v)
		if err != nil || next.Compare(v) <= 0 || uuid.UUID(next).Version() != 7 {
			t.Errorf("after %s comes %s, %v", v, next, err)
		}
	}
	if got := clock.Next().Time().UnixMilli(); got > 1500 {
		t.Errorf("the clock stands at %d ms", got)
	}
	last, err := events.ParseVersion([]byte("ffffffff-ffff-7fff-bfff-ffffffffffff"))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := clock.NextAfter(last); !errors.Is(err, events.ErrClockAhead) {
		t.Errorf("after the last version comes %s, %v", v, err)
	}
}

// TestClock_BeforeTime: a machine whose clock says nothing still stamps in order.
func TestClock_BeforeTime(t *testing.T) {
	for _, wall := range []time.Time{{}, time.UnixMilli(-1), time.UnixMilli(1 << 60)} {
		clock := events.NewClock(func() time.Time { return wall })
		if a, b := clock.Next(), clock.Next(); a.Compare(b) >= 0 || uuid.UUID(a).Version() != 7 {
			t.Errorf("at %v: %s, then %s", wall, a, b)
		}
	}
}

// TestClock_AClientsMovesWithinBounds: an answer that is made up does not set it to
// another year.
func TestClock_AClientsMovesWithinBounds(t *testing.T) {
	const wall = 1_790_000_000_000
	clock := events.NewClock(fixed(wall))
	for _, to := range []int64{0, wall + 2*events.MaxSkew.Milliseconds(), 1<<48 - 1} {
		if clock.Sync(time.UnixMilli(to)) || clock.Now().UnixMilli() != wall {
			t.Errorf("a node's time of %d sets the clock to %v", to, clock.Now())
		}
		if to > wall && clock.Overtake(events.NewClock(fixed(to)).Next()) {
			t.Errorf("a version of %d is overtaken", to)
		}
		if got := clock.Next().Time().UnixMilli(); got != wall {
			t.Errorf("the clock stamps %d", got)
		}
	}
	if !clock.Sync(time.UnixMilli(wall+3_600_000)) || clock.Now().UnixMilli() != wall+3_600_000 {
		t.Errorf("an hour off is not taken: %v", clock.Now())
	}
}

func TestClock_SyncTakesAnotherClocksTime(t *testing.T) {
	clock := events.NewClock(fixed(9_000_000))
	clock.Next()
	clock.Sync(time.UnixMilli(1000))
	if got := clock.Next().Time().UnixMilli(); got != 1000 {
		t.Errorf("after Sync the clock stamps %d ms, want 1000", got)
	}
}

func TestClock_Concurrent(t *testing.T) {
	clock := events.NewClock(fixed(1000))
	var mu sync.Mutex
	seen := map[events.Version]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				v := clock.Next()
				mu.Lock()
				seen[v] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 8000 {
		t.Errorf("%d distinct versions of 8000", len(seen))
	}
}

func TestSubjects(t *testing.T) {
	s := events.NewSubjects("")
	for got, want := range map[string]string{
		s.Broadcast(events.OpPut):         "dht.put",
		s.Node("linux", events.OpKeys):    "dht.node.linux.keys",
		s.Event("linux", events.EventPut): "dht.event.linux.put",
		s.Events():                        "dht.event.>",
		events.NewSubjects("x").All():     "x.>",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for subject, want := range map[string]string{
		"dht.put": "/put/true", "dht.node.linux.get": "linux/get/true", "dht.event.linux.put": "/event.linux.put/false",
		"x.put": "//false", "dht.node.linux": "//false",
	} {
		node, op, ok := s.Op(subject)
		if got := fmt.Sprintf("%s/%s/%v", node, op, ok); got != want {
			t.Errorf("Op(%s) = %s, want %s", subject, got, want)
		}
	}
}
