package index

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"
)

// order keeps entries sorted by key, in runs of bounded length: four bytes an
// entry, found by two binary searches, inserted by moving half a run. Finding the
// place of a key costs more than all else that is done with a new one, so it
// waits until somebody wants to see an order.
type order struct {
	runs  [][]Ref // none is empty
	added []Ref   // those with flagAdded, and some that no longer count
}

// add takes in an entry that is not there yet.
func (o *order) add(a *arena, r Ref) {
	if e := entry(a.at(r)); !e.has(flagAdded) {
		e.setFlags(e.flags() | flagAdded)
		o.added = append(o.added, r)
	}
}

// sort sorts up to n of the added entries in.
func (o *order) sort(a *arena, n int) {
	n = min(n, len(o.added))
	for _, item := range sorted(a, o.counted(a, o.added[:n])) {
		o.insert(a, item.ref)
	}
	if o.added = o.added[n:]; len(o.added) == 0 {
		o.added = nil
	}
}

// counted keeps of some added entries those that are still there, once each, in
// place, and makes them no longer added.
func (o *order) counted(a *arena, refs []Ref) []Ref {
	return slices.DeleteFunc(refs, func(r Ref) bool {
		e := entry(a.at(r))
		counts := e.has(flagAdded)
		e.setFlags(e.flags() &^ flagAdded)
		return !counts
	})
}

// prune forgets the added entries that no longer count.
func (o *order) prune(a *arena) {
	refs := o.counted(a, o.added)
	o.added = nil
	for _, r := range refs {
		o.add(a, r)
	}
}

const maxRun = 512

// seek finds the first entry whose key is not below key.
func (o *order) seek(a *arena, key []byte) (run, i int) {
	run = max(0, sort.Search(len(o.runs), func(n int) bool { return below(key, a, o.runs[n][0]) })-1)
	if len(o.runs) == 0 {
		return 0, 0
	}
	r := o.runs[run]
	return run, sort.Search(len(r), func(n int) bool { return !above(key, a, r[n]) })
}

func below(key []byte, a *arena, r Ref) bool { return bytes.Compare(key, entry(a.at(r)).key()) < 0 }
func above(key []byte, a *arena, r Ref) bool { return bytes.Compare(key, entry(a.at(r)).key()) > 0 }

// insert puts an entry where it belongs.
func (o *order) insert(a *arena, r Ref) {
	if len(o.runs) == 0 {
		o.runs = [][]Ref{append(make([]Ref, 0, maxRun), r)}
		return
	}
	run, i := o.seek(a, entry(a.at(r)).key())
	if len(o.runs[run]) == maxRun {
		if run, i = o.split(run, i); i == maxRun {
			panic("store: split run is full")
		}
	}
	o.runs[run] = slices.Insert(o.runs[run], i, r)
}

// split halves a run, and tells where its place i went. A run that grows at the
// end of all, as with rising keys, is left full.
func (o *order) split(run, i int) (int, int) {
	at := maxRun / 2
	if run == len(o.runs)-1 && i == maxRun {
		at = maxRun
	}
	right := append(make([]Ref, 0, maxRun), o.runs[run][at:]...)
	o.runs[run] = o.runs[run][:at]
	o.runs = slices.Insert(o.runs, run+1, right)
	if i > at || at == maxRun {
		return run + 1, i - at
	}
	return run, i
}

// remove takes out an entry that is there.
func (o *order) remove(a *arena, r Ref) {
	if entry(a.at(r)).has(flagAdded) {
		return // sort passes over it, once its flags are cleared
	}
	run, i := o.seek(a, entry(a.at(r)).key())
	o.runs[run] = slices.Delete(o.runs[run], i, i+1)
	if len(o.runs[run]) == 0 {
		o.runs = slices.Delete(o.runs, run, run+1)
	}
}

// from calls each with the entries from place i of a run on, until it returns
// false.
func (o *order) from(run, i int, each func(Ref) bool) {
	for ; run < len(o.runs); run++ {
		for ; i < len(o.runs[run]); i++ {
			if !each(o.runs[run][i]) {
				return
			}
		}
		i = 0
	}
}

// sortable is an entry with the beginning of its key, behind what all keys have
// in common: most comparisons then need not look at the keys.
type sortable struct {
	begin uint64
	ref   Ref
}

// sorted sorts entries by key.
func sorted(a *arena, refs []Ref) []sortable {
	common := commonPrefix(a, refs)
	items := make([]sortable, len(refs))
	for i, r := range refs {
		var begin [8]byte
		copy(begin[:], entry(a.at(r)).key()[common:])
		items[i] = sortable{binary.BigEndian.Uint64(begin[:]), r}
	}
	slices.SortFunc(items, func(x, y sortable) int {
		switch {
		case x.begin < y.begin:
			return -1
		case x.begin > y.begin:
			return 1
		}
		return bytes.Compare(entry(a.at(x.ref)).key(), entry(a.at(y.ref)).key())
	})
	return items
}

// build makes the order of entries, at once.
func (o *order) build(a *arena, refs []Ref) {
	o.runs = nil
	for chunk := range slices.Chunk(sorted(a, refs), maxRun*7/8) {
		run := make([]Ref, 0, maxRun)
		for _, item := range chunk {
			run = append(run, item.ref)
		}
		o.runs = append(o.runs, run)
	}
}

// commonPrefix is how many bytes all keys have in common.
func commonPrefix(a *arena, refs []Ref) int {
	if len(refs) == 0 {
		return 0
	}
	first := entry(a.at(refs[0])).key()
	common := len(first)
	for _, r := range refs {
		key := entry(a.at(r)).key()
		common = min(common, len(key))
		for common > 0 && !bytes.Equal(first[:common], key[:common]) {
			common--
		}
	}
	return common
}
