package store

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"dht/events"
	"dht/nodes/store/segment"
)

// committer decides and writes. It belongs to the journal's one writing
// goroutine.
type committer struct {
	journal  *Journal
	active   *segment.Segment
	path     string    // of the active segment
	looked   time.Time // when it was last seen there
	nextID   uint32
	batch    batch
	limit    int64     // size at which the active segment is sealed
	full     bool      // the disk was, when it was last written to
	logged   time.Time // when that was last logged
	lookup   lookup
	promised bool // the index has reserved room for what is in the batch
}

// ready cuts what a crash left behind the last good line, and makes sure that
// there is a segment to append to.
func (c *committer) ready(l *loader) error {
	c.batch.reset()
	if n := len(l.segments); n > 0 {
		c.use(l.segments[n-1])
	}
	if l.torn > 0 {
		c.journal.options.Log.Warn("cut off what a crash left of unanswered writes",
			"segment", segment.Name(c.active.Number), "bytes", l.torn)
	}
	if c.active == nil || l.cut { // what is cut short must show, however much is written behind it
		return c.addSegment(l.next())
	}
	if err := c.active.Mend(); err != nil || !c.active.Sealed {
		return err
	}
	return c.addSegment(l.next())
}

// rotate makes sure that what is about to be written goes where a restart finds
// it, and that there is a segment with room for it.
func (c *committer) rotate() error {
	c.look()
	if err := c.journal.stopped(); err != nil {
		return err
	}
	if c.active.End < c.limit && !c.active.Sealed {
		return nil
	}
	return c.judge(c.sealAndAdd())
}

// lookEvery is how long the journal writes on before it looks again: what is
// acknowledged in that time after a removal is as lost as what was a moment before it.
// To look before each sync made a put by one writer cost half as much again.
const lookEvery = 2 * time.Millisecond

// look stops the journal when the lock and the active segment are not in the place
// of the folder any more. The folder itself needs no look, for it has both.
func (c *committer) look() {
	j := c.journal
	now := time.Now() // not the journal's clock: that may stand still
	if now.Sub(c.looked) < lookEvery && !j.options.lookAlways {
		return
	}
	c.looked = now
	if err := j.folder.locked(); err != nil {
		j.stop(err)
		return
	}
	if err := holds(c.active, c.path); err != nil && j.stop(err) {
		j.remember() // the next start misses what is gone, even after kill -9
	}
}

// sealAndAdd makes sure of the next segment's file before it seals the active one:
// as long as there is no descriptor for it, this one grows on.
func (c *committer) sealAndAdd() error {
	j, number := c.journal, c.active.Through+1
	if number == 0 {
		return errNumbers
	}
	next, err := j.folder.fs.Create(j.folder.path(nextName(number)))
	switch {
	case fateOf(err) == fateWait && !c.active.Sealed && c.active.End < segment.MaxSize:
		return nil
	case err != nil:
		return fmt.Errorf("add %s: %w", segment.Name(number), err)
	}
	if err := c.seal(); err != nil {
		_ = next.Close()
		return err
	}
	err = c.begin(number, next)
	j.merger.signal()
	return err
}

func (c *committer) seal() error {
	if c.active.Sealed {
		return nil
	}
	if err := c.active.Seal(); err != nil {
		return err
	}
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	c.active.Sealed, c.active.Newest = true, c.journal.newest
	return nil
}

// addSegment starts a segment.
func (c *committer) addSegment(number uint32) error {
	if number == 0 {
		return errNumbers
	}
	f, err := c.journal.folder.fs.Create(c.journal.folder.path(nextName(number)))
	if err != nil {
		return fmt.Errorf("add %s: %w", segment.Name(number), err)
	}
	return c.begin(number, f)
}

// begin makes f, which does not have its name yet, the segment that is appended to.
func (c *committer) begin(number uint32, f File) error {
	j := c.journal
	err := j.folder.fs.Rename(j.folder.path(nextName(number)), j.folder.path(segment.Name(number)))
	if err == nil {
		err = j.folder.sync()
	}
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("add %s: %w", segment.Name(number), err)
	}
	c.nextID++
	s := &segment.Segment{ID: c.nextID, Number: number, Through: number, File: f}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.segments = append(j.segments, s)
	j.files[s.ID] = s
	c.use(s)
	return nil
}

// use makes s the segment that is appended to.
func (c *committer) use(s *segment.Segment) {
	c.path = c.journal.folder.path(segment.Name(s.Number))
	c.active, c.limit = s, rotateAt(c.journal.index.LiveBytes(), c.journal.options.Sealed)
	s.FillUpTo(c.limit / 4)
}

