package store

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"dht/events"
	"dht/nodes/store/segment"
)

// Report is what [Check] or [Repair] found in a data folder.
type Report struct {
	Owner    Owner    `json:"owner"`
	Segments int      `json:"segments"`
	Bytes    int64    `json:"bytes"` // of lines
	Keys     int      `json:"keys"`  // that live, and are certain
	Torn     int64    `json:"torn"`  // bytes that a crash left of writes that were never answered
	Damage   []Damage `json:"damage,omitempty"`
}

// Damage is a stretch of a segment that cannot be trusted.
type Damage struct {
	File   string `json:"file"`
	Line   int    `json:"line"` // counted from 1
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"` // 0 where something is missing
	Reason string `json:"reason"`
	// Key is what the line seems to say whose record it was; damage may be in
	// there too.
	Key []byte `json:"key,omitempty"`
}

func (d Damage) String() string {
	text := fmt.Sprintf("%s:%d: %s", d.File, d.Line, d.Reason)
	if len(d.Key) > 0 {
		text += fmt.Sprintf(" (it seems to be of key %q)", d.Key)
	}
	return text
}

// Check reads the data folder dir, which no process may be using, and changes
// nothing. [events.ErrLocked] when one does, [events.ErrWrongFolder] when dir is
// no data folder. Of the options it needs none.
func Check(dir string, o Options) (r Report, err error) {
	err = offline(dir, o, func(j *Journal, l *loader) error {
		r, err = j.report(l)
		return err
	})
	if err != nil {
		return r, fmt.Errorf("check %s: %w", dir, err)
	}
	return r, nil
}

// Dump calls each with every live record of the data folder dir, which no
// process may be using, in the order of the keys. Where damage hides records it
// gives those that are certain, and then [events.ErrCorrupt].
func Dump(dir string, o Options, each func(events.Record) error) error {
	err := offline(dir, o, func(j *Journal, _ *loader) error { return j.dump(each) })
	if err != nil {
		return fmt.Errorf("dump %s: %w", dir, err)
	}
	return nil
}

// offline loads a folder without making it ready for writes.
func offline(dir string, o Options, use func(*Journal, *loader) error) error {
	o = o.withDefaults()
	names, err := o.FS.Names(dir)
	if err == nil && !slices.Contains(names, ownerName) {
		err = fmt.Errorf("%w: there is no %s in it", events.ErrWrongFolder, ownerName)
	}
	if err != nil {
		return err
	}
	f, err := lockFolder(o.FS, dir)
	if err != nil {
		return err
	}
	owner, _ := f.readOwner() // a report says it when that fails
	f.owner = owner
	j := newJournal(f, o)
	l, err := j.load()
	if err == nil {
		err = use(j, l)
	}
	return errors.Join(err, j.release())
}

// dumpPage is how many keys are listed at once.
const dumpPage = 1000

func (j *Journal) dump(each func(events.Record) error) error {
	var after []byte
	for {
		keys, more, corrupt := j.List(nil, after, dumpPage)
		for _, k := range keys {
			r, err := j.Get(k.Key)
			if err == nil {
				err = each(r)
			}
			if err != nil {
				return err
			}
			after = k.Key
		}
		if !more {
			return corrupt
		}
	}
}

func (j *Journal) report(l *loader) (Report, error) {
	owner, err := j.folder.readOwner()
	r := Report{Owner: owner.Owner, Segments: len(j.segments), Torn: l.torn}
	if err != nil {
		return r, err
	}
	for _, s := range j.segments {
		r.Bytes += s.End
	}
	for _, d := range j.damage {
		raw, err := j.damaged(d)
		if err != nil {
			return r, err
		}
		r.Damage = append(r.Damage, Damage{
			File: segment.Name(d.segment), Line: d.line, Offset: d.off, Bytes: d.size,
			Reason: d.why.Error(), Key: segment.SeemingKey(raw),
		})
	}
	r.Keys, err = j.countCertain()
	return r, err
}

// countCertain counts the live keys that no damage hides.
func (j *Journal) countCertain() (n int, err error) {
	err = j.dump(func(events.Record) error { n++; return nil })
	if errors.Is(err, events.ErrCorrupt) && len(j.damage) > 0 {
		return n, nil
	}
	return n, err
}

// damaged reads the bytes of d.
func (j *Journal) damaged(d damage) ([]byte, error) {
	raw := make([]byte, d.size)
	for _, s := range j.segments {
		if s.Number == d.segment && d.size > 0 {
			if _, err := s.File.ReadAt(raw, d.off); err != nil && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("read %s: %w", segment.Name(d.segment), err)
			}
		}
	}
	return raw, nil
}
