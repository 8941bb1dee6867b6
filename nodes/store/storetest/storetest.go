// Package storetest holds what tests of stores and of what stands on them share:
// [Test], the conformance suite that every store must pass, [Memory], the store in
// memory, and [Disk], a file system that fails on command. Only tests import it.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dht/events"
)

// Store is what a node asks of a store.
type Store interface {
	Get(key []byte) (events.Record, error)
	GetAll(keys [][]byte, take func(i, size int) bool, each func(i int, r events.Record, err error))
	Apply(changes []events.Change, done func(error))
	List(prefix, after []byte, limit int) (keys []events.KeyInfo, more bool, err error)
	Stats() events.StoreStats
	Newest() events.Version
	Scan(after []byte, limit int) (records []events.Record, more bool, err error)
	Forget(t time.Time)
	Close() error
}

// start is the time at which the stores of a test are opened.
var start = time.UnixMilli(1_800_000_000_000)

// Test runs the suite. open returns an empty store that reads the time from
// now; the suite closes it.
func Test(t *testing.T, open func(t *testing.T, now func() time.Time) Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *Harness)
	}{
		{"Get/Unknown", testUnknown},
		{"Get/Overwritten", testOverwritten},
		{"Get/Tombstone", testTombstone},
		{"Get/AnyBytes", testAnyBytes},
		{"Get/All", testGetAll},
		{"Apply/InOrder", testInOrder},
		{"Apply/VisibleWhenDone", testVisibleWhenDone},
		{"Apply/NothingWritten", testNothingWritten},
		{"Apply/CallerReusesSlices", testCallerReusesSlices},
		{"Apply/Drop", testDrop},
		{"Apply/BadKey", testBadKey},
		{"Apply/TombstoneHasNoValue", testTombstoneValue},
		{"Apply/Concurrent", testConcurrent},
		{"List/Pages", testListPages},
		{"List/LiveOnly", testListLiveOnly},
		{"Scan/TombstonesToo", testScan},
		{"Scan/Pages", testScanPages},
		{"Stats/Expiry", testStatsExpiry},
		{"Stats/ManyOverwrites", testStatsOverwrites},
		{"Newest", testNewest},
		{"Close/FinishesQueue", testClose},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &Harness{T: t, now: start}
			h.Clock = events.NewClock(h.Now)
			h.Store = open(t, h.Now)
			t.Cleanup(func() {
				if err := h.Store.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			c.test(t, h)
		})
	}
}

func testUnknown(t *testing.T, h *Harness) {
	h.WantUnknown("nobody")
	if s := h.Store.Stats(); s != (events.StoreStats{}) {
		t.Fatalf("stats of an empty store: %v", s)
	}
}

func testOverwritten(t *testing.T, h *Harness) {
	h.Want(h.Put("k", "one"))
	h.Want(h.Put("k", "two, which is longer"))
	h.Want(h.Put("k", ""))
	h.Want(h.PutUntil("k", "four", time.Minute))
	h.Want(h.Put("k", "five"))
}

func testTombstone(t *testing.T, h *Harness) {
	h.Put("k", "v")
	h.Want(h.Delete("k"))
	h.Want(h.Put("k", "again"))
	h.Want(h.Delete("never there"))
}

func testAnyBytes(t *testing.T, h *Harness) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	long := bytes.Repeat(all, events.MaxKey/256)
	large := bytes.Repeat(all, 4000)
	for _, r := range []struct{ key, value []byte }{
		{all, all}, {long, large}, {[]byte{0}, nil}, {[]byte{0xff}, []byte("\n")},
		{[]byte("grüße"), []byte(`"quoted\"`)}, {[]byte(`","crc":"00000000"}`), []byte("\u2028\t\r\n\x00")},
	} {
		h.Want(h.Put(string(r.key), string(r.value)))
	}
	if got := h.Store.Stats().Keys; got != 6 {
		t.Fatalf("got %d keys, want 6", got)
	}
}

