package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"dht/events"
)

// Item is one line of a dump: a key with its value, and where it was.
type Item struct {
	Key     []byte
	Value   []byte
	Version events.Version
	Expires int64 // unix milliseconds; 0 is never
	Node    string
}

// itemJSON is an Item as it is written: bytes that are not UTF-8 stand as
// base64 under key64 and value64.
type itemJSON struct {
	Key     *string        `json:"key,omitempty"`
	Key64   []byte         `json:"key64,omitempty"`
	Value   *string        `json:"value,omitempty"`
	Value64 []byte         `json:"value64,omitempty"`
	Expires int64          `json:"expires,omitempty"`
	Version events.Version `json:"version,omitzero"`
	Node    string         `json:"node,omitempty"`
}

// MarshalJSON writes one line of a dump.
func (i Item) MarshalJSON() ([]byte, error) {
	out := itemJSON{Expires: i.Expires, Version: i.Version, Node: i.Node}
	out.Key, out.Key64 = textOrBytes(i.Key)
	out.Value, out.Value64 = textOrBytes(i.Value)
	return json.Marshal(out)
}

func textOrBytes(b []byte) (*string, []byte) {
	if !utf8.Valid(b) {
		return nil, b
	}
	text := string(b)
	return &text, nil
}

// UnmarshalJSON reads one line of a dump.
func (i *Item) UnmarshalJSON(b []byte) error {
	fields, err := fieldsOf(b)
	if err == nil {
		*i, err = entryOf(fields)
	}
	return err
}

// ReadItems reads what [Client.Dump] yields, one JSON object a key; or plain
// dictionaries, JSON objects of texts: {"key":"value", …}. An object that has a
// key or key64 is a dump's, and has nothing that a dump's has not; any other is a
// dictionary. Nothing is yielded of an object that is neither. Errors name the
// line and are [events.ErrBadRequest].
func ReadItems(r io.Reader) iter.Seq2[Item, error] { return read(r, itemsOf) }

// ReadObjects reads JSON objects, and yields each as it is written, under the key
// that stands in its field of that name: a text, or a number as it is written.
// Errors are those of [ReadItems].
func ReadObjects(r io.Reader, name string) iter.Seq2[Item, error] {
	return read(r, func(raw []byte) ([]Item, error) {
		fields, err := fieldsOf(raw)
		if err != nil {
			return nil, err
		}
		for _, f := range fields {
			if f.name == name {
				return wholeObject(f, raw)
			}
		}
		return nil, fmt.Errorf("it has no %q, which is to be its key", name)
	})
}

