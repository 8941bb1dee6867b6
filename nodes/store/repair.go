package store

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
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
			if d.segment == s.number {
				bad = append(bad, d)
			}
		}
		if len(bad) == 0 {
			continue
		}
		if err := j.setAside(s, bad); err != nil {
			return err
		}
		if err := j.rewrite(s, bad, i < len(j.segments)-1 || s.through < j.folder.owner.End.Segment); err != nil {
			return err
		}
		first := uint32(1)
		if i > 0 {
			first = j.segments[i-1].through + 1
		}
		if err := j.fillGap(first, s.number-1); err != nil {
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
		first = j.segments[n-1].through + 1
	}
	if err := j.fillGap(first, j.folder.owner.End.Segment); err != nil {
		return err
	}
	return j.folder.remember(mark{})
}

// setAside appends the bad lines to the file beside s.
func (j *Journal) setAside(s *segment, bad []damage) (err error) {
	name := j.folder.path(strings.TrimSuffix(segmentName(s.number), segmentTail) + badTail)
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
func (j *Journal) rewrite(s *segment, bad []damage, seal bool) error {
	var lines []byte
	var l line
	headed := false
	err := scanLines(s.file, 0, s.space, func(off int64, raw []byte, ended bool) error {
		if slices.ContainsFunc(bad, func(d damage) bool { return d.off <= off && off < d.off+d.size }) {
			return nil
		}
		good := ended && parse(raw, &l) == nil
		if !ended {
			kind, _ := readTail(raw, &l)
			good = kind == tailGood
		}
		headed = headed || good && l.kind == kindHeader
		if good && l.kind != kindSeal {
			l.synced = noMark
			lines = l.appendTo(lines)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("repair %s: %w", segmentName(s.number), err)
	}
	if !headed && s.through > s.number {
		l = line{kind: kindHeader, synced: noMark, header: header{segment: s.number, through: s.through, newest: j.newest}}
		lines = append(l.appendTo(nil), lines...)
	}
	if seal {
		l = sealLine(int64(len(lines)), s.through)
		lines = l.appendTo(lines)
	}
	if err := j.folder.replaceFile(j.folder.path(segmentName(s.number)), lines); err != nil {
		return fmt.Errorf("repair %s: %w", segmentName(s.number), err)
	}
	return nil
}

// fillGap puts an empty segment in the place of those that are missing from first
// to last, if any are.
func (j *Journal) fillGap(first, last uint32) error {
	if first > last {
		return nil
	}
	l := line{kind: kindHeader, synced: noMark, header: header{segment: first, through: last, newest: j.newest}}
	lines := l.appendTo(nil)
	l = sealLine(int64(len(lines)), last)
	if err := j.folder.replaceFile(j.folder.path(segmentName(first)), l.appendTo(lines)); err != nil {
		return fmt.Errorf("fill in for missing segments: %w", err)
	}
	return nil
}
