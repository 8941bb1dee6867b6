package store

import (
	"bytes"

	"dht/events"
	"dht/nodes/store/index"
	"dht/nodes/store/segment"
)

// batch is what has been decided and is not yet durable.
type batch struct {
	lines   []byte
	written []written
	last    map[uint64]int // by hash of the key: the last one written
}

// written is a record that is not yet durable.
type written struct {
	key    []byte
	hash   uint64
	ref    index.Ref     // where its entry was, 0 when there was none
	record events.Record // without a version: the key is dropped
	at     segment.Place
	before int // the one written before with the same hash, or -1
}

const (
	mostSpareLines = 4 << 20 // room that is kept from batch to batch
	mostSpareLast  = 4 << 10
)

// reset empties the batch. What only a large one needs is given back.
func (b *batch) reset() {
	clear(b.written) // the callers' slices
	b.lines, b.written = b.lines[:0], b.written[:0]
	if cap(b.lines) > mostSpareLines {
		b.lines = nil
	}
	if cap(b.written) > mostSpareLast || b.last == nil {
		b.written, b.last = nil, map[uint64]int{}
	}
	clear(b.last)
}

// find returns the last record written of key.
func (b *batch) find(key []byte, hash uint64) (events.Record, bool) {
	i, ok := b.last[hash]
	for ok && i >= 0 {
		if w := &b.written[i]; bytes.Equal(w.key, key) {
			return w.record, true
		}
		i = b.written[i].before
	}
	return events.Record{}, false
}

// undo takes back all that was written but the first n.
func (b *batch) undo(n int) {
	if n == len(b.written) {
		return
	}
	for i := len(b.written) - 1; i >= n; i-- {
		if w := &b.written[i]; w.before >= 0 {
			b.last[w.hash] = w.before
		} else {
			delete(b.last, w.hash)
		}
	}
	size := 0
	for _, w := range b.written[n:] {
		size += int(w.at.Size)
	}
	b.lines = b.lines[:len(b.lines)-size]
	clear(b.written[n:])
	b.written = b.written[:n]
}

// add appends a line to a batch that is going to stand at end. A line that drops
// the key has no record.
func (b *batch) add(l *segment.Line, hash uint64, r index.Ref, end segment.Place) {
	l.Synced = segment.NoMark
	if len(b.lines) == 0 {
		l.Synced = int64(end.Off)
	}
	start := len(b.lines)
	b.lines = l.AppendTo(b.lines)
	before, ok := b.last[hash]
	if !ok {
		before = -1
	}
	w := written{key: l.Record.Key, hash: hash, ref: r, before: before, at: segment.Place{
		File: end.File, Off: end.Off + uint32(start), Size: uint32(len(b.lines) - start)}}
	if l.Kind == segment.KindRecord {
		w.record = l.Record
	}
	b.last[hash] = len(b.written)
	b.written = append(b.written, w)
}
