package storetest

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"dht/events"
)

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
