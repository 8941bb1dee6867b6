package events

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner walks one JSON object at the front of a message without copying.
// encoding/json costs some 20 times as much for a head of five fields, and
// cannot say where the object ends and the value's bytes begin.
type scanner struct {
	buf []byte
	pos int
}

// maxDepth bounds how deep a skipped field may nest.
const maxDepth = 16

func (s *scanner) fail(want string) error {
	if s.pos >= len(s.buf) {
		return fmt.Errorf("%w: the head ends where %s should stand", ErrBadRequest, want)
	}
	return fmt.Errorf("%w: column %d of the head is %q, not %s", ErrBadRequest, s.pos+1, s.buf[s.pos], want)
}

func (s *scanner) space() {
	for s.pos < len(s.buf) {
		switch s.buf[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) peek() byte {
	if s.pos < len(s.buf) {
		return s.buf[s.pos]
	}
	return 0
}

func (s *scanner) accept(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// object calls field with each name, the scanner standing before its value;
// field must consume that value.
func (s *scanner) object(field func(name []byte) error) error {
	s.space()
	if !s.accept('{') {
		return s.fail("'{'")
	}
	s.space()
	if s.accept('}') {
		return nil
	}
	for {
		s.space()
		name, err := s.text()
		if err != nil {
			return err
		}
		s.space()
		if !s.accept(':') {
			return s.fail("':'")
		}
		s.space()
		if err := field(name); err != nil {
			return err
		}
		s.space()
		if s.accept('}') {
			return nil
		}
		if !s.accept(',') {
			return s.fail("',' or '}'")
		}
	}
}

// text reads a string. It aliases the message unless the string holds escapes.
func (s *scanner) text() ([]byte, error) {
	if !s.accept('"') {
		return nil, s.fail("a string")
	}
	buf, start := s.buf, s.pos
	plain, all := true, byte(0)
	for i := start; i < len(buf); i++ {
		c := buf[i]
		switch {
		case c == '"':
			s.pos = i + 1
			return s.resolve(buf[start:i], plain, all < utf8.RuneSelf)
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			s.pos = i
			return nil, s.fail("part of a string")
		}
		all |= c
	}
	s.pos = len(buf)
	return nil, s.fail("'\"'")
}

func (s *scanner) resolve(raw []byte, plain, ascii bool) ([]byte, error) {
	if !ascii && !utf8.Valid(raw) {
		return nil, fmt.Errorf("%w: a string in the head is not UTF-8; send such bytes as base64 (key64, value64)", ErrBadRequest)
	}
	if plain {
		return raw, nil
	}
	return unescape(raw)
}

func (s *scanner) base64() ([]byte, error) {
	t, err := s.text()
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(string(t))
	if err != nil {
		return nil, fmt.Errorf("%w: %q is not standard, padded base64", ErrBadRequest, clip(t))
	}
	return b, nil
}

func (s *scanner) integer() (int64, error) {
	start, n := s.pos, int64(0)
	negative := s.accept('-')
	digits := s.pos
	for ; s.pos < len(s.buf) && '0' <= s.buf[s.pos] && s.buf[s.pos] <= '9'; s.pos++ {
		digit := int64(s.buf[s.pos] - '0')
		if n > (math.MaxInt64-digit)/10 {
			return 0, fmt.Errorf("%w: the number at column %d is not one of 64 bits", ErrBadRequest, start+1)
		}
		n = 10*n + digit
	}
	if c := s.peek(); s.pos == digits || c == '.' || c|0x20 == 'e' {
		return 0, s.fail("a whole number")
	}
	if s.buf[digits] == '0' && s.pos > digits+1 {
		return 0, fmt.Errorf("%w: the number at column %d begins with 0", ErrBadRequest, start+1)
	}
	if negative {
		n = -n
	}
	return n, nil
}

// natural reads a whole number that is not negative: a moment, or how many.
func (s *scanner) natural() (int64, error) {
	n, err := s.integer()
	if err == nil && n < 0 {
		err = fmt.Errorf("%w: %d is negative", ErrBadRequest, n)
	}
	return n, err
}

func (s *scanner) boolean() (bool, error) {
	switch {
	case s.literal("true"):
		return true, nil
	case s.literal("false"):
		return false, nil
	}
	return false, s.fail("true or false")
}

func (s *scanner) literal(word string) bool {
	if !bytes.HasPrefix(s.buf[s.pos:], []byte(word)) {
		return false
	}
	s.pos += len(word)
	return true
}

// texts reads an array of strings.
func (s *scanner) texts() (list []string, err error) {
	if !s.accept('[') {
		return nil, s.fail("'['")
	}
	s.space()
	if s.accept(']') {
		return nil, nil
	}
	for {
		s.space()
		t, err := s.text()
		if err != nil {
			return nil, err
		}
		list = append(list, string(t))
		s.space()
		if s.accept(']') {
			return list, nil
		}
		if !s.accept(',') {
			return nil, s.fail("',' or ']'")
		}
	}
}

// skip passes over one value of any kind.
func (s *scanner) skip(depth int) error {
	switch c := s.peek(); {
	case c == '"':
		_, err := s.text()
		return err
	case c == '{' && depth < maxDepth:
		return s.object(func([]byte) error { return s.skip(depth + 1) })
	case c == '[' && depth < maxDepth:
		return s.skipArray(depth)
	case c == '-' || '0' <= c && c <= '9':
		return s.skipNumber()
	case s.literal("true"), s.literal("false"), s.literal("null"):
		return nil
	}
	return s.fail("a JSON value")
}

func (s *scanner) skipNumber() error {
	start := s.pos
	for s.pos < len(s.buf) && bytes.IndexByte([]byte("+-.eE0123456789"), s.buf[s.pos]) >= 0 {
		s.pos++
	}
	if !json.Valid(s.buf[start:s.pos]) {
		return fmt.Errorf("%w: %q is no JSON number", ErrBadRequest, clip(s.buf[start:s.pos]))
	}
	return nil
}

func (s *scanner) skipArray(depth int) error {
	s.pos++
	s.space()
	if s.accept(']') {
		return nil
	}
	for {
		s.space()
		if err := s.skip(depth + 1); err != nil {
			return err
		}
		s.space()
		if s.accept(']') {
			return nil
		}
		if !s.accept(',') {
			return s.fail("',' or ']'")
		}
	}
}

// endOfHead passes the rest of the head's line.
func (s *scanner) endOfHead() error {
	for s.accept(' ') || s.accept('\t') || s.accept('\r') {
	}
	if s.pos == len(s.buf) || s.accept('\n') {
		return nil
	}
	return s.fail("the end of the line")
}

// clip keeps what an error quotes short: an answer must fit the bus.
func clip(b []byte) []byte {
	const most = 64
	if len(b) <= most {
		return b
	}
	return append(append(make([]byte, 0, most+len("…")), b[:most]...), "…"...)
}

// unescape resolves the escapes of a JSON string. Lone surrogates are refused:
// replacing them, as encoding/json does, would make two keys one.
func unescape(raw []byte) ([]byte, error) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		if i == len(raw) {
			return nil, fmt.Errorf("%w: string %q ends in a lone backslash", ErrBadRequest, clip(raw))
		}
		if raw[i] != 'u' {
			c := unescapeByte(raw[i])
			if c == 0 {
				return nil, fmt.Errorf("%w: unknown escape \\%c in string %q", ErrBadRequest, raw[i], clip(raw))
			}
			out = append(out, c)
			continue
		}
		r, n := unescapeRune(raw[i-1:])
		if n == 0 {
			return nil, fmt.Errorf("%w: bad \\u escape in string %q", ErrBadRequest, clip(raw))
		}
		out = utf8.AppendRune(out, r)
		i += n - 2
	}
	return out, nil
}

func unescapeByte(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// unescapeRune reads one \uXXXX or a surrogate pair of them, and how many bytes
// that took: 0 for what is neither.
func unescapeRune(b []byte) (rune, int) {
	r := hexRune(b)
	if r < 0 || !utf16.IsSurrogate(r) {
		if r < 0 {
			return 0, 0
		}
		return r, 6
	}
	pair := utf16.DecodeRune(r, hexRune(b[6:]))
	if pair == utf8.RuneError {
		return 0, 0
	}
	return pair, 12
}

func hexRune(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 32)
	if err != nil {
		return -1
	}
	return rune(n)
}

// appendText appends b as a JSON string; b must be UTF-8.
func appendText(dst, b []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i, c := range b {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, b[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	dst = append(dst, b[start:]...)
	return append(dst, '"')
}