// restAfter is how long nothing is written before the active segment is left as
// a clean file of lines, for those who read it with cat and jq, and new keys are
// sorted for those who list them.
const restAfter = time.Second

// write is the journal's writing goroutine.
func (j *Journal) write() {
	var requests []request
	idle := time.NewTimer(restAfter)
	defer idle.Stop()
	for open := true; open; {
		select {
		case <-j.queue.wake:
		case <-idle.C:
			j.committer.rest()
			for j.queue.idle() && j.sortSome() {
			}
			if j.committer.full {
				idle.Reset(restAfter)
			}
			continue
		}
		j.queue.settle(len(requests))
		requests, open = j.queue.take(requests)
		j.committer.commit(requests)
		idle.Reset(restAfter)
	}
	j.committer.rest()
}

// mostLines is how many bytes of lines are written at once, about.
const mostLines = 16 << 20

// commit decides, writes and answers what was asked for.
func (c *committer) commit(requests []request) {
	for len(requests) > 0 {
		err := c.rotate()
		n := 0
		for err == nil && n < len(requests) && len(c.batch.lines) < mostLines {
			n += c.decide(requests[n:])
		}
		if err == nil {
			err = c.sync()
		}
		if n == 0 { // nothing can be written
			n = len(requests)
		}
		c.answer(requests[:n], err)
		requests = requests[n:]
	}
}

// answer shows the batch to readers, unless there was an error, and tells those
// who asked for it.
func (c *committer) answer(requests []request, err error) {
	c.journal.telling.Lock()
	defer c.journal.telling.Unlock()
	if err == nil {
		c.publish()
	}
	c.keepPromises()
	c.batch.reset()
	for _, r := range requests {
		r.done(cmp.Or(r.err, err))
	}
}

// sync makes the batch durable.
func (c *committer) sync() error {
	if len(c.batch.lines) == 0 {
		return nil
	}
	return c.judge(c.active.Append(c.batch.lines))
}

// judge does what the fate of err demands, and says so to those who asked.
func (c *committer) judge(err error) error {
	fate := fateOf(err)
	c.nowFull(fate == fateFull || c.full && fate != fateFine, err)
	switch fate {
	case fateFine:
		return nil
	case fateFull:
		return fmt.Errorf("%w: %w", events.ErrReadOnly, err)
	case fateWait:
		return fmt.Errorf("%w: %w", events.ErrBusy, err)
	}
	c.journal.fail(err)
	return c.journal.stopped()
}

// nowFull notes whether the disk is full. It logs that once a minute: where small
// writes still fit and large ones do not, it changes all the time.
func (c *committer) nowFull(full bool, why error) {
	if c.full == full {
		return
	}
	if !full {
		why = nil
	}
	j := c.journal
	c.full = full
	if now := j.options.Now(); full && now.Sub(c.logged) >= time.Minute {
		c.logged = now
		j.options.Log.Error("the disk is full: what does not fit is refused", "folder", j.folder.dir, "err", why)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.full = why
}

// publishStep bounds how long readers wait while a batch is shown to them.
const publishStep = 256

// publish shows the batch to readers.
func (c *committer) publish() {
	for written := range slices.Chunk(c.batch.written, publishStep) {
		if err := c.journal.publish(written); err != nil { // it was reserved
			c.journal.fail(fmt.Errorf("show what was written: %w", err))
		}
	}
}

func (j *Journal) publish(written []written) (err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range written {
		j.index.Prefetch(written[i].ref)
	}
	for i := range written {
		w := &written[i]
		if !w.record.Known() {
			j.index.Remove(w.key, w.hash)
			continue
		}
		err = cmp.Or(err, j.index.Set(&w.record, w.hash, w.ref, w.at))
		if w.record.Version.Compare(j.newest) > 0 {
			j.newest = w.record.Version
		}
	}
	j.expirer.look()
	return err
}

// rest leaves the active segment as a clean file of lines. It looks whether a
// full disk has room again: nobody may write to a node that says it is read-only.
func (c *committer) rest() {
	if c.full && c.rotate() == nil {
		_ = c.judge(c.active.Probe())
	}
	if c.journal.Err() == nil && c.active.Space > c.active.End {
		if err := c.active.Trim(); err != nil {
			_ = c.judge(err)
		}
	}
}

// end is how far the journal reaches.
func (c *committer) end() mark { return mark{c.active.Number, c.active.End} }
