package events

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"dht/events/jsontext"
)

// body collects what a head says about its value.
type body struct {
	size   int64 // -1: not said
	inline []byte
	stands bool // in the head
}

func (b *body) field(s *scanner, name []byte) (err error) {
	switch string(name) {
	case "size":
		b.size, err = s.Integer()
		if err == nil && b.size < 0 {
			err = fmt.Errorf("%w: size %d is negative", ErrBadRequest, b.size)
		}
	case "value", "value64":
		if b.stands {
			return fmt.Errorf("%w: the head has more than one value", ErrBadRequest)
		}
		b.stands = true
		b.inline, err = s.bytes(name)
	default:
		err = s.Skip()
	}
	return err
}

// split takes the value, and leaves what follows the entry.
func (b *body) split(s *scanner) (value, rest []byte, err error) {
	if err := s.EndOfLine(); err != nil {
		return nil, nil, unreadable("the head", err)
	}
	rest = s.Rest()
	switch {
	case b.stands && b.size > 0:
		return nil, nil, fmt.Errorf("%w: the head has a value and a size of %d: say one", ErrBadRequest, b.size)
	case b.stands:
		return b.inline, rest, nil
	case b.size < 0:
		return rest, nil, nil
	case b.size > int64(len(rest)):
		return nil, nil, fmt.Errorf("%w: size says %d bytes, %d follow", ErrBadRequest, b.size, len(rest))
	}
	return rest[:b.size:b.size], rest[b.size:], nil
}

// scanner reads what stands in a head.
type scanner struct{ jsontext.Scanner }

func newScanner(msg []byte) scanner { return scanner{jsontext.NewScanner(msg)} }

// head reads a head. Every failure is [ErrBadRequest].
func (s *scanner) head(field func(name []byte) error) error {
	err := s.Object(field)
	if err == nil || errors.Is(err, ErrBadRequest) {
		return err
	}
	return unreadable("the head", err)
}

// unreadable is err as [ErrBadRequest], and says what could not be read.
func unreadable(what string, err error) error {
	text := strings.TrimPrefix(err.Error(), ErrBadRequest.Error()+": ")
	if errors.Is(err, jsontext.ErrNotUTF8) {
		text += "; send such bytes as base64 (key64, value64)"
	}
	return fmt.Errorf("%w: %s: %s", ErrBadRequest, what, text)
}

// clip keeps what an error quotes short: an answer must fit the bus.
func clip(b []byte) []byte {
	const most = 64
	if len(b) <= most {
		return b
	}
	return append(append(make([]byte, 0, most+len("…")), b[:most]...), "…"...)
}

// natural reads a whole number that is not negative: a moment, or how many.
func (s *scanner) natural() (int64, error) {
	n, err := s.Integer()
	if err == nil && n < 0 {
		err = fmt.Errorf("%w: %d is negative", ErrBadRequest, n)
	}
	return n, err
}

// bytes reads a field that stands as text under its name, or as base64 under
// its name with "64" behind.
func (s *scanner) bytes(name []byte) ([]byte, error) {
	if name[len(name)-1] == '4' {
		return s.Base64()
	}
	return s.Text()
}

// null passes a null, which is as good as no field; but a value must be one.
func (s *scanner) null(name []byte) bool {
	return string(name) != "value" && string(name) != "value64" && s.Literal("null")
}

func (s *scanner) level() (Level, error) {
	t, err := s.Text()
	switch l := Level(t); {
	case err != nil, l == LevelOne, l == LevelQuorum, l == LevelAll:
		return l, err
	}
	return "", fmt.Errorf("%w: level %q is not one, quorum or all", ErrBadRequest, clip(t))
}

func (s *scanner) version() (Version, error) {
	t, err := s.Text()
	if err != nil {
		return Version{}, err
	}
	return ParseVersion(t)
}

func (s *scanner) mapID() (MapID, error) {
	t, err := s.Text()
	if err != nil {
		return MapID{}, err
	}
	return ParseMapID(t)
}

// word reads a string, allocating only when it differs from what stands in w.
func (s *scanner) word(w *string) error {
	t, err := s.Text()
	if err == nil && string(t) != *w {
		*w = string(t)
	}
	return err
}

// head builds the line of JSON in front of a value. Zero fields are left out.
type head struct {
	buf []byte
	sep byte
}

func (h *head) name(name string) []byte {
	b := append(h.buf, h.sep, '"')
	h.sep = ','
	b = append(b, name...)
	return append(b, '"', ':')
}

func (h *head) text(name, text string) {
	if text != "" {
		h.buf = jsontext.AppendString(h.name(name), []byte(text))
	}
}

func (h *head) texts(name string, list []string) {
	if len(list) == 0 {
		return
	}
	b, sep := h.name(name), byte('[')
	for _, t := range list {
		b = jsontext.AppendString(append(b, sep), []byte(t))
		sep = ','
	}
	h.buf = append(b, ']')
}

// bytes writes b as text where it is UTF-8, else as base64.
func (h *head) bytes(name string, b []byte) {
	switch {
	case len(b) == 0:
	case utf8.Valid(b):
		h.buf = jsontext.AppendString(h.name(name), b)
	default:
		h.buf = append(h.name(name+"64"), '"')
		h.buf = append(base64.StdEncoding.AppendEncode(h.buf, b), '"')
	}
}

func (h *head) integer(name string, n int64) {
	if n != 0 {
		h.buf = strconv.AppendInt(h.name(name), n, 10)
	}
}

func (h *head) version(v Version) {
	if !v.IsZero() {
		h.buf = appendVersion(h.name("version"), v)
	}
}

func appendVersion(dst []byte, v Version) []byte {
	dst, _ = v.AppendText(append(dst, '"'))
	return append(dst, '"')
}

func (h *head) flag(name string, set bool) {
	if set {
		h.buf = append(h.name(name), "true"...)
	}
}

func (h *head) mapID(id MapID) {
	if id != (MapID{}) {
		h.buf = append(id.appendTo(append(h.name("map"), '"')), '"')
	}
}

// end closes the head and appends the value. The last entry of a message needs
// no size unless it has a value: what remains is its value.
func (h *head) end(value []byte, last bool) []byte {
	if len(value) > 0 || !last {
		h.buf = strconv.AppendInt(h.name("size"), int64(len(value)), 10)
	}
	if h.sep == '{' {
		h.buf = append(h.buf, '{')
	}
	h.buf = append(h.buf, '}')
	if len(value) == 0 && last {
		return h.buf
	}
	return append(append(h.buf, '\n'), value...)
}
