package jsontext_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"dht/events/jsontext"
)

func TestScanner_WalksAnObject(t *testing.T) {
	s := jsontext.NewScanner([]byte("\n{\"text\":\"a\\u00e9\", \"list\":[\"a\", \"b\"],\"n\": -7,\"yes\":true,\"b\":\"AAE=\"," +
		"\"null\":null,\"other\":{\"x\":[1]}} \r\nrest"))
	var (
		text, b []byte
		list    []string
		n       int64
		yes     bool
	)
	err := s.Object(func(name []byte) (err error) {
		switch string(name) {
		case "text":
			text, err = s.Text()
		case "list":
			list, err = s.Texts()
		case "n":
			n, err = s.Integer()
		case "yes":
			yes, err = s.Boolean()
		case "b":
			b, err = s.Base64()
		case "null":
			if s.Peek() != 'n' || !s.Literal("null") {
				err = errors.New("no null")
			}
		default:
			err = s.Skip()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EndOfLine(); err != nil || string(s.Rest()) != "rest" {
		t.Errorf("behind the line stands %q, %v", s.Rest(), err)
	}
	if string(text) != "aé" || strings.Join(list, " ") != "a b" || n != -7 || !yes || string(b) != "\x00\x01" {
		t.Errorf("read are %q, %q, %d, %v, %q", text, list, n, yes, b)
	}
}

// TestScanner_NamesTheColumn: an error says where, and what was wanted.
func TestScanner_NamesTheColumn(t *testing.T) {
	for text, want := range map[string]string{
		`{"a" 1}`:               "column 6 is '1', not ':'",
		`{"a":1`:                "it ends where ',' or '}' should stand",
		`{"a":[1 2]}`:           "column 9 is '2', not ',' or ']'",
		`{"a":tru}`:             "column 6 is 't', not a JSON value",
		`{"a":1.e5}`:            "what begins at column 6 is no JSON number",
		`{"a":"\q"}`:            `the string at column 6 has the unknown escape \q`,
		`{"a":"\ud800"}`:        `the string at column 6 has a bad \u escape`,
		"{\"a\":\"\xff\"}":      "the string at column 6 is not UTF-8",
		"{\"a\":\"line\nline\"": `column 11 is '\n', not part of a string`,
	} {
		s := jsontext.NewScanner([]byte(text))
		err := s.Object(func([]byte) error { return s.Skip() })
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestScanner_Aliases: text without escapes is not copied.
func TestScanner_Aliases(t *testing.T) {
	buf := []byte(`"plain"`)
	s := jsontext.NewScanner(buf)
	if text, err := s.Text(); err != nil || &text[0] != &buf[1] {
		t.Errorf("%q is a copy, %v", text, err)
	}
	if text, _, ok := jsontext.CutReadable(buf); !ok || &text[0] != &buf[1] || cap(text) != len(text) {
		t.Errorf("%q is a copy, or what is appended to it overwrites what follows", text)
	}
}

// FuzzScanner holds the scanner to encoding/json: what one takes, the other takes,
// but for what the package says; and texts and numbers are the same.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{"key":"a\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00","n":-12,"x":[1.5e-3,true,null,{}],"y":{"a":[]}}`,
		`{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":01}`, `{"a":-}`, `{"a":9223372036854775808}`, `{"a":1,}`,
		" {\"\x7f\":\"\u2028\"} ",
		strings.Repeat("[", 17) + strings.Repeat("]", 17),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		checkValue(t, text)
		checkText(t, text)
		checkInteger(t, text)
	})
}

func checkValue(t *testing.T, text []byte) {
	s := jsontext.NewScanner(text)
	err := s.Skip()
	read := text[:len(text)-len(s.Rest())]
	switch trimmed := bytes.Trim(text, " \t\r\n"); {
	case err == nil && !json.Valid(read):
		t.Errorf("%q is taken for a value", read)
	case err != nil && json.Valid(text) && len(trimmed) == len(text) && depth(text) <= jsontext.MaxDepth &&
		utf8.Valid(text) && !bytes.Contains(text, []byte(`\u`)):
		t.Errorf("%q is refused: %v", text, err)
	}
}

// depth bounds how deep a value nests.
func depth(text []byte) int { return bytes.Count(text, []byte("[")) + bytes.Count(text, []byte("{")) }

func checkText(t *testing.T, text []byte) {
	s := jsontext.NewScanner(text)
	got, err := s.Text()
	if err != nil {
		return
	}
	read := text[:len(text)-len(s.Rest())]
	var want string
	if err := json.Unmarshal(read, &want); err != nil || string(got) != want {
		t.Errorf("%q is read as %q, %v, is %q", read, got, err, want)
	}
}

func checkInteger(t *testing.T, text []byte) {
	s := jsontext.NewScanner(text)
	got, err := s.Integer()
	if err != nil {
		return
	}
	read := text[:len(text)-len(s.Rest())]
	var want int64
	if err := json.Unmarshal(read, &want); err != nil || got != want {
		t.Errorf("%q is read as %d, %v, is %d", read, got, err, want)
	}
}

// FuzzString writes any text, and reads it again: here and with encoding/json.
func FuzzString(f *testing.F) {
	for _, seed := range []string{
		"", "plain", "a\"\\/\b\f\n\r\t\x00\x1f\x7f", "é😀\u2028</script>", "\xff", "\xed\xa0\x80",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		written := jsontext.AppendString([]byte("x"), text)[1:]
		if len(written) != jsontext.StringSize(text) {
			t.Errorf("%q takes %d bytes, not %d", text, len(written), jsontext.StringSize(text))
		}
		s := jsontext.NewScanner(written)
		got, err := s.Text()
		if utf8.Valid(text) != (err == nil) || !utf8.Valid(text) && !errors.Is(err, jsontext.ErrNotUTF8) {
			t.Fatalf("%q is written as %s, and read as %q, %v", text, written, got, err)
		}
		var want string
		if err == nil && (json.Unmarshal(written, &want) != nil || want != string(text) || string(got) != want) {
			t.Errorf("%q is written as %s, and read as %q", text, written, got)
		}
		checkReadable(t, text, written)
	})
}

func checkReadable(t *testing.T, text, written []byte) {
	control := func(r rune) bool { return r < ' ' && !strings.ContainsRune("\n\r\t", r) }
	readable := utf8.Valid(text) && !bytes.ContainsFunc(text, control)
	dst := []byte("in front ")
	out, ok := jsontext.AppendReadable(dst, text)
	if ok != readable || !ok && !bytes.Equal(out, dst) {
		t.Fatalf("%q is written as %q, %v", text, out, ok)
	}
	if !ok {
		return
	}
	if string(out) != string(dst)+string(written) {
		t.Errorf("%q is written as %s and %s", text, written, out)
	}
	got, rest, ok := jsontext.CutReadable(append(out[len(dst):], " behind"...))
	if !ok || !bytes.Equal(got, text) || string(rest) != " behind" {
		t.Errorf("%s is cut into %q and %q, %v", written, got, rest, ok)
	}
}

// FuzzCutReadable cuts any bytes: where they are JSON, encoding/json reads the
// same, and what is cut and can be written is cut from that again.
func FuzzCutReadable(f *testing.F) {
	for _, seed := range []string{
		`"a\"b" rest`, `"\n\r\t\\"`, `"a\u0041"`, `"\/"`, `"a`, `"\"`, `"\`, "", "a",
		"\"\xff\x00\"", "\"\\n\xff\"",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text, rest, ok := jsontext.CutReadable(b)
		if !ok {
			return
		}
		read := b[:len(b)-len(rest)]
		var want string
		if utf8.Valid(read) && json.Unmarshal(read, &want) == nil && want != string(text) {
			t.Errorf("%q is cut as %q, is %q", read, text, want)
		}
		again, ok := jsontext.AppendReadable(nil, text)
		if same, _, good := jsontext.CutReadable(again); ok && (!good || !bytes.Equal(same, text)) {
			t.Errorf("%q is cut as %q, written as %q, cut as %q", read, text, again, same)
		}
	})
}

const benchHead = `{"key":"key:000000123456","version":"01a3185d-3f76-700e-8842-d8243616cdb4",` +
	`"map":"3-0123456789abcdef","deadline":1790000002000,"size":100}`

// BenchmarkScanner reads a head of five fields, beside encoding/json.
func BenchmarkScanner(b *testing.B) {
	head := []byte(benchHead)
	b.Run("jsontext", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s := jsontext.NewScanner(head)
			err := s.Object(func(name []byte) (err error) {
				switch string(name) {
				case "deadline", "size":
					_, err = s.Integer()
				default:
					_, err = s.Text()
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var in struct {
				Key, Version, Map string
				Deadline, Size    int64
			}
			if err := json.NewDecoder(bytes.NewReader(head)).Decode(&in); err != nil {
				b.Fatal(err)
			}
		}
	})
}
