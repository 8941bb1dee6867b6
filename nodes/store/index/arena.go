package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// arena hands out small pieces of memory that the garbage collector does not
// see, named by 32 bits instead of a pointer: of a million keys nothing is left
// to collect or to scan. Freed pieces are used again for the same size.
type arena struct {
	pages   [][]byte
	classes [classes]class
	used    int64 // bytes handed out, in whole pieces
	most    int   // pages; 0 is as many as can be named
	newPage func() ([]byte, error)
}

// ErrFull says that there is no memory for more keys.
var ErrFull = errors.New("there is no memory for more keys")

// Ref names a piece; 0 is none.
type Ref uint32

// class is the free pieces of one size.
type class struct {
	free  Ref // each free piece begins with the next one's name
	fresh Ref // the next piece never used
	left  int // how many of those remain in the page
	idle  int // how many are free beside these

	reserved int // how many of both are promised
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

// classOf returns the class of pieces of n bytes, and their true size.
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
// undefined. It does not fail for who has reserved the piece.
func (a *arena) alloc(n int) (Ref, error) {
	i, size := classOf(n)
	c := &a.classes[i]
	if c.idle == 0 && c.left == 0 {
		if err := a.addPage(c, size); err != nil {
			return 0, err
		}
	}
	a.used += int64(size)
	if c.idle > 0 {
		r := c.free
		c.free = Ref(binary.LittleEndian.Uint32(a.at(r)))
		c.idle--
		return r, nil
	}
	return c.take(size), nil
}

// take takes a piece that was never used.
func (c *class) take(size int) Ref {
	r := c.fresh
	c.fresh += Ref(size / unit)
	c.left--
	return r
}

// reserve promises a piece of n bytes, if there is one without a new page.
func (a *arena) reserve(n int) bool {
	i, _ := classOf(n)
	c := &a.classes[i]
	if c.idle+c.left <= c.reserved {
		return false
	}
	c.reserved++
	return true
}

// grow makes room for one more piece of n bytes than are reserved.
func (a *arena) grow(n int) error {
	i, size := classOf(n)
	c := &a.classes[i]
	if c.idle+c.left > c.reserved {
		return nil
	}
	return a.addPage(c, size)
}

// keepPromises forgets what was reserved.
func (a *arena) keepPromises() {
	for i := range a.classes {
		a.classes[i].reserved = 0
	}
}

// addPage takes a page for pieces of a size. What is left of the one before becomes
// free pieces.
func (a *arena) addPage(c *class, size int) error {
	if n := len(a.pages); n == maxPages || a.most > 0 && n == a.most {
		return fmt.Errorf("%w: they take %d MiB, which is all that can be", ErrFull, n*pageSize>>20)
	}
	page, err := a.newPage()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	for c.left > 0 {
		a.free(c, c.take(size))
	}
	c.fresh = Ref(len(a.pages) * pageRefs)
	c.left = pageSize / size
	if c.fresh == 0 { // 0 is none
		c.fresh = Ref(size / unit)
		c.left--
	}
	a.pages = append(a.pages, page)
	return nil
}

// release gives back a piece that alloc(n) returned.
func (a *arena) release(r Ref, n int) {
	i, size := classOf(n)
	c := &a.classes[i]
	a.used -= int64(size)
	a.free(c, r)
}

func (a *arena) free(c *class, r Ref) {
	binary.LittleEndian.PutUint32(a.at(r), uint32(c.free))
	c.free = r
	c.idle++
}

// at is the piece r, and what follows it in its page.
func (a *arena) at(r Ref) []byte { return a.pages[r/pageRefs][r%pageRefs*unit:] }

func (a *arena) close() (err error) {
	for _, p := range a.pages {
		err = errors.Join(err, freePage(p))
	}
	a.pages = nil
	return err
}
