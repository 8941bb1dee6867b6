package index

import (
	"encoding/binary"
	"math/bits"
)

// arena hands out small pieces of memory that the garbage collector does not
// see, named by 32 bits instead of a pointer: of a million keys nothing is left
// to collect or to scan. Freed pieces are used again for the same size.
type arena struct {
	pages   [][]byte
	classes [classes]class
	used    int64 // bytes handed out, in whole pieces
}

// Ref names a piece; 0 is none.
type Ref uint32

// class is the free pieces of one size.
type class struct {
	free  Ref // each free piece begins with the next one's name
	fresh Ref // the next piece never used
	left  int // how many of those remain in the page
}

const (
	pageSize = 1 << 20
	unit     = 8 // pieces begin at multiples of it
	pageRefs = pageSize / unit
	maxPages = (1 << 32) / pageRefs
	maxPiece = 8 << 10
	fine     = 256 // up to here sizes rise by units, then by eighths
	classes  = fine/unit + 1 + 8*5
)

// classOf tells the class of pieces of n bytes, and their true size.
func classOf(n int) (index, size int) {
	if n <= fine {
		units := max(1, (n+unit-1)/unit)
		return units, units * unit
	}
	octave := bits.Len(uint(n-1)) - 1 // n is in (1<<octave, 2<<octave]
	step := 1 << (octave - 3)
	steps := (n - 1<<octave + step - 1) / step
	return fine/unit + 8*(octave-bits.Len(fine)+1) + steps, 1<<octave + steps*step
}

// sameClass reports whether a piece of n bytes, or none, is one of m bytes too.
func sameClass(n, m int) bool {
	i, _ := classOf(n)
	k, _ := classOf(m)
	return i == k && n > 0 == (m > 0)
}

// alloc returns a piece of at least n bytes, up to maxPiece. Its content is
// undefined.
func (a *arena) alloc(n int) Ref {
	i, size := classOf(n)
	c := &a.classes[i]
	a.used += int64(size)
	if r := c.free; r != 0 {
		c.free = Ref(binary.LittleEndian.Uint32(a.at(r)))
		return r
	}
	if c.left == 0 {
		a.addPage(c, size)
	}
	r := c.fresh
	c.fresh += Ref(size / unit)
	c.left--
	return r
}

func (a *arena) addPage(c *class, size int) {
	if len(a.pages) == maxPages {
		panic("store: more than 32 GiB of keys and cached values")
	}
	c.fresh = Ref(len(a.pages) * pageRefs)
	c.left = pageSize / size
	if c.fresh == 0 { // 0 is none
		c.fresh = Ref(size / unit)
		c.left--
	}
	a.pages = append(a.pages, newPage())
}

// release gives back a piece that alloc(n) returned.
func (a *arena) release(r Ref, n int) {
	i, size := classOf(n)
	c := &a.classes[i]
	a.used -= int64(size)
	binary.LittleEndian.PutUint32(a.at(r), uint32(c.free))
	c.free = r
}

// at is the piece r, and what follows it in its page.
func (a *arena) at(r Ref) []byte { return a.pages[r/pageRefs][r%pageRefs*unit:] }

func (a *arena) close() {
	for _, p := range a.pages {
		freePage(p)
	}
	a.pages = nil
}
