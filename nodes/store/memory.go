package store

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
	queue  *queue
	writer sync.WaitGroup

	mu      sync.RWMutex // guards what follows
	records map[string]events.Record
	newest  events.Version
}

// NewMemory returns an empty store; now is [time.Now] outside tests. It must be
// closed.
func NewMemory(now func() time.Time) *Memory {
	m := &Memory{now: now, queue: newQueue(), records: map[string]events.Record{}}
	m.writer.Go(m.write)
	return m
}

// Get returns what is recorded of key.
func (m *Memory) Get(key []byte) (events.Record, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.records[string(key)], nil
}

// GetAll is Get of several keys; see [Journal.GetAll].
func (m *Memory) GetAll(keys [][]byte, take func(i, size int) bool, each func(i int, r events.Record, err error)) {
	for i, key := range keys {
		r, err := m.Get(key)
		if take != nil && r.Known() && !take(i, len(r.Value)) {
			r.Value = nil
		}
		each(i, r, err)
	}
}

// Apply queues changes; see [Journal.Apply].
func (m *Memory) Apply(changes []events.Change, done func(error)) {
	if !m.queue.push(newRequest(changes, done)) {
		done(events.ErrStopped)
	}
}

func (m *Memory) write() {
	var batch []request
	for open := true; open; {
		<-m.queue.wake
		batch, open = m.queue.take(batch)
		for _, r := range batch {
			m.apply(r.changes)
			r.done(r.err)
		}
	}
}

func (m *Memory) apply(changes []events.Change) {
	for _, c := range changes {
		current, _ := m.Get(c.Key)
		next, write := c.Decide(current)
		if write {
			m.set(c.Key, normal(c.Key, next))
		}
	}
}

func (m *Memory) set(key []byte, r events.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !r.Known() {
		delete(m.records, string(key))
		return
	}
	r.Key, r.Value = bytes.Clone(key), bytes.Clone(r.Value)
	m.records[string(key)] = r
	if r.Version.Compare(m.newest) > 0 {
		m.newest = r.Version
	}
}

// List returns live keys; see [Journal.List].
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

// Close finishes what is queued. Reads go on.
func (m *Memory) Close() error {
	m.queue.close()
	m.writer.Wait()
	return nil
}
