// Package storetest holds what every store must pass: [Test], the conformance
// suite, and [Disk], a file system that fails on command. Only tests import it.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"dht/events"
)

// Store is what a node asks of a store.
type Store interface {
	Get(key []byte) (events.Record, error)
	Apply(changes []events.Change, done func(error))
	List(prefix, after []byte, limit int) (keys []events.KeyInfo, more bool, err error)
	Stats() events.StoreStats
	Newest() events.Version
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
		{"Apply/InOrder", testInOrder},
		{"Apply/VisibleWhenDone", testVisibleWhenDone},
		{"Apply/NothingWritten", testNothingWritten},
		{"Apply/CallerReusesSlices", testCallerReusesSlices},
		{"Apply/Drop", testDrop},
		{"Apply/Concurrent", testConcurrent},
		{"List/Pages", testListPages},
		{"List/LiveOnly", testListLiveOnly},
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

// Harness drives a store in a test and fails the test on errors.
type Harness struct {
	T     testing.TB
	Store Store
	Clock *events.Clock

	mu  sync.Mutex
	now time.Time
}

// NewHarness drives s; its clock stands still.
func NewHarness(t testing.TB, s Store) *Harness {
	h := &Harness{T: t, Store: s, now: start}
	h.Clock = events.NewClock(h.Now)
	return h
}

// Now is the time of the test.
func (h *Harness) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// Advance lets time pass.
func (h *Harness) Advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// Write returns the change that writes r whatever stands.
func Write(r events.Record) events.Change {
	return events.Change{Key: r.Key, Blind: true, Decide: func(events.Record) (events.Record, bool) { return r, true }}
}

// Apply applies changes and waits until they are done.
func (h *Harness) Apply(changes ...events.Change) error {
	done := make(chan error, 1)
	h.Store.Apply(changes, func(err error) { done <- err })
	return <-done
}

// Put writes a value and returns its record.
func (h *Harness) Put(key, value string) events.Record {
	h.T.Helper()
	return h.write(events.Record{Key: []byte(key), Value: []byte(value)})
}

// PutUntil writes a value that expires after ttl.
func (h *Harness) PutUntil(key, value string, ttl time.Duration) events.Record {
	h.T.Helper()
	return h.write(events.Record{Key: []byte(key), Value: []byte(value), Expires: h.Now().Add(ttl).UnixMilli()})
}

// Delete writes a tombstone and returns it.
func (h *Harness) Delete(key string) events.Record {
	h.T.Helper()
	return h.write(events.Record{Key: []byte(key), Deleted: true})
}

// Drop makes the store forget key.
func (h *Harness) Drop(key string) {
	h.T.Helper()
	if err := h.Apply(Write(events.Record{Key: []byte(key)})); err != nil {
		h.T.Fatalf("drop %q: %v", key, err)
	}
}

func (h *Harness) write(r events.Record) events.Record {
	h.T.Helper()
	r.Version = h.Clock.Next()
	if err := h.Apply(Write(r)); err != nil {
		h.T.Fatalf("write %q: %v", r.Key, err)
	}
	return r
}

// Want checks what the store holds of want's key.
func (h *Harness) Want(want events.Record) {
	h.T.Helper()
	got, err := h.Store.Get(want.Key)
	if err != nil {
		h.T.Fatalf("get %q: %v", want.Key, err)
	}
	if !Same(got, want) {
		h.T.Fatalf("get %q: got %v, want %v", want.Key, got, want)
	}
}

// WantUnknown checks that nothing is known of key.
func (h *Harness) WantUnknown(key string) {
	h.T.Helper()
	got, err := h.Store.Get([]byte(key))
	if err != nil || got.Known() {
		h.T.Fatalf("get %q: got %v, %v, want nothing", key, got, err)
	}
}

// Keys lists all live keys with prefix, in one text.
func (h *Harness) Keys(prefix string) string {
	h.T.Helper()
	keys, more, err := h.Store.List([]byte(prefix), nil, 1<<30)
	if err != nil || more {
		h.T.Fatalf("list %q: more %v, %v", prefix, more, err)
	}
	return KeyText(keys)
}

// KeyText joins keys with spaces.
func KeyText(keys []events.KeyInfo) string {
	var b []byte
	for i, k := range keys {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, k.Key...)
	}
	return string(b)
}

