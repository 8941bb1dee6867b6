package resp

import (
	"fmt"
	"io"
)

// Reply is what a peer answers to one command.
type Reply struct {
	Kind byte   // '+' a simple string, '-' an error, ':' an integer, '$' a bulk string, '_' null
	Text []byte // without its mark; aliases the reader's buffer
}

// NextReply returns the next reply, and whether there was one. Aggregates
// violate the protocol here: peers do not send them to each other.
func (r *Reader) NextReply() (reply Reply, ok bool, err error) {
	if r.end == r.start {
		return Reply{}, false, nil
	}
	b := r.buf[r.start:r.end]
	reply.Kind = b[0]
	line, ok, err := cutLine(b, maxError, "a reply's line does not end")
	if !ok || err != nil {
		return Reply{}, false, err
	}
	switch b[0] {
	case '+', '-', ':', '_':
		reply.Text = line[1:]
		r.start += len(line) + 2
		return reply, true, nil
	case '$':
		return r.bulkReply()
	}
	return Reply{}, false, fmt.Errorf("%w: a reply begins with '%s'", ErrProtocol, printable(b[0]))
}

func (r *Reader) bulkReply() (reply Reply, ok bool, err error) {
	r.pos = 0
	size, ok, err := r.length("invalid bulk length")
	from := r.pos
	r.pos = 0
	switch {
	case !ok || err != nil:
		return Reply{}, false, err
	case size > r.limits.Bulk:
		return Reply{}, false, fmt.Errorf("%w: invalid bulk length", ErrProtocol)
	case size < 0:
		r.start += from
		return Reply{Kind: '_'}, true, nil
	}
	b := r.buf[r.start:r.end]
	end := from + size
	if len(b) < end+2 {
		return Reply{}, false, nil
	}
	if b[end] != '\r' || b[end+1] != '\n' {
		return Reply{}, false, fmt.Errorf("%w: expected CRLF behind a bulk string", ErrProtocol)
	}
	r.start += end + 2
	return Reply{'$', b[from:end:end]}, true, nil
}

// Once sends one command over a connection that nobody else uses yet, and waits
// for its reply.
func Once(conn io.ReadWriter, args ...[]byte) (Reply, error) {
	var w Writer
	w.Command(args...)
	if _, err := conn.Write(w.Buf); err != nil {
		return Reply{}, err
	}
	in := NewReader(conn, replyLimits())
	for {
		reply, ok, err := in.NextReply()
		if ok || err != nil {
			return reply, err
		}
		if err := in.Fill(); err != nil {
			return Reply{}, err
		}
	}
}
