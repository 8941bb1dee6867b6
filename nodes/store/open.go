package store

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"dht/events"
	"dht/nodes/store/index"
	"dht/nodes/store/segment"
)

// Options say how a journal is opened. Owner is needed, the rest has defaults.
type Options struct {
	Owner Owner            // whose folder it must be
	Now   func() time.Time // [time.Now]
	FS    FS               // [OS]
	Log   *slog.Logger     // nowhere

	// Notify is told of what expires, within half a second, of what is merged and
	// of what is damaged; not of what Open finds: damage, see [Journal.Damage], and
	// what has expired before. Of each key it is told in order, after the done of
	// [Journal.Apply] that told of what expires now. It must neither block, nor call
	// the journal, nor keep the event's slices.
	Notify func(events.Event)

	Sealed int64 // largest size of a segment: 64 MiB

	// Memory bounds what keys and values take in memory, together; 0 is no bound.
	// The keys always stay there, with about 75 bytes each; the values as far as
	// they fit, the rest is read from the segments. A value longer than 4 KiB
	// always is.
	Memory int64

	// KeepDeleted is how long a tombstone is kept at least: an hour. It must be
	// longer than a put can be under way.
	KeepDeleted time.Duration

	pages      int  // see [index.New]; only tests set it
	lookAlways bool // see committer.look; only tests set it
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.FS == nil {
		o.FS = OS()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Notify == nil {
		o.Notify = func(events.Event) {}
	}
	if o.Sealed <= 0 || o.Sealed > segment.MaxSize {
		o.Sealed = 64 << 20
	}
	if o.KeepDeleted == 0 {
		o.KeepDeleted = time.Hour
	}
	return o
}

// Open opens the folder dir, making it if need be, and loads what is in it. It
// returns [events.ErrLocked] when another process uses the folder,
// [events.ErrWrongFolder] when the folder is not o.Owner's, [events.ErrCorrupt]
// when it has records but does not say whose. Damaged lines do not stop it: they are
// logged, and what they hide is [events.ErrCorrupt]. The journal must be closed.
func Open(dir string, o Options) (_ *Journal, err error) {
	o = o.withDefaults()
	if o.Owner.Cluster == "" || o.Owner.Node == "" {
		return nil, fmt.Errorf("open store: %w: whose folder it is is not said: %s", events.ErrConfig, o.Owner)
	}
	if err := o.FS.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open store: make data folder: %w", err)
	}
	folder, err := lockFolder(o.FS, dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	j := newJournal(folder, o)
	if err = j.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), j.release())
	}
	j.close = sync.OnceValue(j.finish)
	j.merger, j.expirer = newMerger(j), newExpirer(j)
	j.writer.Go(j.write)
	j.merger.running.Go(j.merger.run)
	j.expirer.running.Go(j.expirer.run)
	j.merger.signal()
	return j, nil
}

func newJournal(f *folder, o Options) *Journal {
	return &Journal{
		options: o,
		folder:  f,
		queue:   newQueue(),
		failed:  make(chan struct{}),
		index:   index.New(o.Memory, o.pages),
		files:   map[uint32]*segment.Segment{},
	}
}

// start makes the folder ready to be appended to.
func (j *Journal) start() error {
	if err := j.folder.claim(j.options.Owner); err != nil {
		return err
	}
	l, err := j.load()
	if err != nil {
		return err
	}
	if len(l.damage) > 0 { // which may say what is not so of other segments
		l.merged = nil
	}
	if err := j.folder.tidy(l.merged); err != nil {
		return err
	}
	j.committer = committer{journal: j, nextID: l.nextID}
	if err := j.committer.ready(l); err != nil {
		return err
	}
	j.remember()
	return j.Err()
}

// load reads what is in the folder, and changes nothing there.
func (j *Journal) load() (*loader, error) {
	l := &loader{folder: j.folder, index: j.index, end: j.folder.owner.End}
	err := l.load()
	j.segments, j.newest, j.damage = l.segments, l.newest, l.damage
	if err != nil {
		return nil, err
	}
	for len(j.index.Expire(j.options.Now(), expireStep)) > 0 { // quietly: most were notified when it was time
	}
	j.index.Loaded()
	if j.index.Stats().Keys >= manyKeys {
		debug.FreeOSMemory() // what sorting them took
	}
	for _, s := range j.segments {
		j.files[s.ID] = s
	}
	j.hide()
	return l, nil
}

// manyKeys is how many make it worth the while to give memory back at once.
const manyKeys = 100_000

// hide works out what the damage leaves to be trusted.
func (j *Journal) hide() {
	for _, d := range j.damage {
		j.options.Log.Error("data folder is damaged", "folder", j.folder.dir, "damage", d.String())
		if p := (position{d.segment, d.off + d.size}); j.hidden.before(p) {
			j.hidden = p
		}
	}
	if len(j.damage) > 0 {
		j.floor = latest(j.options.Now().Add(maxAhead), j.newest)
		j.newest = j.floor
	}
}

// maxAhead is how far ahead of its clock a node accepts versions.
const maxAhead = 500 * time.Millisecond

// latest is a version that is not older than v nor than any stamped up to t.
func latest(t time.Time, v events.Version) events.Version {
	w := events.Version{6: 0x7f, 7: 0xff, 8: 0xbf}
	for i := range 6 {
		w[i] = byte(t.UnixMilli() >> (40 - 8*i))
	}
	for i := 9; i < len(w); i++ {
		w[i] = 0xff
	}
	if w.Compare(v) < 0 {
		return v
	}
	return w
}
