package client

import (
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
	var in itemJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*i = Item{Key: in.Key64, Value: in.Value64, Expires: in.Expires, Version: in.Version, Node: in.Node}
	if in.Key != nil {
		i.Key = []byte(*in.Key)
	}
	if in.Value != nil {
		i.Value = []byte(*in.Value)
	}
	return events.CheckKey(i.Key)
}

// ReadItems reads what [Client.Dump] yields, one JSON object a key; or plain
// dictionaries, JSON objects of texts: {"key":"value", …}. An object is taken
// for a dump's when it has a key and a value and nothing that a dump's has not.
// Errors name the object and are [events.ErrBadRequest].
func ReadItems(r io.Reader) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		in := json.NewDecoder(r)
		for number := 1; ; number++ {
			var raw json.RawMessage
			err := in.Decode(&raw)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				err = yieldItems(raw, yield)
			}
			if errors.Is(err, errEnough) {
				return
			}
			if err != nil {
				yield(Item{}, fmt.Errorf("%w: object %d: %v", events.ErrBadRequest, number, err))
				return
			}
		}
	}
}

// errEnough ends a reading whose consumer wants no more.
var errEnough = errors.New("enough")

func yieldItems(raw json.RawMessage, yield func(Item, error) bool) error {
	if err := checkText(raw); err != nil {
		return err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return err
	}
	if isItem(object) {
		var item Item
		if err := json.Unmarshal(raw, &item); err != nil {
			return err
		}
		if !yield(item, nil) {
			return errEnough
		}
		return nil
	}
	for key, raw := range object {
		var value string
		if err := json.Unmarshal(raw, &value); err != nil {
			return fmt.Errorf("the value of %q is not a text", key)
		}
		if err := events.CheckKey([]byte(key)); err != nil {
			return err
		}
		if !yield(Item{Key: []byte(key), Value: []byte(value)}, nil) {
			return errEnough
		}
	}
	return nil
}

// checkText refuses text that encoding/json would change, making two keys one:
// bytes that are not UTF-8, and lone surrogates.
func checkText(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("it is not UTF-8: write such keys and values as base64 (key64, value64)")
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

func isItem(object map[string]json.RawMessage) bool {
	has := map[string]bool{}
	for name := range object {
		switch name {
		case "key", "key64":
			has["key"] = true
		case "value", "value64":
			has["value"] = true
		case "version", "node", "expires":
		default:
			return false
		}
	}
	return has["key"] && has["value"]
}
