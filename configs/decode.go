package configs

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"dht/events"
)

// decode reads TOML. Errors name file and line, and what is wanted there.
func decode(name string, text []byte, f *file) error {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // editors for UTF-16 write it
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return fmt.Errorf("%s: %w: this is UTF-16: save it as UTF-8", name, events.ErrConfig)
	}
	decoder := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := decoder.Decode(f); err != nil {
		return decodeError(name, err)
	}
	return otherCase(name, text)
}

func decodeError(name string, err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		first := &unknown.Errors[0]
		line, _ := first.Position()
		return unknownKey(name, line, strings.Join(first.Key(), "."))
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		line, column := wrong.Position()
		return fmt.Errorf("%s:%d:%d: %w: %s", name, line, column, events.ErrConfig, whatIsWrong(wrong))
	}
	return fmt.Errorf("%s: %w: %w", name, events.ErrConfig, err)
}

func unknownKey(name string, line int, key string) error {
	return fmt.Errorf("%s:%d: %w: unknown key %q", name, line, events.ErrConfig, key)
}

// whatIsWrong is the library's word on syntax, and ours on values, for which it
// names the program's own types.
func whatIsWrong(e *toml.DecodeError) string {
	text := strings.TrimPrefix(e.Error(), "toml: ")
	if !strings.Contains(text, "cannot ") {
		return text
	}
	key := strings.Join(e.Key(), ".")
	switch key {
	case "epoch":
		return "epoch is a whole number, at least 1"
	case "nats":
		return `nats is a list of texts, ["nats://host:4222"]`
	case "node":
		return "every node begins with a line [[node]]"
	case "":
		return "a value of another kind is wanted here"
	}
	return key + " is a text, in quotes"
}

// otherCase refuses keys in capital letters: the library takes Name for name, and
// lets the last of the two win.
func otherCase(name string, text []byte) error {
	var all map[string]any
	if err := toml.Unmarshal(text, &all); err != nil {
		return decodeError(name, err)
	}
	for _, table := range append(tables(all["node"]), all) {
		for key := range table {
			if key != strings.ToLower(key) {
				return unknownKey(name, lineOf(text, key), key)
			}
		}
	}
	return nil
}

func tables(v any) (list []map[string]any) {
	switch v := v.(type) {
	case map[string]any:
		return append(list, v)
	case []any:
		for _, one := range v {
			list = append(list, tables(one)...)
		}
	}
	return list
}

// lineOf is the first line that begins with key.
func lineOf(text []byte, key string) int {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if bytes.HasPrefix(bytes.TrimLeft(line, " \t['\""), []byte(key)) {
			return number
		}
	}
	return 1
}
