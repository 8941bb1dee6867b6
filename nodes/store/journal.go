package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dht/events"
	"dht/nodes/store/index"
	"dht/nodes/store/segment"
)

// Journal is a store in a folder. All methods are safe for concurrent use.
type Journal struct {
	options Options
	folder  *folder
	queue   *queue
	writer  sync.WaitGroup
	close   func() error
	failed  chan struct{}

	committer    committer
	merger       *merger
	expirer      *expirer
	forgetBefore atomic.Int64 // unix milliseconds, see Forget

	// telling is held from when a batch is shown until those who wrote it are told,
	// and from when expired records are taken out until that is told: of each key
	// everything is told in the order in which it happened. It is locked before mu.
	telling sync.Mutex

	mu       sync.RWMutex // guards what follows
	index    *index.Index
	segments []*segment.Segment          // oldest first; the last one is appended to
	files    map[uint32]*segment.Segment // by id
	newest   events.Version
	damage   []damage
	hidden   position       // what stands before it cannot be trusted
	floor    events.Version // what damage hides is not newer
	err      error          // why the journal stopped writing
	full     error          // why it writes nothing until the disk has room
	closed   bool
}

// position orders lines over all segments; the zero position is before all.
type position struct {
	segment uint32
	off     int64
}

func (p position) before(q position) bool {
	return p.segment < q.segment || p.segment == q.segment && p.off < q.off
}

// Earlier lists the cluster maps that were in force before the present one
// while this folder was in use, oldest first. As long as there were none, the
// folder holds no record by another map's rules.
func (j *Journal) Earlier() []events.MapID { return slices.Clone(j.folder.owner.Earlier) }

// Damage says where Open found the folder damaged.
func (j *Journal) Damage() (list []string) {
	for _, d := range j.damage { // it does not change any more
		list = append(list, d.String())
	}
	return list
}

// Stats counts the live keys; those that have expired do not count.
func (j *Journal) Stats() events.StoreStats {
	j.expire()
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.index.Stats()
}

// expireStep bounds how long readers wait for expired records to go.
const expireStep = 1000

// expire takes out of the index what has expired until now.
func (j *Journal) expire() {
	now := j.options.Now()
	for j.due(now) {
		j.tellExpired(now)
	}
}

func (j *Journal) tellExpired(now time.Time) {
	j.telling.Lock()
	defer j.telling.Unlock()
	for _, e := range j.expireSome(now) {
		j.options.Notify(e)
	}
}

func (j *Journal) expireSome(now time.Time) []events.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	return j.index.Expire(now, expireStep)
}

func (j *Journal) due(now time.Time) bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return !j.closed && j.index.Due(now)
}

// Newest is the newest version ever recorded: a clock that moves past it never
// stamps what was stamped before the start. When damage may hide a newer one it
// is later than that.
func (j *Journal) Newest() events.Version {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.newest
}

// Apply queues changes: they are decided one after another, in the order of the
// calls. done is called once: with nil when everything written, and everything
// that was seen by a change that wrote nothing, is durable; else with the error
// because of which nothing of changes may be counted as written:
// [events.ErrReadOnly] when the disk is full, [events.ErrStopped] when it
// failed or the journal is closed, [events.ErrBadRequest] when a key is too
// short or too long. It is called from the store's goroutine, once
// the journal is closed from the caller's, and must neither block nor call the
// journal.
func (j *Journal) Apply(changes []events.Change, done func(error)) {
	if !j.queue.push(newRequest(changes, done)) {
		done(events.ErrStopped)
	}
}

// Failed is closed when a write failed for another reason than a full disk, or a
// sync for any reason. Nothing is written any more then, and the process should
// stop: what the disk holds is known again only after a restart.
//
// It is not closed when the folder was moved or removed, or another program
// changed it. Nothing is written any more then either, but the process should go
// on: perhaps it has the only copy that is left, and reads still give it.
func (j *Journal) Failed() <-chan struct{} { return j.failed }

// Err is why the journal stopped writing for good, nil when it has not.
func (j *Journal) Err() error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.err
}

// Ready says why nothing can be written now, nil when it can: it looks whether the
// folder still is the one that was opened.
func (j *Journal) Ready() error {
	if err := j.folder.ours(); err != nil {
		j.stop(err)
	}
	if err := j.stopped(); err != nil {
		return err
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	if err := j.activeMoved(); err != nil {
		return fmt.Errorf("%w: %w", events.ErrStopped, err)
	}
	if j.full != nil {
		return fmt.Errorf("%w: %w", events.ErrReadOnly, j.full)
	}
	return nil
}

// activeMoved says it when the active segment is not in its place. That is for the
// committer to stop for, which also looks at the size and notes the journal's end.
func (j *Journal) activeMoved() error {
	if j.closed || len(j.segments) == 0 {
		return nil
	}
	s := j.segments[len(j.segments)-1]
	name := j.folder.path(segment.Name(s.Number))
	if _, same := s.File.Named(name); !same {
		return errMoved(name)
	}
	return nil
}

// stopped is what writers are answered once the journal writes no more.
func (j *Journal) stopped() error {
	if err := j.Err(); err != nil {
		return fmt.Errorf("%w: %w", events.ErrStopped, err)
	}
	return nil
}

// Close finishes what is queued, closes the files and gives the folder up. It
// returns why the journal failed, if it did, and what went wrong with closing,
// the same each time it is called. Reads are [events.ErrStopped] from then on.
func (j *Journal) Close() error { return j.close() }

// stop stops all writing, and says so the first time.
func (j *Journal) stop(err error) (first bool) {
	if !j.setErr(err) {
		return false
	}
	j.options.Log.Error("nothing is written any more", "folder", j.folder.dir, "err", err)
	j.options.Notify(events.Event{Type: events.EventCorrupt, Detail: "nothing is written any more: " + err.Error()})
	return true
}

func (j *Journal) setErr(err error) (first bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil || j.closed {
		return false
	}
	j.err = err
	return true
}

// fail stops all writing, and asks for the end of the process.
func (j *Journal) fail(err error) {
	if j.stop(err) {
		close(j.failed)
	}
}

func (j *Journal) finish() error {
	j.queue.close()
	j.writer.Wait()
	close(j.merger.stop)
	close(j.expirer.stop)
	j.merger.running.Wait()
	j.expirer.running.Wait()
	j.committer.look()
	if j.Err() == nil {
		j.remember()
	}
	if err := errors.Join(j.Err(), j.release()); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// remember notes how far the journal reaches now. When there is no room for the
// note an older one stays, which is as true.
func (j *Journal) remember() {
	err := j.folder.remember(j.committer.end())
	switch fateOf(err) {
	case fateFine:
	case fateStop:
		j.fail(err)
	default:
		j.options.Log.Warn("how far the journal reaches could not be noted", "folder", j.folder.dir, "err", err)
	}
}

func (j *Journal) release() (err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	err = j.index.Close()
	for _, s := range j.segments {
		err = errors.Join(err, s.File.Close())
	}
	return errors.Join(err, j.folder.release())
}