// appending returns a change that appends text to what stands.
func appending(h *Harness, key, text string) events.Change {
	return events.Change{Key: []byte(key), Decide: func(current events.Record) (events.Record, bool) {
		value := append(slices.Clone(current.Value), text...)
		return events.Record{Key: []byte(key), Value: value, Version: h.Clock.Next()}, true
	}}
}

// testGetAll demands the same of many keys at once as of each alone: live ones,
// unknown ones, tombstones, one key twice.
func testGetAll(t *testing.T, h *Harness) {
	var keys [][]byte
	for i := range 100 {
		key := fmt.Sprint("key", i)
		keys = append(keys, []byte(key))
		switch i % 4 {
		case 0, 1:
			h.Put(key, strings.Repeat("v", i*i)) // some too long to stay in memory
		case 2:
			h.Put(key, "v")
			h.Delete(key)
		}
	}
	keys = append(keys, keys[0])
	answered := make([]int, len(keys))
	records := make([]events.Record, len(keys))
	each := func(i int, got events.Record, err error) {
		answered[i]++
		if records[i] = got; err != nil {
			t.Errorf("%s: %v", keys[i], err)
		}
	}
	h.Store.GetAll(keys, nil, each)
	for i, got := range records {
		if want, err := h.Store.Get(keys[i]); !Same(got, want) || err != nil {
			t.Errorf("%s: got %v, alone %v, %v", keys[i], got, want, err)
		}
	}
	for i, n := range answered {
		if n != 1 {
			t.Errorf("%s is answered %d times", keys[i], n)
		}
	}
	sizes := make([]int, len(keys))
	h.Store.GetAll(keys, func(i, size int) bool { sizes[i] = size; return i%8 == 0 }, each)
	for i, got := range records {
		want, err := h.Store.Get(keys[i])
		if sizes[i] != len(want.Value) {
			t.Errorf("%s: said to have %d bytes, has %d", keys[i], sizes[i], len(want.Value))
		}
		if i%8 != 0 {
			want.Value = nil
		}
		if !Same(got, want) || err != nil {
			t.Errorf("%s: got %v, %v, want %v", keys[i], got, err, want)
		}
	}
	h.Store.GetAll(nil, nil, func(int, events.Record, error) { t.Error("nothing asked, but answered") })
}

func testInOrder(t *testing.T, h *Harness) {
	var group sync.WaitGroup
	want := ""
	for i := range 50 {
		text := fmt.Sprintf("%d,%d,", 2*i, 2*i+1)
		want += text
		a, b, _ := bytes.Cut([]byte(text), []byte(","))
		group.Add(1)
		h.Store.Apply([]events.Change{appending(h, "k", string(a)+","), appending(h, "k", string(b))}, func(err error) {
			if err != nil {
				t.Errorf("apply: %v", err)
			}
			group.Done()
		})
	}
	group.Wait()
	if r, err := h.Store.Get([]byte("k")); err != nil || string(r.Value) != want {
		t.Fatalf("got %q, %v, want %q", r.Value, err, want)
	}
}

func testVisibleWhenDone(t *testing.T, h *Harness) {
	r := events.Record{Key: []byte("k"), Value: []byte("v"), Version: h.Clock.Next()}
	seen := make(chan events.Record, 1)
	h.Store.Apply([]events.Change{Write(r)}, func(error) {
		got, err := h.Store.Get(r.Key)
		if err != nil {
			t.Errorf("get: %v", err)
		}
		seen <- got
	})
	if got := <-seen; !Same(got, r) {
		t.Fatalf("when done: got %v, want %v", got, r)
	}
}

func testNothingWritten(t *testing.T, h *Harness) {
	want := h.Put("k", "v")
	var saw events.Record
	err := h.Apply(events.Change{Key: []byte("k"), Decide: func(current events.Record) (events.Record, bool) {
		saw = current
		return events.Record{}, false
	}})
	if err != nil || !Same(saw, want) {
		t.Fatalf("decide saw %v, %v, want %v", saw, err, want)
	}
	h.Want(want)
	if err := h.Apply(); err != nil {
		t.Fatalf("apply no changes: %v", err)
	}
}

