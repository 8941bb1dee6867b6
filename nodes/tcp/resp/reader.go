package resp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// ErrProtocol is what every violation of the protocol or of a limit wraps. Its
// text is fit to be sent: "Protocol error: …". Nothing can be read after it.
//
//lint:ignore ST1005 clients know the text
var ErrProtocol = errors.New("Protocol error")

// Limits bound what a reader accepts. All but Skip are needed.
type Limits struct {
	Args    int // arguments of one command
	Bulk    int // bytes of one argument, or of one reply
	Command int // bytes of one command with all its framing
	Skip    int // bytes of an argument that is passed over where it exceeds the others: see Oversize
}

const (
	maxInline  = 64 << 10 // as Redis has it
	maxLine    = 64       // of a length with its mark
	maxError   = 4 << 10  // of a line that a reply consists of
	restBuf    = 512
	firstBuf   = 16 << 10
	largestBuf = 64 << 10 // that an idle reader keeps
)

// Reader takes commands or replies from a stream. It is not safe for concurrent
// use.
//
// Next and NextReply parse what has arrived; Fill waits for more. What they
// return aliases the buffer and stays valid until the next Fill.
type Reader struct {
	// Grow is called before a command takes more memory than is usual, with how many
	// bytes that will be, and with 0 when it takes no more. It may wait; an error ends
	// the reading. nil grants everything.
	Grow func(bytes int) error

	src    io.Reader
	grown  int // what Grow was called with last
	limits Limits
	buf    []byte
	start  int // of what is not parsed yet
	end    int // of what has arrived

	// A command that has arrived in part, so that it is not parsed again with
	// every byte. Positions are relative to start.
	pos   int
	left  int // arguments to come
	spans []span
	args  [][]byte
	skip  int // bytes to pass over, of an argument that is too long
	over  int // of the command: the longest argument that was passed over
	last  int // the same of the command that was returned last
}

type span struct{ from, to uint32 } // a command is never as long as that

const (
	spanSize = 8
	argSize  = 24
	fewArgs  = 4096 // for which nobody is asked
)

// NewReader reads from src.
func NewReader(src io.Reader, limits Limits) *Reader {
	return &Reader{src: src, limits: limits}
}

// Rest gives back all memory but a little, where nothing has arrived in part.
func (r *Reader) Rest() {
	if r.Partial() {
		return
	}
	r.buf, r.start, r.end = make([]byte, restBuf), 0, 0
	r.spans, r.args = nil, nil
}

// Partial reports whether a command has arrived in part.
func (r *Reader) Partial() bool { return r.end > r.start }

// Room is how many bytes the buffer holds, and how many more it could.
func (r *Reader) Room() (used, free int) { return r.end, len(r.buf) - r.end }

// Oversize is 0, or how long an argument was of the command that Next has returned
// last, which stands there empty: it exceeded the limits, and was passed over. The
// stream can be read on.
func (r *Reader) Oversize() int { return r.last }

