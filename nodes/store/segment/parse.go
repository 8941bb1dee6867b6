package segment

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"strconv"

	"dht/events"
	"dht/events/jsontext"
)

var (
	errChecksum = errors.New("its checksum does not match")
	ErrNoEnd    = errors.New("it has no end")
	errForm     = errors.New("it is not of a form this version knows")
)

// Parse reads one line without its newline. The record aliases raw, except
// where text had to be unescaped or decoded. It accepts what [Line.AppendTo]
// writes: the fields in that order, and no space.
func Parse(raw []byte, l *Line) error {
	*l = Line{Synced: NoMark}
	body, err := Checked(raw)
	if err != nil {
		return err
	}
	p := parser{rest: body, ok: true}
	p.line(l)
	if !p.ok || len(p.rest) > 0 {
		return errForm
	}
	return nil
}

// Checked is the part of a line that its checksum vouches for.
func Checked(raw []byte) (body []byte, err error) {
	end := len(raw) - crcTail
	if end < 0 || string(raw[end:end+len(crcName)]) != crcName || string(raw[len(raw)-2:]) != `"}` {
		return nil, ErrNoEnd
	}
	sum, ok := parseHex(raw[end+len(crcName) : len(raw)-2])
	if !ok || sum != checksum(raw[:end]) {
		return nil, errChecksum
	}
	return raw[:end], nil
}

// ValueKey reads the key of a checked line that says a value and nothing about
// the segment it is in, which is to say that it ends with the value. Of other
// lines it is not ok.
func ValueKey(body []byte) (key []byte, ok bool) {
	if len(body) == 0 || body[len(body)-1] != '"' {
		return nil, false
	}
	p := parser{rest: body, ok: true}
	p.expect(`{`)
	key = p.bytes(`"key`)
	return key, p.ok
}

// SeemingKey is the key that a damaged line seems to have, nil when it shows
// none.
func SeemingKey(raw []byte) []byte {
	p := parser{rest: raw, ok: true}
	p.expect(`{`)
	key := p.bytes(`"key`)
	if !p.ok || events.CheckKey(key) != nil {
		return nil
	}
	return bytes.Clone(key)
}

// parser consumes a line from the left; ok turns false at the first thing that
// does not fit, and stays so.
type parser struct {
	rest []byte
	ok   bool
}

func (p *parser) line(l *Line) {
	switch {
	case p.accept(`{"sealed":`):
		l.Kind, l.Sealed = KindSeal, p.integer()
		p.expect(`,"through":`)
		l.Header.Through = p.number()
	case p.accept(`{"segment":`):
		l.Kind = KindHeader
		p.header(&l.Header)
	default:
		p.record(l)
	}
	if p.accept(`,"synced":`) {
		l.Synced = p.integer()
	}
}

func (p *parser) record(l *Line) {
	r := &l.Record
	p.expect(`{`)
	r.Key = p.bytes(`"key`)
	p.expect(`,"version":`)
	r.Version = p.version()
	p.ok = p.ok && r.Known() && events.CheckKey(r.Key) == nil
	switch {
	case p.accept(`,"dropped":true`):
		l.Kind = KindDrop
		return
	case p.accept(`,"deleted":true`):
		r.Deleted = true
		return
	case p.accept(`,"expires":`):
		r.Expires = p.integer()
	}
	p.expect(`,`)
	r.Value = p.bytes(`"value`)
}

func (p *parser) header(h *Header) {
	h.Segment = p.number()
	p.expect(`,"through":`)
	h.Through = p.number()
	p.expect(`,"at":`)
	h.At = p.number()
	p.expect(`,"newest":`)
	h.Newest = p.version()
}

func (p *parser) accept(text string) bool {
	if len(p.rest) < len(text) || string(p.rest[:len(text)]) != text {
		return false
	}
	p.rest = p.rest[len(text):]
	return true
}

func (p *parser) expect(text string) { p.ok = p.accept(text) && p.ok }

func (p *parser) integer() int64 {
	n := 0
	for n < len(p.rest) && (p.rest[n] == '-' || '0' <= p.rest[n] && p.rest[n] <= '9') {
		n++
	}
	i, err := strconv.ParseInt(string(p.rest[:n]), 10, 64)
	p.ok = p.ok && err == nil
	p.rest = p.rest[n:]
	return i
}

func (p *parser) number() uint32 {
	n := p.integer()
	p.ok = p.ok && n >= 0 && n <= math.MaxUint32
	return uint32(n)
}

func (p *parser) version() (v events.Version) {
	v, ok := parseVersion(p.text())
	p.ok = p.ok && ok
	return v
}

func (p *parser) bytes(name string) []byte {
	p.expect(name)
	coded := p.accept(`64`)
	p.expect(`":`)
	text := p.text()
	if !coded {
		return text
	}
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	p.ok = p.ok && err == nil
	return b
}

// text reads a string.
func (p *parser) text() (text []byte) {
	var ok bool
	text, p.rest, ok = jsontext.CutReadable(p.rest)
	p.ok = p.ok && ok
	return text
}

// parseVersion is [events.ParseVersion] for text that a checksum vouches for.
func parseVersion(text []byte) (v events.Version, ok bool) {
	if len(text) != 36 {
		return v, false
	}
	ok = true
	at := 0
	for i := range v {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			ok = ok && text[at] == '-'
			at++
		}
		hi, lo := hexValue[text[at]], hexValue[text[at+1]]
		ok = ok && hi|lo < 16
		v[i] = hi<<4 | lo
		at += 2
	}
	return v, ok
}

// hexValue is what a lower-case hexadecimal digit stands for, 255 for other
// bytes.
var hexValue = func() (table [256]byte) {
	for i := range table {
		table[i] = 255
	}
	for i, c := range []byte(hexDigits) {
		table[c] = byte(i)
	}
	return table
}()

func parseHex(text []byte) (n uint32, ok bool) {
	for _, c := range text {
		d := hexValue[c]
		if d > 15 {
			return 0, false
		}
		n = n<<4 | uint32(d)
	}
	return n, true
}