func testCallerReusesSlices(t *testing.T, h *Harness) {
	r := events.Record{Key: []byte("key"), Value: []byte("value"), Version: h.Clock.Next()}
	want := events.Record{Key: []byte("key"), Value: []byte("value"), Version: r.Version}
	if err := h.Apply(Write(r)); err != nil {
		t.Fatal(err)
	}
	got, _ := h.Store.Get(want.Key)
	clear(r.Key)
	clear(r.Value)
	h.Want(want)
	h.Put("key", "other")
	h.Delete("key")
	if !Same(got, want) {
		t.Fatalf("what was read first changed to %v", got)
	}
}

func testDrop(t *testing.T, h *Harness) {
	h.Put("k", "v")
	h.Put("l", "w")
	h.Drop("k")
	h.WantUnknown("k")
	h.Drop("never there")
	if got := h.Keys(""); got != "l" {
		t.Fatalf("got keys %q, want l", got)
	}
	h.Want(h.Put("k", "back"))
}

func testBadKey(t *testing.T, h *Harness) {
	for _, key := range [][]byte{nil, make([]byte, events.MaxKey+1)} {
		err := h.Apply(Write(events.Record{Key: []byte("good"), Version: h.Clock.Next()}), Write(events.Record{Key: key, Version: h.Clock.Next()}))
		if !errors.Is(err, events.ErrBadRequest) {
			t.Fatalf("key of %d bytes: got %v, want %v", len(key), err, events.ErrBadRequest)
		}
	}
	h.WantUnknown("good")
}

func testTombstoneValue(t *testing.T, h *Harness) {
	r := events.Record{Key: []byte("k"), Version: h.Clock.Next(), Deleted: true, Value: []byte("v"), Expires: 1}
	if err := h.Apply(Write(r)); err != nil {
		t.Fatal(err)
	}
	r.Value, r.Expires = nil, 0
	h.Want(r)
}

func testConcurrent(t *testing.T, h *Harness) {
	const writers, each = 16, 50
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				err := h.Apply(appending(h, "counter", "x"), appending(h, fmt.Sprint("own", w), "y"))
				if r, _ := h.Store.Get(fmt.Append(nil, "own", w)); err != nil || len(r.Value) != i+1 {
					t.Errorf("writer %d reads %d of its %d, %v", w, len(r.Value), i+1, err)
				}
			}
		})
	}
	group.Wait()
	if r, _ := h.Store.Get([]byte("counter")); len(r.Value) != writers*each {
		t.Fatalf("got %d, want %d", len(r.Value), writers*each)
	}
}

func testNewest(t *testing.T, h *Harness) {
	if v := h.Store.Newest(); !v.IsZero() {
		t.Fatalf("newest of an empty store: %v", v)
	}
	older := h.Clock.Next()
	h.Put("a", "v")
	r := h.Delete("b")
	if err := h.Apply(Write(events.Record{Key: []byte("c"), Version: older})); err != nil {
		t.Fatal(err)
	}
	h.Drop("b")
	if got := h.Store.Newest(); got != r.Version {
		t.Fatalf("got %v, want %v", got, r.Version)
	}
}

func testClose(t *testing.T, h *Harness) {
	results := make(chan error, 100)
	for i := range cap(results) {
		r := events.Record{Key: fmt.Append(nil, i), Value: []byte("v"), Version: h.Clock.Next()}
		h.Store.Apply([]events.Change{Write(r)}, func(err error) { results <- err })
	}
	for range 2 {
		if err := h.Store.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Fatalf("queued before close: %v", err)
		}
	}
	err := h.Apply(Write(events.Record{Key: []byte("k"), Version: h.Clock.Next()}))
	if !errors.Is(err, events.ErrStopped) {
		t.Fatalf("apply after close: got %v, want %v", err, events.ErrStopped)
	}
}