func read(r io.Reader, parse func(raw []byte) ([]Item, error)) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for in := newObjects(r); ; {
			raw, err := in.next()
			if errors.Is(err, io.EOF) {
				return
			}
			var items []Item
			if err == nil {
				items, err = parse(raw)
			}
			if in.broken != nil {
				yield(Item{}, fmt.Errorf("read line %d: %w", in.line, in.broken))
				return
			}
			if err != nil {
				yield(Item{}, fmt.Errorf("%w: line %d: %w", events.ErrBadRequest, in.begun, err))
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

func wholeObject(key field, raw []byte) ([]Item, error) {
	item := Item{Key: key.value, Value: raw}
	switch key.kind() {
	case "a text":
		text, err := key.text()
		if err != nil {
			return nil, err
		}
		item.Key = []byte(text)
	case "a number":
	default:
		return nil, fmt.Errorf("%q is to be its key, and is %s", key.name, key.kind())
	}
	return []Item{item}, checkItem(item)
}

func itemsOf(raw []byte) ([]Item, error) {
	fields, err := fieldsOf(raw)
	if err == nil {
		err = checkText(raw)
	}
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		switch {
		case f.name == "key" || f.name == "key64":
			item, err := entryOf(fields)
			return []Item{item}, err
		case strings.EqualFold(f.name, "key") || strings.EqualFold(f.name, "key64"):
			return nil, fmt.Errorf("it may be an entry or a dictionary: an entry has \"key\" in small letters; "+
				"to store a key called %[1]s write {\"key\":%[1]q,\"value\":…}", f.name)
		}
	}
	return dictionaryOf(fields)
}

func dictionaryOf(fields []field) (items []Item, err error) {
	for _, f := range fields {
		if !f.is('"') {
			return nil, fmt.Errorf("the value of %q is %s, not a text; --key FIELD stores whole objects",
				f.name, f.kind())
		}
		text, err := f.text()
		if err != nil {
			return nil, err
		}
		item := Item{Key: []byte(f.name), Value: []byte(text)}
		if err := checkItem(item); err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// entryOf is a line of a dump.
func entryOf(fields []field) (item Item, err error) {
	has := map[string]bool{}
	for _, f := range fields {
		if err := item.take(f); err != nil {
			return item, err
		}
		has[f.name] = true
	}
	switch {
	case has["key"] && has["key64"]:
		return item, errors.New("it has key and key64: one of them")
	case has["value"] && has["value64"]:
		return item, errors.New("it has value and value64: one of them")
	case !has["value"] && !has["value64"]:
		return item, errors.New("it has a key, and no value or value64; \"value\":\"\" is the empty one")
	}
	return item, checkItem(item)
}

// take takes over what one field of an entry says.
func (i *Item) take(f field) (err error) {
	switch f.name {
	case "key", "key64":
		i.Key, err = f.bytes()
	case "value", "value64":
		i.Value, err = f.bytes()
	case "node":
		i.Node, err = f.text()
	case "version":
		var text string
		if text, err = f.text(); err == nil && i.Version.UnmarshalText([]byte(text)) != nil {
			err = fmt.Errorf("version %q is none", text)
		}
	case "expires":
		if i.Expires, err = strconv.ParseInt(string(f.value), 10, 64); err != nil || i.Expires < 0 {
			err = fmt.Errorf("expires is milliseconds since 1970, as a number, not %s", f.value)
		}
	case "crc", "synced", "deleted", "dropped":
		err = fmt.Errorf("%q is no field of a dump; dht dump --data FOLDER prints a node's folder as one", f.name)
	default:
		err = fmt.Errorf("%q is no field of a dump, and its \"key\" makes it no dictionary; --key FIELD stores whole objects", f.name)
	}
	return err
}

// bytes are a text's, or what it means in base64 where the field's name says so.
func (f field) bytes() ([]byte, error) {
	text, err := f.text()
	if err != nil || !strings.HasSuffix(f.name, "64") {
		return []byte(text), err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not base64", f.name)
	}
	return b, nil
}

func (f field) text() (text string, err error) {
	if !f.is('"') {
		return "", fmt.Errorf("%q is %s, not a text", f.name, f.kind())
	}
	if err := checkText(f.value); err != nil {
		return "", err
	}
	return unquoted(f.value)
}

// checkText refuses half a surrogate pair, which encoding/json would change,
// making two keys one.
func checkText(raw []byte) error {
	if !bytes.Contains(raw, []byte(`\u`)) {
		return nil
	}
	text := strings.ReplaceAll(string(raw), `\\`, "")
	for at := strings.Index(text, `\u`); at >= 0; at = strings.Index(text, `\u`) {
		first := escaped(text[at:])
		text = text[at+len(`\u`):]
		if !utf16.IsSurrogate(first) {
			continue
		}
		if rest := text[min(4, len(text)):]; utf16.DecodeRune(first, escaped(rest)) == utf8.RuneError {
			return errors.New("it has half a surrogate pair: write such keys and values as base64 (key64, value64)")
		}
		text = text[min(4+len(`\u`), len(text)):]
	}
	return nil
}

// escaped is the code unit of the \uXXXX at the front of text, 0 when none is.
func escaped(text string) rune {
	if len(text) < 6 || text[:2] != `\u` {
		return 0
	}
	n, err := strconv.ParseUint(text[2:6], 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}
