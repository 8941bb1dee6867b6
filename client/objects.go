package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"dht/events"
)

// maxObject bounds one object of a file that is loaded: an entry with the longest
// value, every byte of it escaped, and room for dictionaries.
const maxObject = 16 << 20

// objects cuts a stream into JSON objects without a look into them: by braces
// that are not within a text.
type objects struct {
	in     *bufio.Reader
	line   int   // where in is
	begun  int   // the line on which the last object begins
	broken error // why in cannot be read
}

func newObjects(r io.Reader) *objects { return &objects{in: bufio.NewReader(r), line: 1} }

// next is the next object, io.EOF behind the last one. Errors do not name the
// line, which is begun.
func (o *objects) next() ([]byte, error) {
	if err := o.skipBlanks(); err != nil {
		return nil, err
	}
	o.begun = o.line
	if err := o.foreign(); err != nil {
		return nil, err
	}
	raw, depth, within, escaped := []byte(nil), 0, false, false
	for {
		b, err := o.readByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil, errors.New("the file ends within the object that begins here")
		case err != nil:
			return nil, err
		case len(raw) == maxObject:
			return nil, fmt.Errorf("an object is at most %d MiB long: write one of each key", maxObject>>20)
		}
		raw = append(raw, b)
		switch {
		case within && b == '\n':
			return nil, errors.New("a text is not closed, or has a line break that is not written as \\n")
		case escaped:
			escaped = false
		case within:
			escaped, within = b == '\\', b != '"'
		case b == '"':
			within = true
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			if depth--; depth == 0 {
				return raw, nil
			}
		}
	}
}

func (o *objects) readByte() (byte, error) {
	b, err := o.in.ReadByte()
	switch {
	case err == nil && b == '\n':
		o.line++
	case err != nil && !errors.Is(err, io.EOF):
		o.broken = err
	}
	return b, err
}

// byteOrderMark is written in front of UTF-8 by editors that know only UTF-16; it
// stands inside when such files were put together.
const byteOrderMark = "\ufeff"

func (o *objects) skipBlanks() error {
	for {
		if mark, _ := o.in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
			_, _ = o.in.Discard(len(byteOrderMark))
		}
		b, err := o.readByte()
		if err != nil {
			return err
		}
		if !strings.ContainsRune(" \t\r\n", rune(b)) {
			return o.in.UnreadByte()
		}
	}
}

// foreign says what to do with a file that is something else.
func (o *objects) foreign() error {
	head, _ := o.in.Peek(6)
	for _, f := range []struct{ begins, what string }{
		{"\x1f\x8b", "this is compressed by gzip: gunzip -c FILE | dht load -"},
		{"\x28\xb5\x2f\xfd", "this is compressed by zstd: zstd -dc FILE | dht load -"},
		{"\xfd7zXZ\x00", "this is compressed by xz: xz -dc FILE | dht load -"},
		{"BZh", "this is compressed by bzip2: bzip2 -dc FILE | dht load -"},
		{"PK\x03\x04", "this is a zip archive: unzip -p FILE | dht load -"},
		{"\xff\xfe", "this is UTF-16: iconv -f UTF-16 -t UTF-8 FILE | dht load -"},
		{"\xfe\xff", "this is UTF-16: iconv -f UTF-16 -t UTF-8 FILE | dht load -"},
		{"{\x00", "this is UTF-16: iconv -f UTF-16LE -t UTF-8 FILE | dht load -"},
		{"[\x00", "this is UTF-16: iconv -f UTF-16LE -t UTF-8 FILE | dht load -"},
		{"\x00{", "this is UTF-16: iconv -f UTF-16BE -t UTF-8 FILE | dht load -"},
		{"\x00[", "this is UTF-16: iconv -f UTF-16BE -t UTF-8 FILE | dht load -"},
		{"[", "this is a JSON array, and one object a line is wanted: jq -c '.[]' FILE | dht load -"},
		{"{", ""},
	} {
		if !bytes.HasPrefix(head, []byte(f.begins)) {
			continue
		}
		if f.what == "" {
			return nil
		}
		return errors.New(f.what)
	}
	_, n := utf8.DecodeRune(head)
	return fmt.Errorf("a JSON object begins with {, not with %q", head[:n])
}

// field is one of an object's, its value as it is written.
type field struct {
	name  string
	value json.RawMessage
}

func (f field) is(kind byte) bool { return len(f.value) > 0 && f.value[0] == kind }

// kind is what a value that is no text is called.
func (f field) kind() string {
	switch f.value[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	case '"':
		return "a text"
	}
	return "a number"
}

// fieldsOf are an object's fields in their order. It refuses what JSON parsers
// read in several ways: a name that is there twice, and bytes that are not UTF-8.
func fieldsOf(raw []byte) (fields []field, err error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("it is not UTF-8: write such keys and values as base64 (key64, value64)")
	}
	if !json.Valid(raw) {
		return nil, syntaxError(raw)
	}
	seen := map[string]bool{}
	for i := nextToken(raw, 1); raw[i] != '}'; i = nextToken(raw, i) {
		if raw[i] == ',' {
			i = nextToken(raw, i+1)
		}
		end := endOfValue(raw, i)
		name, err := unquoted(raw[i:end])
		if err != nil {
			return nil, err
		}
		i = nextToken(raw, nextToken(raw, end)+1) // behind the colon
		end = endOfValue(raw, i)
		if seen[name] {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		seen[name] = true
		fields = append(fields, field{name, raw[i:end]})
		i = end
	}
	return fields, nil
}

func syntaxError(raw []byte) error {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(raw, new(json.RawMessage)); errors.As(err, &syntax) {
		return fmt.Errorf("it is no JSON: look at byte %d of the object", syntax.Offset)
	}
	return errors.New("it is no JSON")
}

// nextToken is where in valid JSON the blanks at i end.
func nextToken(raw []byte, i int) int {
	for raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\r' || raw[i] == '\n' {
		i++
	}
	return i
}

// endOfValue is where in valid JSON the value ends that begins at i.
func endOfValue(raw []byte, i int) int {
	for depth := 0; ; i++ {
		switch raw[i] {
		case '"':
			i = endOfText(raw, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		default: // a number or a word, of which only the last letter ends it
			if next := raw[i+1]; next != ',' && next != '}' && next != ']' && nextToken(raw, i+1) == i+1 {
				continue
			}
		}
		if depth == 0 {
			return i + 1
		}
	}
}

func endOfText(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func unquoted(raw []byte) (text string, err error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	return text, json.Unmarshal(raw, &text)
}

func checkItem(i Item) error {
	switch {
	case len(i.Key) == 0 || len(i.Key) > events.MaxKey:
		return fmt.Errorf("a key is 1 to %d bytes long, this one %d", events.MaxKey, len(i.Key))
	case len(i.Value) > events.MaxValue:
		return fmt.Errorf("the value of %q is %d bytes long, and %d is the most", i.Key, len(i.Value), events.MaxValue)
	}
	return nil
}
