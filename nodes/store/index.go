package store

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"dht/events"
)

// index finds the records that stand.
type index struct {
	entries map[string]entry
}

type entry struct {
	record events.Record
	at     place
}

func newIndex() *index { return &index{entries: map[string]entry{}} }

// get finds what is recorded of key.
func (x *index) get(key []byte) (events.Record, place, bool) {
	e, ok := x.entries[string(key)]
	return e.record, e.at, ok
}

// set records r, which stands at at.
func (x *index) set(r events.Record, at place) {
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	x.entries[string(r.Key)] = entry{r, at}
}

func (x *index) remove(key []byte) { delete(x.entries, string(key)) }

// replay applies a line of the journal: the newest version stands, among equal
// ones the last.
func (x *index) replay(l *line, at place) {
	current, _, _ := x.get(l.record.Key)
	switch {
	case current.Version.Compare(l.record.Version) > 0:
	case l.kind == kindDrop:
		x.remove(l.record.Key)
	default:
		x.set(l.record, at)
	}
}

func (x *index) list(prefix, after []byte, limit int, now time.Time, visible func(place) bool) (keys []events.KeyInfo, more bool) {
	for _, key := range slices.Sorted(maps.Keys(x.entries)) {
		e := x.entries[key]
		r := e.record
		if !r.Live(now) || !visible(e.at) || !strings.HasPrefix(key, string(prefix)) || key <= string(after) {
			continue
		}
		if len(keys) == limit {
			return keys, true
		}
		keys = append(keys, events.KeyInfo{Key: r.Key, Version: r.Version, Expires: r.Expires, Bytes: int64(len(r.Value))})
	}
	return keys, false
}

func (x *index) stats(now time.Time) (s events.StoreStats) {
	for key, e := range x.entries {
		if e.record.Live(now) {
			s.Keys++
			s.Bytes += int64(len(key) + len(e.record.Value))
		}
	}
	return s
}