// Same reports whether two records say the same.
func Same(a, b events.Record) bool {
	return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) &&
		a.Version == b.Version && a.Expires == b.Expires && a.Deleted == b.Deleted
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

func testListPages(t *testing.T, h *Harness) {
	for i := range 100 {
		h.Put(fmt.Sprintf("b/%02d", i*37%100), "v")
	}
	h.Put("a", "v")
	h.Put("b", "v")
	h.Put("b0", "v")
	h.Put("c", "v")
	var after []byte
	for page := 0; ; page++ {
		keys, more, err := h.Store.List([]byte("b/"), after, 30)
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range keys {
			if want := fmt.Sprintf("b/%02d", page*30+i); string(k.Key) != want || k.Bytes != 1 {
				t.Fatalf("page %d: got %s with %d bytes, want %s", page, k.Key, k.Bytes, want)
			}
		}
		if more != (page < 3) || len(keys) == 0 {
			t.Fatalf("page %d: %d keys, more %v", page, len(keys), more)
		}
		if !more {
			break
		}
		after = keys[len(keys)-1].Key
	}
	if keys, more, _ := h.Store.List([]byte("b/"), []byte("a"), 200); len(keys) != 100 || more {
		t.Fatalf("behind a: %d keys, more %v", len(keys), more)
	}
	if keys, more, _ := h.Store.List([]byte("b/"), []byte("c"), 200); len(keys) != 0 || more {
		t.Fatalf("behind c: %d keys, more %v", len(keys), more)
	}
	if keys, more, _ := h.Store.List(nil, nil, 0); len(keys) != 0 || !more {
		t.Fatalf("none: %d keys, more %v", len(keys), more)
	}
}

func testListLiveOnly(t *testing.T, h *Harness) {
	h.Put("a", "v")
	h.PutUntil("b", "v", time.Second)
	h.Put("c", "v")
	h.Delete("c")
	h.Put("d", "v")
	r := h.PutUntil("e", "vvv", 2*time.Second)
	keys, _, _ := h.Store.List([]byte("e"), nil, 1)
	if len(keys) != 1 || keys[0].Version != r.Version || keys[0].Expires != r.Expires || keys[0].Bytes != 3 {
		t.Fatalf("got %v, want what %v says", keys, r)
	}
	for _, want := range []string{"a b d e", "a d e", "a d"} {
		if got := h.Keys(""); got != want {
			t.Fatalf("got keys %q, want %q", got, want)
		}
		h.Advance(time.Second)
	}
	h.Want(r)
}

func testStatsExpiry(t *testing.T, h *Harness) {
	h.Put("a", "12345")
	h.PutUntil("b", "1234", time.Second)
	h.PutUntil("c", "123", time.Second)
	h.PutUntil("c", "123", time.Hour)
	want := []events.StoreStats{{Keys: 3, Bytes: 15}, {Keys: 2, Bytes: 10}}
	if got := h.Store.Stats(); got != want[0] {
		t.Fatalf("got %v, want %v", got, want[0])
	}
	h.Advance(time.Second)
	if got := h.Store.Stats(); got != want[1] {
		t.Fatalf("after a second: got %v, want %v", got, want[1])
	}
	h.PutUntil("b", "again", time.Second)
	h.Delete("c")
	if got, want := h.Store.Stats(), (events.StoreStats{Keys: 2, Bytes: 12}); got != want {
		t.Fatalf("put again: got %v, want %v", got, want)
	}
}

func testStatsOverwrites(t *testing.T, h *Harness) {
	for i := range 300 {
		key, value := fmt.Sprint(i%10), fmt.Sprint(i%7)
		switch i % 5 {
		case 0:
			h.PutUntil(key, value, time.Duration(i)*time.Millisecond)
		case 1:
			h.Delete(key)
		case 2:
			h.Drop(key)
		default:
			h.Put(key, value)
		}
		h.Advance(time.Millisecond)
		keys, _, err := h.Store.List(nil, nil, 100)
		var want events.StoreStats
		for _, k := range keys {
			want.Keys++
			want.Bytes += int64(len(k.Key)) + k.Bytes
		}
		if got := h.Store.Stats(); got != want || err != nil {
			t.Fatalf("step %d: stats say %v, the listing %v, %v", i, got, want, err)
		}
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
