package events_test

import (
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
