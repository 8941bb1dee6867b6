package members

import (
	"time"

	"dht/events"
)

const (
	lately    = time.Minute
	mostNamed = 64 // what is named in anger must not fill the memory
	mostRuns  = 256
)

// recent remembers what was met lately, of so many things at most: when there are
// more it forgets them all.
type recent[K comparable] struct {
	most int
	met  map[K]time.Time
}

func newRecent[K comparable](most int) recent[K] { return recent[K]{most, map[K]time.Time{}} }

func (r *recent[K]) has(k K, now time.Time) bool {
	last, known := r.met[k]
	return known && now.Sub(last) < lately
}

func (r *recent[K]) note(k K, now time.Time) {
	if _, known := r.met[k]; !known && len(r.met) >= r.most {
		clear(r.met)
	}
	r.met[k] = now
}

// first notes k, unless it was met lately, and reports whether it was not.
func (r *recent[K]) first(k K, now time.Time) bool {
	if r.has(k, now) {
		return false
	}
	r.note(k, now)
	return true
}

// Mismatch reports whether another map is to be reported: once a minute, so that one
// old client does not fill the log with every request.
func (t *Table) Mismatch(other events.MapID, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.named.first(other, now)
}

// NoteAsker remembers that a run of a node has asked who is there, which no mere
// answer can pretend. It reports whether it had not asked lately.
func (t *Table) NoteAsker(run events.Version, now time.Time) (isNew bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	isNew = !t.asked.has(run, now)
	t.asked.note(run, now)
	return isNew
}

// HasAsked reports whether a run has asked lately.
func (t *Table) HasAsked(run events.Version, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked.has(run, now)
}

// Report reports whether a run in conflict with this node is to be reported: once a
// minute.
func (t *Table) Report(run events.Version, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reported.first(run, now)
}
