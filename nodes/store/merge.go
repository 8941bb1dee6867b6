package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"dht/events"
	"dht/nodes/store/index"
	"dht/nodes/store/segment"
)

// merger rewrites sealed segments without what no longer stands. It belongs to
// one goroutine, which reads and writes go on beside.
type merger struct {
	journal *Journal
	wake    chan struct{} // holds a token when there may be something to merge
	stop    chan struct{}
	nextID  uint32
	running sync.WaitGroup
}

// mergeEvery is how often the merger looks around by itself, for what expires.
const mergeEvery = time.Minute

// mergeIDs tells the ids of merged segments from those of new ones.
const mergeIDs = 1 << 31

func newMerger(j *Journal) *merger {
	return &merger{journal: j, wake: make(chan struct{}, 1), stop: make(chan struct{}), nextID: mergeIDs}
}

// signal asks the merger to look around.
func (m *merger) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *merger) run() {
	tick := time.NewTicker(mergeEvery)
	defer tick.Stop()
	well := true
	for {
		select {
		case <-m.stop:
			return
		case <-m.wake:
			if !well { // what failed just now is left alone, and not logged, until the next tick
				continue
			}
		case <-tick.C:
		}
		well = m.mergeAll()
	}
}

// mergeAll merges until nothing is worth it; well tells whether that went well.
func (m *merger) mergeAll() (well bool) {
	j := m.journal
	j.expire()
	for j.mayMerge() == nil {
		run, clean := j.worthMerging()
		if len(run) == 0 {
			return true
		}
		err := m.merge(run, clean)
		switch {
		case err == nil:
			continue
		case errors.Is(err, segment.ErrNotDurable):
			j.fail(err)
		case j.Err() != nil: // that was said
		case !errors.Is(err, errMergeStopped):
			// Nothing is lost but room; what failed is tried again later.
			j.options.Log.Warn("segments could not be merged", "folder", j.folder.dir, "err", err)
		}
		return false
	}
	return false
}

// mayMerge is an error once the journal has stopped. It looks at what was opened
// longest ago, and stops the journal when that is not what has its name: a merge
// must not put anything in a folder, or in the place of a file, that is another's.
func (j *Journal) mayMerge() error {
	err := j.folder.ours()
	for _, s := range j.sealed() {
		if err == nil {
			err = j.folder.holds(s)
		}
	}
	if err != nil {
		j.stop(err)
	}
	return j.Err()
}

// sealed are all segments but the one that is appended to.
func (j *Journal) sealed() []*segment.Segment {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return slices.Clone(j.segments[:len(j.segments)-1])
}

var errMergeStopped = errors.New("the journal is closing")

// worthMerging chooses what to merge next. What is deleted in a segment before
// clean hides nothing that stands before the run.
func (j *Journal) worthMerging() (run []*segment.Segment, clean uint32) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	sealed, live := j.candidates()
	from, to := plan(sealed, live, rotateAt(live, j.options.Sealed))
	return slices.Clone(j.segments[from:to]), cleanBefore(sealed[:from])
}

// candidates are the segments but the one that is appended to, as the plan sees
// them; live is what lives in all of them.
func (j *Journal) candidates() (sealed []candidate, live int64) {
	horizon, clean := j.horizon(), cleanBefore(nil)
	last := len(j.segments) - 1
	for _, s := range j.segments[:last] {
		u := j.index.UsageOf(s.ID)
		live += u.Live
		c := candidateOf(s, u, clean, s.Newest.Time().Before(horizon))
		c.excluded = s.Bad || s.Number <= j.hidden.segment
		clean = min(clean, c.at)
		sealed = append(sealed, c)
	}
	return sealed, live + j.index.UsageOf(j.segments[last].ID).Live
}

// candidateOf is a segment as the plan sees it; ripe says that its tombstones are
// old enough to go.
func candidateOf(s *segment.Segment, u index.Usage, clean uint32, ripe bool) candidate {
	c := candidate{size: s.End, keep: u.Live + frame, through: s.Through, at: s.At}
	hides := s.Through >= clean
	if hides {
		c.keep += s.Dropped
		c.blocked += s.Dropped
	}
	if hides || !ripe {
		c.keep += u.Dead
	}
	if hides && ripe {
		c.blocked += u.Dead
	}
	c.keep = min(c.keep, c.size)
	return c
}

