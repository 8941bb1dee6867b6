package store

// usage is what the lines of a segment are still good for, in bytes.
type usage struct {
	live int64 // of records that live
	dead int64 // of tombstones and expired records that stand
}

// candidate is a sealed segment as the plan sees it.
type candidate struct {
	size     int64 // of the file
	keep     int64 // what a merge would keep of it
	excluded bool  // damaged: it stays as it is
}

func (c candidate) garbage() int64 { return c.size - c.keep }

// plan chooses the segments [from, to) to merge into one, so that what can be
// gained stays below a part of what is kept. live is what all segments keep,
// largest how much one segment may.
//
// It begins with the segment that has the largest share to gain, and takes its
// neighbours in as long as they are worth it or small.
func plan(sealed []candidate, live, largest int64) (from, to int) {
	best, garbage := -1, int64(0)
	for i, c := range sealed {
		if c.excluded {
			continue
		}
		garbage += c.garbage()
		if best < 0 || c.garbage()*sealed[best].size > sealed[best].garbage()*c.size {
			best = i
		}
	}
	if best < 0 || garbage <= max(live/garbageShare, largest/garbageShare) {
		return 0, 0
	}
	from, to, kept := best, best+1, sealed[best].keep
	worth := func(i int) bool {
		if i < 0 || i >= len(sealed) || sealed[i].excluded || kept+sealed[i].keep > largest {
			return false
		}
		return sealed[i].garbage()*4 >= sealed[i].size || sealed[i].size*4 <= largest
	}
	for {
		switch {
		case worth(to):
			kept += sealed[to].keep
			to++
		case worth(from - 1):
			from--
			kept += sealed[from].keep
		default:
			return from, to
		}
	}
}

// garbageShare is how many times smaller the garbage is kept than what lives.
const garbageShare = 4

// rotateAt is the size at which a segment is sealed: a sixteenth of what lives,
// so that a merge needs little room beside, within bounds.
func rotateAt(live, largest int64) int64 {
	return max(min(live/16, largest), min(smallestSegment, largest))
}

const smallestSegment = 256 << 10

// mayForget reports whether the tombstones in segments [from, to) can no longer
// hide an older record of this folder: every earlier segment was merged after
// the last of them was sealed, and so keeps nothing that they hide.
func mayForget(segments []*segment, from, to int) bool {
	for _, s := range segments[:from] {
		if s.at <= segments[to-1].through {
			return false
		}
	}
	return true
}
