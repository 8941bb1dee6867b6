package store

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"dht/nodes/store/segment"
)

// Repair makes the data folder dir, which no process may be using, whole again:
// bad lines move to a file beside their segment, with the ending .bad. What they
// said is lost: a key answers with what stood before, if anything, so the
// report's damage is what to restore from elsewhere. A crash in the middle
// leaves a folder that can be repaired again.
func Repair(dir string, o Options) (r Report, err error) {
	err = offline(dir, o, func(j *Journal, l *loader) error {
		if r, err = j.report(l); err != nil {
			return err
		}
		return j.repair()
	})
	if err != nil {
		return r, fmt.Errorf("repair %s: %w", dir, err)
	}
	return r, nil
}

func (j *Journal) repair() error {
	for i, s := range j.segments {
		var bad []damage
		for _, d := range j.damage {
			if d.segment == s.Number {
				bad = append(bad, d)
			}
		}
		if len(bad) == 0 {
			continue
		}
		if err := j.setAside(s, bad); err != nil {
			return err
		}
		if err := j.rewrite(s, bad, i < len(j.segments)-1 || s.Through < j.folder.owner.End.Segment); err != nil {
			return err
		}
		first := uint32(1)
		if i > 0 {
			first = j.segments[i-1].Through + 1
		}
		if err := j.fillGap(first, s.Number-1); err != nil {
			return err
		}
	}
	return j.repairEnd()
}

// repairEnd fills in for segments that are missing behind the last one, and
// forgets how far the journal reached.
func (j *Journal) repairEnd() error {
	if len(j.damage) == 0 {
		return nil
	}
	first := uint32(1)
	if n := len(j.segments); n > 0 {
		first = j.segments[n-1].Through + 1
	}
	if err := j.fillGap(first, j.folder.owner.End.Segment); err != nil {
		return err
	}
	return j.folder.remember(mark{})
}

// setAside appends the bad lines to the file beside s.
func (j *Journal) setAside(s *segment.Segment, bad []damage) (err error) {
	name := j.folder.path(strings.TrimSuffix(segment.Name(s.Number), segment.Suffix) + badTail)
	before, err := readFile(j.folder.fs, name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("set bad lines aside: %w", err)
	}
	for _, d := range bad {
		if d.size == 0 {
			continue
		}
		raw, err := j.damaged(d)
		if err != nil {
			return err
		}
		before = append(append(before, raw...), '\n')
	}
	if len(before) == 0 {
		return nil
	}
	if err := j.folder.replaceFile(name, before); err != nil {
		return fmt.Errorf("set bad lines aside: %w", err)
	}
	return nil
}

// rewrite replaces s by its lines but the bad ones.
func (j *Journal) rewrite(s *segment.Segment, bad []damage, seal bool) error {
	var lines []byte
	var l segment.Line
	headed := false
	err := segment.ScanLines(s.File, 0, s.Space, func(off int64, raw []byte, ended bool) error {
		if slices.ContainsFunc(bad, func(d damage) bool { return d.off <= off && off < d.off+d.size }) {
			return nil
		}
		good := ended && segment.Parse(raw, &l) == nil
		if !ended {
			kind, _ := segment.ReadTail(raw, &l)
			good = kind == segment.TailGood
		}
		headed = headed || good && l.Kind == segment.KindHeader
		if good && l.Kind != segment.KindSeal {
			l.Synced = segment.NoMark
			lines = l.AppendTo(lines)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("repair %s: %w", segment.Name(s.Number), err)
	}
	if !headed && s.Through > s.Number {
		l = segment.Line{Kind: segment.KindHeader, Synced: segment.NoMark,
			Header: segment.Header{Segment: s.Number, Through: s.Through, Newest: j.newest}}
		lines = append(l.AppendTo(nil), lines...)
	}
	if seal {
		l = segment.SealLine(int64(len(lines)), s.Through)
		lines = l.AppendTo(lines)
	}
	if err := j.folder.replaceFile(j.folder.path(segment.Name(s.Number)), lines); err != nil {
		return fmt.Errorf("repair %s: %w", segment.Name(s.Number), err)
	}
	return nil
}

// fillGap puts an empty segment in the place of those that are missing from first
// to last, if any are.
func (j *Journal) fillGap(first, last uint32) error {
	if first > last {
		return nil
	}
	l := segment.Line{Kind: segment.KindHeader, Synced: segment.NoMark,
		Header: segment.Header{Segment: first, Through: last, Newest: j.newest}}
	lines := l.AppendTo(nil)
	l = segment.SealLine(int64(len(lines)), last)
	if err := j.folder.replaceFile(j.folder.path(segment.Name(first)), l.AppendTo(lines)); err != nil {
		return fmt.Errorf("fill in for missing segments: %w", err)
	}
	return nil
}