// Fill waits for more bytes. Errors are those of the source, io.EOF among them.
// A reply or command longer than the limits is noticed by Next.
func (r *Reader) Fill() error {
	if err := r.makeRoom(); err != nil {
		return err
	}
	n, err := r.src.Read(r.buf[r.end:])
	r.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// makeRoom moves what is left to the front, and doubles the buffer only when it
// is full of bytes that have arrived.
func (r *Reader) makeRoom() error {
	rest := r.buf[r.start:r.end]
	size := len(r.buf)
	switch {
	case len(rest) == 0 && size > largestBuf:
		size = firstBuf
	case size == 0, size < firstBuf && r.end > 0:
		size = firstBuf
	case size < largestBuf && r.end == size: // more comes than fits at once
		size = largestBuf
	case len(rest) == size:
		size *= 2
	}
	if err := r.grow(size, len(r.spans)); err != nil {
		return err
	}
	switch {
	case size != len(r.buf):
		r.buf = make([]byte, size)
	case r.start == 0:
		return nil
	}
	r.end = copy(r.buf, rest)
	r.start = 0
	return nil
}

// grow asks for the memory of a buffer, and of a command with so many arguments.
func (r *Reader) grow(buffer, args int) error {
	bytes := 0
	if buffer > largestBuf {
		bytes += buffer
	}
	if args > fewArgs {
		bytes += args * (spanSize + argSize)
	}
	if r.Grow == nil || bytes == r.grown || bytes < r.grown && bytes > 0 {
		return nil
	}
	r.grown = bytes
	return r.Grow(bytes)
}

// Next returns the next command, and whether there was one. It skips empty
// ones. Errors wrap [ErrProtocol].
func (r *Reader) Next() (args [][]byte, ok bool, err error) {
	r.last = 0
	for r.end > r.start {
		if r.left == 0 && r.pos == 0 {
			if r.buf[r.start] != '*' {
				args, ok, err = r.inline()
				if !ok || err != nil || len(args) > 0 {
					return args, ok, err
				}
				continue
			}
			if ok, err = r.begin(); !ok || err != nil {
				return nil, false, err
			}
		}
		if ok, err = r.bulks(); !ok || err != nil {
			return nil, false, err
		}
		if args = r.command(); len(args) > 0 {
			return args, true, nil
		}
	}
	return nil, false, nil
}

// begin reads how many arguments a command has.
func (r *Reader) begin() (ok bool, err error) {
	n, ok, err := r.length("invalid multibulk length")
	if !ok || err != nil {
		return false, err
	}
	if n > r.limits.Args {
		return false, fmt.Errorf("%w: invalid multibulk length", ErrProtocol)
	}
	r.left = max(n, 0) // Redis takes a negative number for none
	return true, nil
}

// bulks reads as many arguments as have arrived, and reports whether the
// command is complete.
func (r *Reader) bulks() (ok bool, err error) {
	for ; r.left > 0; r.left-- {
		if r.skip == 0 {
			if ok, err = r.bulk(); !ok || err != nil {
				return false, err
			}
		}
		if r.skip > 0 && !r.passOver() {
			return false, nil
		}
	}
	return true, nil
}

// bulk reads an argument that has arrived, or finds that it is to be passed over.
func (r *Reader) bulk() (ok bool, err error) {
	at := r.pos
	if r.start+at == r.end {
		return false, nil
	}
	if c := r.buf[r.start+at]; c != '$' {
		return false, fmt.Errorf("%w: expected '$', got '%s'", ErrProtocol, printable(c))
	}
	size, ok, err := r.length("invalid bulk length")
	if !ok || err != nil {
		return false, err
	}
	switch tooLong := size > r.limits.Bulk || r.pos+size > r.limits.Command; {
	case size < 0, tooLong && size > r.limits.Skip:
		return false, fmt.Errorf("%w: invalid bulk length", ErrProtocol)
	case tooLong:
		r.over, r.skip, r.pos = max(r.over, size, 1), r.pos-at+size+2, at
		return true, nil
	case r.start+r.pos+size+2 > r.end:
		r.pos = at
		return false, nil
	}
	end := r.pos + size
	if r.buf[r.start+end] != '\r' || r.buf[r.start+end+1] != '\n' {
		return false, fmt.Errorf("%w: expected CRLF behind a bulk string", ErrProtocol)
	}
	if len(r.spans) == cap(r.spans) && len(r.spans) >= fewArgs {
		if err := r.grow(len(r.buf), 2*len(r.spans)); err != nil {
			return false, err
		}
	}
	r.spans = append(r.spans, span{uint32(r.pos), uint32(end)})
	r.pos = end + 2
	return true, nil
}

// passOver drops what has arrived of an argument that is too long, and reports
// whether that was all of it.
func (r *Reader) passOver() bool {
	from := r.start + r.pos
	n := min(r.skip, r.end-from)
	r.end = from + copy(r.buf[from:], r.buf[from+n:r.end])
	if r.skip -= n; r.skip > 0 {
		return false
	}
	r.spans = append(r.spans, span{uint32(r.pos), uint32(r.pos)})
	return true
}

// command turns the spans into arguments and passes over the command.
func (r *Reader) command() [][]byte {
	first := len(r.args)
	for _, s := range r.spans {
		r.args = append(r.args, r.buf[r.start+int(s.from):r.start+int(s.to):r.start+int(s.to)])
	}
	r.spans = r.spans[:0]
	r.start += r.pos
	r.pos = 0
	r.last, r.over = r.over, 0
	return r.args[first:len(r.args):len(r.args)]
}

// Release lets the reader use the memory of the commands it has returned again;
// their arguments must not be used any more.
func (r *Reader) Release() {
	clear(r.args)
	r.args = r.args[:0]
	if cap(r.args) > 4096 {
		r.args = nil
	}
	if cap(r.spans) > 4096 && len(r.spans) == 0 {
		r.spans = nil
	}
}

// length reads a line of one mark and a number, such as "*3", standing at pos,
// and moves behind it when it is complete.
func (r *Reader) length(complaint string) (n int, ok bool, err error) {
	b := r.buf[r.start+r.pos : r.end]
	if n, size := shortLength(b); size > 0 {
		r.pos += size
		return n, true, nil
	}
	line, ok, err := cutLine(b, maxLine, complaint)
	if !ok || err != nil {
		return 0, ok, err
	}
	n64, numErr := parseInt(line[1:])
	if numErr != nil || n64 > 1<<31-1 {
		return 0, false, fmt.Errorf("%w: %s", ErrProtocol, complaint)
	}
	r.pos += len(line) + 2
	return int(max(n64, -1)), true, nil
}

// shortLength reads the usual line: a mark, a few digits, CRLF. Its size is 0 when
// it is not of that form.
func shortLength(b []byte) (n, size int) {
	for i := 1; i < min(len(b)-1, 9); i++ {
		c := b[i]
		switch {
		case '0' <= c && c <= '9':
			n = 10*n + int(c-'0')
			continue
		case c == '\r' && b[i+1] == '\n' && i > 1 && (b[1] != '0' || i == 2):
			return n, i + 2
		}
		return 0, 0
	}
	return 0, 0
}

// cutLine returns the line at the front of b without its CRLF.
func cutLine(b []byte, limit int, complaint string) (line []byte, ok bool, err error) {
	i := bytes.IndexByte(b, '\n')
	switch {
	case i > limit, i < 0 && len(b) > limit, i == 0, i > 0 && b[i-1] != '\r':
		return nil, false, fmt.Errorf("%w: %s", ErrProtocol, complaint)
	case i < 0:
		return nil, false, nil
	}
	return b[:i-1], true, nil
}

// parseInt is strconv.ParseInt without the conversion to a string, and without a
// number that is written in another way than Redis would: "+5", "05", "-0".
func parseInt(b []byte) (n int64, err error) {
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 1 && digits[0] == '0' || len(digits) < len(b) && digits[0] == '0' {
		return 0, strconv.ErrSyntax
	}
	if len(digits) > 18 {
		return strconv.ParseInt(string(b), 10, 64)
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, strconv.ErrSyntax
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(b) {
		n = -n
	}
	return n, nil
}

func printable(c byte) string {
	if c < ' ' || c > '~' {
		return fmt.Sprintf("\\x%02x", c)
	}
	return string(rune(c))
}