// frame is what the first and the last line of a merged segment take at most.
// It is no garbage: a merge would write them again.
const frame = 256

// merge replaces the segments of run by one. Of those before clean tombstones need
// not be kept for the sake of this folder.
func (m *merger) merge(run []*segment.Segment, clean uint32) error {
	j := m.journal
	w, err := m.create(run)
	if err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	for _, s := range run {
		w.forget = time.Time{}
		if s.Through < clean {
			w.forget = j.horizon()
		}
		if err := w.copyLive(s); err != nil {
			return errors.Join(fmt.Errorf("merge %s: %w", segment.Name(s.Number), err), w.abandon())
		}
		if s.Bad {
			j.options.Log.Error("a segment is damaged; it is left as it is", "segment", segment.Name(s.Number))
			j.options.Notify(events.Event{Type: events.EventCorrupt,
				Detail: segment.Name(s.Number) + " is damaged; it is left as it is"})
			return w.abandon()
		}
	}
	if err := w.finish(); err != nil {
		return errors.Join(fmt.Errorf("merge into %s: %w", segment.Name(run[0].Number), err), w.abandon())
	}
	j.replace(run, w)
	j.options.Notify(merged(run, w.segment))
	return m.removeMerged(run)
}

func merged(run []*segment.Segment, into *segment.Segment) events.Event {
	before, names := int64(0), segment.Name(run[0].Number)
	for _, s := range run {
		before += s.Space
	}
	if len(run) > 1 {
		names += " to " + segment.Name(run[len(run)-1].Number)
	}
	return events.Event{Type: events.EventMerge, Bytes: before - into.Space,
		Detail: fmt.Sprintf("%s: of %d bytes %d are left", names, before, into.Space)}
}

// removeMerged removes the files that a merged one stands for now; its name
// already replaced the first one's.
func (m *merger) removeMerged(run []*segment.Segment) (err error) {
	for i, s := range run {
		err = errors.Join(err, s.File.Close())
		if i > 0 && m.journal.folder.ours() == nil {
			err = errors.Join(err, m.journal.folder.fs.Remove(m.journal.folder.path(segment.Name(s.Number))))
		}
	}
	if err != nil {
		return fmt.Errorf("remove merged segments: %w", err)
	}
	return nil
}

// horizon is the time before which tombstones may go.
func (j *Journal) horizon() time.Time {
	oldest := j.options.Now().Add(-j.options.KeepDeleted)
	if allowed := time.UnixMilli(j.forgetBefore.Load()); allowed.Before(oldest) {
		return allowed
	}
	return oldest
}

// Forget says that tombstones stamped before t may go: no other node holds an
// older record of their keys any more that could come here later. Without it
// they are kept for good. They also stay for Options.KeepDeleted, which a put
// that was delayed on its way must not outlive, and as long as an older record
// may be in a segment that was not merged since.
func (j *Journal) Forget(t time.Time) {
	j.forgetBefore.Store(t.UnixMilli())
	j.merger.signal()
}

// moveStep bounds how long readers wait while entries move.
const moveStep = 1024

// replace puts a merged segment in the place of those of run. Entries that
// changed meanwhile stay as they are.
func (j *Journal) replace(run []*segment.Segment, w *mergeWriter) {
	j.insert(run, w.segment)
	for _, moves := range w.moves {
		j.mu.Lock()
		j.index.MoveAll(moves)
		j.mu.Unlock()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range run {
		delete(j.files, s.ID)
		j.index.ForgetUsage(s.ID)
	}
}

// insert makes s known in the place of run.
func (j *Journal) insert(run []*segment.Segment, s *segment.Segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.files[s.ID] = s
	kept := make([]*segment.Segment, 0, len(j.segments))
	for _, old := range j.segments {
		switch {
		case old == run[0]:
			kept = append(kept, s)
		case old.Number < run[0].Number || old.Number > s.Through:
			kept = append(kept, old)
		}
	}
	j.segments = kept
}

// newest is what a merged segment says about the versions it dropped.
func (j *Journal) newestAndActive() (events.Version, uint32) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.newest, j.segments[len(j.segments)-1].Number
}
