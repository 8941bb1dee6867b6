package resp

import (
	"bytes"
	"strconv"
)

// Writer appends replies to a buffer. The zero Writer speaks RESP2. It is not
// safe for concurrent use.
type Writer struct {
	Buf   []byte
	Proto int // 3, or RESP2
}

// Simple is a word such as OK; it must hold no CR or LF.
func (w *Writer) Simple(s string) { w.line('+', s) }

// Error is an error; its first word is a code, such as ERR. Line breaks become
// spaces.
func (w *Writer) Error(text string) {
	start := len(w.Buf)
	w.Buf = append(append(w.Buf, '-'), text...)
	for i, c := range w.Buf[start:] {
		if c == '\r' || c == '\n' {
			w.Buf[start+i] = ' '
		}
	}
	w.Buf = append(w.Buf, '\r', '\n')
}

// Int is an integer.
func (w *Writer) Int(n int64) { w.number(':', n) }

// Bulk is a string of any bytes.
func (w *Writer) Bulk(b []byte) {
	w.number('$', int64(len(b)))
	w.Buf = append(append(w.Buf, b...), '\r', '\n')
}

// BulkHead is what stands before a string of n bytes; CRLF stands behind it.
func (w *Writer) BulkHead(n int) { w.number('$', int64(n)) }

// Text is a string of any bytes.
func (w *Writer) Text(s string) {
	w.number('$', int64(len(s)))
	w.Buf = append(append(w.Buf, s...), '\r', '\n')
}

// Null is the absence of a value.
func (w *Writer) Null() {
	if w.Proto == 3 {
		w.Buf = append(w.Buf, "_\r\n"...)
		return
	}
	w.Buf = append(w.Buf, "$-1\r\n"...)
}

// Array begins an array of n replies.
func (w *Writer) Array(n int) { w.number('*', int64(n)) }

// Map begins a map of n pairs: with RESP2 an array of twice as many replies.
func (w *Writer) Map(n int) {
	if w.Proto == 3 {
		w.number('%', int64(n))
		return
	}
	w.number('*', 2*int64(n))
}

// Set begins a set of n replies: with RESP2 an array.
func (w *Writer) Set(n int) {
	if w.Proto == 3 {
		w.number('~', int64(n))
		return
	}
	w.number('*', int64(n))
}

// Verbatim is a text to be shown as it stands: with RESP2 a bulk string.
func (w *Writer) Verbatim(s string) {
	if w.Proto != 3 {
		w.Text(s)
		return
	}
	w.number('=', int64(len(s)+4))
	w.Buf = append(append(append(w.Buf, "txt:"...), s...), '\r', '\n')
}

// Command appends a command of the given arguments.
func (w *Writer) Command(args ...[]byte) {
	w.Array(len(args))
	for _, a := range args {
		w.Bulk(a)
	}
}

func (w *Writer) line(mark byte, s string) {
	w.Buf = append(append(append(w.Buf, mark), s...), '\r', '\n')
}

func (w *Writer) number(mark byte, n int64) {
	w.Buf = append(strconv.AppendInt(append(w.Buf, mark), n, 10), '\r', '\n')
}

// Is reports whether word is the upper-case name, in any case.
func Is(word []byte, name string) bool {
	return len(word) == len(name) && bytes.EqualFold(word, []byte(name))
}
