package store

import (
	"math"
	"slices"

	"dht/nodes/store/segment"
)

// candidate is a segment that is no longer appended to, as the plan sees it.
type candidate struct {
	size     int64  // of the file
	keep     int64  // what a merge would keep of it
	blocked  int64  // of that, what hides something in older segments and is good for nothing else
	through  uint32 // the last segment it stands for
	at       uint32 // the segment that was appended to when it was merged, or 0
	excluded bool   // damaged: it stays as it is
}

func (c candidate) garbage() int64 { return c.size - c.keep }

// plan chooses the segments [from, to) to merge into one, so that what can be
// gained stays below a part of what is kept. live is what lives in all segments,
// largest how much one may keep.
//
// It begins with the segment that has the largest share to gain. When it is
// tombstones that take the room, and older segments that keep them, which nothing
// else may ever be gained from, the oldest of those is merged, by itself if need
// be: then it keeps nothing that they hide.
func plan(sealed []candidate, live, largest int64) (from, to int) {
	best, garbage, blocked, kept := -1, int64(0), int64(0), int64(0)
	for i, c := range sealed {
		kept += c.keep - c.blocked
		if c.excluded {
			continue
		}
		garbage += c.garbage()
		blocked += c.blocked
		if best < 0 || c.garbage()*sealed[best].size > sealed[best].garbage()*c.size {
			best = i
		}
	}
	limit := max(live, kept, largest) / garbageShare
	switch {
	case garbage > limit:
		return widen(sealed, best, largest)
	case blocked > limit:
		if i := blocker(sealed); i >= 0 {
			return widen(sealed, i, largest)
		}
	}
	return 0, 0
}

// widen takes the neighbours of a segment in, as long as they are worth it or
// small.
func widen(sealed []candidate, i int, largest int64) (from, to int) {
	from, to = i, i+1
	kept, size := sealed[i].keep, sealed[i].size
	worth := func(i int) bool {
		if i < 0 || i >= len(sealed) {
			return false
		}
		c := sealed[i]
		if c.excluded || kept+c.keep > largest || size+c.size > segment.MaxSize {
			return false
		}
		return c.garbage()*4 >= c.size || c.size*4 <= largest
	}
	take := func(i int) {
		kept += sealed[i].keep
		size += sealed[i].size
	}
	for {
		switch {
		case worth(to):
			take(to)
			to++
		case worth(from - 1):
			from--
			take(from)
		default:
			return from, to
		}
	}
}

// blocker is the oldest segment that may keep what the oldest blocked one hides,
// or -1 when one of those cannot be merged.
func blocker(sealed []candidate) int {
	hides := slices.IndexFunc(sealed, func(c candidate) bool { return !c.excluded && c.blocked > 0 })
	oldest := -1
	for i := hides - 1; i >= 0; i-- {
		switch {
		case sealed[i].at > sealed[hides].through:
		case sealed[i].excluded:
			return -1
		default:
			oldest = i
		}
	}
	return oldest
}

// garbageShare is how many times smaller the garbage is kept than what lives.
const garbageShare = 4

// rotateAt is the size at which a segment is sealed: a sixteenth of what lives,
// so that a merge needs little room beside, within bounds.
func rotateAt(live, largest int64) int64 {
	return max(min(live/16, largest), min(smallestSegment, largest))
}

const smallestSegment = 256 << 10

// cleanBefore is the first segment whose tombstones may hide something in older:
// each of those was merged when a later one was appended to, and so keeps nothing
// that stands hidden by what came before it.
func cleanBefore(older []candidate) uint32 {
	clean := uint32(math.MaxUint32)
	for _, c := range older {
		clean = min(clean, c.at)
	}
	return clean
}
