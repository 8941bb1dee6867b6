package store

import (
	"errors"
	"fmt"
	"runtime"

	"dht/events"
)

// committer decides and writes. It belongs to the journal's one writing
// goroutine.
type committer struct {
	journal *Journal
	active  *segment
	nextID  uint32
	lines   []byte             // of the batch at hand
	written []written          // by the batch at hand
	last    map[string]written // the last one of each key
	limit   int64              // size at which the active segment is sealed
}

// written is a record that is not yet durable.
type written struct {
	key    []byte
	record events.Record // without a version: the key is dropped
	at     place
}

// ready cuts what a crash left behind the last good line, and makes sure that
// there is a segment to append to.
func (c *committer) ready(torn int64) error {
	c.last = map[string]written{}
	segments := c.journal.segments
	if len(segments) == 0 {
		return c.addSegment()
	}
	c.use(segments[len(segments)-1])
	if torn > 0 {
		c.journal.options.Log.Warn("cut off what a crash left of unanswered writes",
			"segment", segmentName(c.active.number), "bytes", torn)
	}
	if c.active.sealed {
		return c.addSegment()
	}
	return c.mend()
}

// mend makes the active segment end in a newline, durably, and nothing else.
func (c *committer) mend() error {
	s := c.active
	if s.end > 0 {
		if _, err := s.file.WriteAt([]byte{'\n'}, s.end-1); err != nil {
			return fmt.Errorf("mend %s: %w", segmentName(s.number), err)
		}
	}
	return s.trim()
}

// rotate seals the active segment when it is large enough, and starts another.
func (c *committer) rotate() error {
	j := c.journal
	if err := j.Err(); err != nil {
		return fmt.Errorf("%w: %w", events.ErrStopped, err)
	}
	if c.active.end < c.limit && !c.active.sealed {
		return nil
	}
	return c.judge(c.sealAndAdd())
}

func (c *committer) sealAndAdd() error {
	j := c.journal
	if !c.active.sealed {
		if err := c.active.seal(); err != nil {
			return err
		}
		j.mu.Lock()
		c.active.sealed = true
		j.mu.Unlock()
	}
	err := c.addSegment()
	j.merger.signal()
	return err
}

// addSegment starts the segment behind the active one.
func (c *committer) addSegment() error {
	j, number := c.journal, uint32(1)
	if c.active != nil {
		number = c.active.through + 1
	}
	f, err := j.folder.fs.Create(j.folder.path(segmentName(number)))
	if err == nil {
		err = j.folder.fs.SyncDir(j.folder.dir)
	}
	if err != nil {
		return fmt.Errorf("add %s: %w", segmentName(number), err)
	}
	c.nextID++
	s := &segment{id: c.nextID, number: number, through: number, file: f}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.segments = append(j.segments, s)
	j.files[s.id] = s
	c.use(s)
	return nil
}

// use makes s the segment that is appended to.
func (c *committer) use(s *segment) {
	c.active, c.limit = s, rotateAt(c.journal.index.live(), c.journal.options.Sealed)
	s.fill = min(c.limit/4, mostFill)
}

// write is the journal's writing goroutine.
func (j *Journal) write() {
	var batch []request
	for open := true; open; {
		<-j.queue.wake
		batch, open = j.queue.take(batch)
		j.committer.commit(batch)
		clear(batch)
		// Those who were just answered get to ask again before the next batch is
		// taken: fewer and larger batches.
		runtime.Gosched()
	}
}

// commit decides, writes and answers one batch.
func (c *committer) commit(batch []request) {
	err := c.rotate()
	if err == nil {
		for _, r := range batch {
			c.decide(r.changes)
		}
		err = c.sync()
	}
	if err == nil {
		c.publish()
	}
	c.lines, c.written = c.lines[:0], c.written[:0]
	clear(c.last)
	for _, r := range batch {
		r.done(err)
	}
}

func (c *committer) decide(changes []events.Change) {
	for _, change := range changes {
		next, write := change.Decide(c.current(change.Key, change.Blind))
		if write {
			c.add(change.Key, next)
		}
	}
}

// current is what stands of key, with what this batch wrote.
func (c *committer) current(key []byte, blind bool) (r events.Record) {
	if w, ok := c.last[string(key)]; ok {
		return w.record
	}
	var err error
	if blind {
		r, err = c.journal.head(key)
	} else {
		r, err = c.journal.Get(key)
	}
	if err != nil {
		return events.Record{Key: key, Version: c.journal.Newest(), Deleted: true, Corrupt: true}
	}
	return r
}

// add appends a record to the batch. One without a version drops the key.
func (c *committer) add(key []byte, next events.Record) {
	l := line{record: next, synced: noMark}
	l.record.Key = key
	if !next.Known() {
		l.kind = kindDrop
		l.record.Version = c.current(key, true).Version
		if l.record.Version.IsZero() {
			return // nothing was known
		}
		next = events.Record{}
	} else {
		next.Key = key
	}
	if len(c.lines) == 0 {
		l.synced = c.active.end
	}
	start := len(c.lines)
	c.lines = l.appendTo(c.lines)
	w := written{key: key, record: next, at: place{
		file: c.active.id, off: uint32(c.active.end) + uint32(start), size: uint32(len(c.lines) - start)}}
	c.written = append(c.written, w)
	c.last[string(key)] = w
}

// sync makes the batch durable.
func (c *committer) sync() error {
	if len(c.lines) == 0 {
		return nil
	}
	return c.judge(c.active.append(c.lines))
}

// judge tells a full disk, which may have room again, from a failed one, which
// stops the journal.
func (c *committer) judge(err error) error {
	switch {
	case err == nil || errors.Is(err, events.ErrReadOnly):
		return err
	case isFull(err):
		return fmt.Errorf("%w: %v", events.ErrReadOnly, err)
	}
	c.journal.fail(err)
	return fmt.Errorf("%w: %w", events.ErrStopped, err)
}

// publish shows the batch to readers.
func (c *committer) publish() {
	j := c.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, w := range c.written {
		if !w.record.Known() {
			j.index.remove(w.key)
			continue
		}
		j.index.set(w.record, w.at)
		if w.record.Version.Compare(j.newest) > 0 {
			j.newest = w.record.Version
		}
	}
}

// finish leaves the active segment as a clean file of lines.
func (c *committer) finish() error {
	if c.journal.Err() != nil || c.active.sealed {
		return nil
	}
	return c.active.trim()
}
