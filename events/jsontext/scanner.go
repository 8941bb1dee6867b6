package jsontext

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"unicode/utf8"
)

// Scanner walks over JSON values without copying. Each method reads one value at
// the place where the scanner stands, and leaves it behind that value; after an
// error it stands anywhere. Errors name the column and what was wanted there.
type Scanner struct {
	buf []byte
	pos int
}

// NewScanner returns a scanner that stands at the front of buf.
func NewScanner(buf []byte) Scanner { return Scanner{buf: buf} }

// MaxDepth bounds how deep a skipped value may nest.
const MaxDepth = 16

// Rest is what stands behind the scanner.
func (s *Scanner) Rest() []byte { return s.buf[s.pos:] }

// Peek is the next byte, 0 at the end.
func (s *Scanner) Peek() byte {
	if s.pos < len(s.buf) {
		return s.buf[s.pos]
	}
	return 0
}

func (s *Scanner) accept(c byte) bool {
	if s.Peek() != c {
		return false
	}
	s.pos++
	return true
}

// Literal passes word, if that is what comes next.
func (s *Scanner) Literal(word string) bool {
	if !bytes.HasPrefix(s.buf[s.pos:], []byte(word)) {
		return false
	}
	s.pos += len(word)
	return true
}

func (s *Scanner) space() {
	for s.pos < len(s.buf) {
		switch s.buf[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

func (s *Scanner) fail(want string) error {
	if s.pos >= len(s.buf) {
		return fmt.Errorf("it ends where %s should stand", want)
	}
	return fmt.Errorf("column %d is %q, not %s", s.pos+1, s.buf[s.pos], want)
}

// Object calls field with each name, the scanner standing before its value; field
// must consume that value. Space in front of the object is passed.
func (s *Scanner) Object(field func(name []byte) error) error {
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
		name, err := s.Text()
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

// array calls element before each value of an array; it must consume that value.
func (s *Scanner) array(element func() error) error {
	if !s.accept('[') {
		return s.fail("'['")
	}
	s.space()
	if s.accept(']') {
		return nil
	}
	for {
		s.space()
		if err := element(); err != nil {
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

// Text reads a string. It aliases the buffer unless the string holds escapes.
func (s *Scanner) Text() ([]byte, error) {
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
			return resolve(buf[start:i], start, plain, all < utf8.RuneSelf)
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

// resolve is the text that raw, the inside of a string, stands for.
func resolve(raw []byte, column int, plain, ascii bool) ([]byte, error) {
	if !ascii && !utf8.Valid(raw) {
		return nil, fmt.Errorf("the string at column %d is %w", column, ErrNotUTF8)
	}
	if plain {
		return raw, nil
	}
	text, err := unescape(raw)
	if err != nil {
		return nil, fmt.Errorf("the string at column %d has %w", column, err)
	}
	return text, nil
}

// Base64 reads a string of standard, padded base64.
func (s *Scanner) Base64() ([]byte, error) {
	start := s.pos
	t, err := s.Text()
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(string(t))
	if err != nil {
		return nil, fmt.Errorf("the string at column %d is not standard, padded base64", start+1)
	}
	return b, nil
}

// Texts reads an array of strings.
func (s *Scanner) Texts() (list []string, err error) {
	err = s.array(func() error {
		t, err := s.Text()
		list = append(list, string(t))
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Integer reads a whole number of 64 bits, without exponent or fraction.
func (s *Scanner) Integer() (int64, error) {
	start, n := s.pos, int64(0)
	negative := s.accept('-')
	digits := s.pos
	for ; s.pos < len(s.buf) && '0' <= s.buf[s.pos] && s.buf[s.pos] <= '9'; s.pos++ {
		digit := int64(s.buf[s.pos] - '0')
		if n > (math.MaxInt64-digit)/10 {
			return 0, fmt.Errorf("the number at column %d is not one of 64 bits", start+1)
		}
		n = 10*n + digit
	}
	if c := s.Peek(); s.pos == digits || c == '.' || c|0x20 == 'e' {
		return 0, s.fail("a whole number")
	}
	if s.buf[digits] == '0' && s.pos > digits+1 {
		return 0, fmt.Errorf("the number at column %d begins with 0", start+1)
	}
	if negative {
		n = -n
	}
	return n, nil
}

// Boolean reads true or false.
func (s *Scanner) Boolean() (bool, error) {
	switch {
	case s.Literal("true"):
		return true, nil
	case s.Literal("false"):
		return false, nil
	}
	return false, s.fail("true or false")
}

// Skip passes over one value of any kind, which nests no deeper than [MaxDepth].
func (s *Scanner) Skip() error { return s.skip(0) }

func (s *Scanner) skip(depth int) error {
	switch c := s.Peek(); {
	case c == '"':
		_, err := s.Text()
		return err
	case c == '{' && depth < MaxDepth:
		return s.Object(func([]byte) error { return s.skip(depth + 1) })
	case c == '[' && depth < MaxDepth:
		return s.array(func() error { return s.skip(depth + 1) })
	case c == '-' || '0' <= c && c <= '9':
		return s.skipNumber()
	case s.Literal("true"), s.Literal("false"), s.Literal("null"):
		return nil
	}
	return s.fail("a JSON value")
}

func (s *Scanner) skipNumber() error {
	start := s.pos
	for s.pos < len(s.buf) && bytes.IndexByte([]byte("+-.eE0123456789"), s.buf[s.pos]) >= 0 {
		s.pos++
	}
	if !json.Valid(s.buf[start:s.pos]) {
		return fmt.Errorf("what begins at column %d is no JSON number", start+1)
	}
	return nil
}

// EndOfLine passes the rest of the line, on which only space may stand, and its
// newline.
func (s *Scanner) EndOfLine() error {
	for s.accept(' ') || s.accept('\t') || s.accept('\r') {
	}
	if s.pos == len(s.buf) || s.accept('\n') {
		return nil
	}
	return s.fail("the end of the line")
}
