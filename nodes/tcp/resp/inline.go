package resp

import (
	"bytes"
	"fmt"
	"strings"
)

// inline reads a command that a person typed: words on a line, which may be
// quoted.
func (r *Reader) inline() (args [][]byte, ok bool, err error) {
	b := r.buf[r.start:r.end]
	i := bytes.IndexByte(b, '\n')
	if i > maxInline || i < 0 && len(b) > maxInline {
		return nil, false, fmt.Errorf("%w: too big inline request", ErrProtocol)
	}
	if i < 0 {
		return nil, false, nil
	}
	r.start += i + 1
	first := len(r.args)
	if args, err = words(r.args, bytes.TrimSuffix(b[:i], []byte{'\r'})); err == nil {
		r.args, args = args, args[first:len(args):len(args)]
	}
	if err == nil && len(args) > r.limits.Args {
		err = fmt.Errorf("%w: too many arguments", ErrProtocol)
	}
	return args, err == nil, err
}

const blanks = " \t\v\f\r\x00"

// words splits a line as Redis does: "…" with escapes, '…' with \' only. They are
// appended to args; those without quotes are parts of the line.
func words(args [][]byte, line []byte) ([][]byte, error) {
	for {
		line = bytes.TrimLeft(line, blanks)
		if len(line) == 0 {
			return args, nil
		}
		word, rest, err := cutWord(line)
		if err != nil {
			return nil, err
		}
		args, line = append(args, word), rest
	}
}

func cutWord(line []byte) (word, rest []byte, err error) {
	i := bytes.IndexAny(line, blanks+`"'`)
	switch {
	case i < 0:
		return line, nil, nil
	case line[i] != '"' && line[i] != '\'':
		return line[:i:i], line[i:], nil
	}
	if word, rest, err = quoted(bytes.Clone(line[:i]), line[i+1:], line[i]); err != nil {
		return nil, nil, err
	}
	if len(rest) > 0 && strings.IndexByte(blanks, rest[0]) < 0 {
		return nil, nil, errUnbalanced()
	}
	return word, rest, nil
}

func errUnbalanced() error { return fmt.Errorf("%w: unbalanced quotes in request", ErrProtocol) }

// quoted appends what stands before the closing quote.
func quoted(word, line []byte, quote byte) (_, rest []byte, err error) {
	for len(line) > 0 {
		c := line[0]
		switch {
		case c == quote:
			return word, line[1:], nil
		case c == '\\' && len(line) > 1 && quote == '"':
			c, n := escape(line)
			word, line = append(word, c), line[n:]
			continue
		case c == '\\' && len(line) > 1 && line[1] == '\'':
			c, line = '\'', line[1:]
		}
		word, line = append(word, c), line[1:]
	}
	return nil, nil, errUnbalanced()
}

// escape resolves an escape at the front of b, and tells how long it is.
func escape(b []byte) (c byte, n int) {
	if b[1] == 'x' && len(b) >= 4 {
		high, low := hex(b[2]), hex(b[3])
		if high >= 0 && low >= 0 {
			return byte(high<<4 | low), 4
		}
	}
	switch b[1] {
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'b':
		return '\b', 2
	case 'a':
		return '\a', 2
	}
	return b[1], 2
}

func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
