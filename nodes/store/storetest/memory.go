package storetest

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"dht/events"
)

// Memory is a store that forgets everything when it is closed: the fake for
// tests of what stands on a store, and the model the journal is tested against.
// Safe for concurrent use.
type Memory struct {
	now    func() time.Time
	wake   chan struct{} // holds a token while requests wait, or once it is closed
	writer sync.WaitGroup

	waits   sync.Mutex // guards waiting and closed
	waiting []request
	closed  bool

	mu      sync.RWMutex // guards what follows
	records map[string]events.Record
	newest  events.Version
}

// request is what one call of Apply queued.
type request struct {
	changes []events.Change
	done    func(error)
}

// NewMemory returns an empty store; now is [time.Now] outside tests. It must be
// closed.
func NewMemory(now func() time.Time) *Memory {
	m := &Memory{now: now, wake: make(chan struct{}, 1), records: map[string]events.Record{}}
	m.writer.Go(m.write)
	return m
}

// Get returns what is recorded of key.
func (m *Memory) Get(key []byte) (events.Record, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.records[string(key)], nil
}

// GetAll is Get of several keys; see [store.Journal.GetAll].
func (m *Memory) GetAll(keys [][]byte, take func(i, size int) bool, each func(i int, r events.Record, err error)) {
	for i, key := range keys {
		r, err := m.Get(key)
		if take != nil && r.Known() && !take(i, len(r.Value)) {
			r.Value = nil
		}
		each(i, r, err)
	}
}

// Apply queues changes; see [store.Journal.Apply].
func (m *Memory) Apply(changes []events.Change, done func(error)) {
	if !m.push(request{changes, done}) {
		done(events.ErrStopped)
	}
}

// push reports false once the store is closed.
func (m *Memory) push(r request) bool {
	m.waits.Lock()
	defer m.waits.Unlock()
	if m.closed {
		return false
	}
	m.waiting = append(m.waiting, r)
	m.signal()
	return true
}

// signal must be called with waits held.
func (m *Memory) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take returns what waits, in order, and whether more can come.
func (m *Memory) take() (batch []request, open bool) {
	m.waits.Lock()
	defer m.waits.Unlock()
	batch, m.waiting = m.waiting, nil
	return batch, !m.closed
}

func (m *Memory) write() {
	for open := true; open; {
		<-m.wake
		var batch []request
		batch, open = m.take()
		for _, r := range batch {
			r.done(m.apply(r.changes))
		}
	}
}

// apply makes all of the changes, or none where a key is not one.
func (m *Memory) apply(changes []events.Change) error {
	for i := range changes {
		if err := events.CheckKey(changes[i].Key); err != nil {
			return err
		}
	}
	for _, c := range changes {
		current, _ := m.Get(c.Key)
		if next, write := c.Decide(current); write {
			m.set(c.Key, next)
		}
	}
	return nil
}

func (m *Memory) set(key []byte, r events.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !r.Known() {
		delete(m.records, string(key))
		return
	}
	if r.Deleted { // a tombstone has neither value nor expiry
		r = events.Record{Version: r.Version, Deleted: true}
	}
	r.Key, r.Value, r.Corrupt = bytes.Clone(key), bytes.Clone(r.Value), false
	m.records[string(key)] = r
	if r.Version.Compare(m.newest) > 0 {
		m.newest = r.Version
	}
}

// List returns live keys; see [store.Journal.List].
func (m *Memory) List(prefix, after []byte, limit int) (keys []events.KeyInfo, more bool, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	now := m.now()
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		r := m.records[key]
		if !r.Live(now) || !strings.HasPrefix(key, string(prefix)) || key <= string(after) {
			continue
		}
		if len(keys) == limit {
			return keys, true, nil
		}
		keys = append(keys, events.KeyInfo{Key: r.Key, Version: r.Version, Expires: r.Expires, Bytes: int64(len(r.Value))})
	}
	return keys, false, nil
}

// Stats counts the live keys.
func (m *Memory) Stats() (s events.StoreStats) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	now := m.now()
	for key, r := range m.records {
		if r.Live(now) {
			s.Keys++
			if r.Expires != 0 {
				s.Expiring++
			}
			s.Bytes += int64(len(key) + len(r.Value))
		}
	}
	return s
}

// Newest is the newest version ever recorded.
func (m *Memory) Newest() events.Version {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.newest
}

// Scan returns everything recorded; see [store.Journal.Scan].
func (m *Memory) Scan(after []byte, limit int) (records []events.Record, more bool, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		if key <= string(after) {
			continue
		}
		if len(records) == limit {
			return records, true, nil
		}
		r := m.records[key]
		r.Value = nil
		records = append(records, r)
	}
	return records, false, nil
}

// Forget allows what a store in memory does not do: it keeps tombstones.
func (m *Memory) Forget(time.Time) {}

// Close finishes what is queued. Reads go on.
func (m *Memory) Close() error {
	m.waits.Lock()
	m.closed = true
	m.signal()
	m.waits.Unlock()
	m.writer.Wait()
	return nil
}
