package term

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Keys, values, and what nodes say of themselves may be anything that somebody
// on the bus has sent: a terminal that got it as it is would obey it.

// Legible is text as it is, and anything else quoted, on one line.
func Legible(b []byte) string {
	if utf8.Valid(b) && bytes.IndexFunc(b, hidden) < 0 {
		return string(b)
	}
	return strconv.Quote(string(b))
}

// Visible is text on one line, with escapes for what cannot be seen.
func Visible(text string) string { return Escaped(text, "") }

// Escaped writes what cannot be seen, and is not in kept, as Go does: \x1b, \n.
func Escaped(text, kept string) string {
	if utf8.ValidString(text) && strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var out strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		char := text[:n]
		if r == utf8.RuneError && n == 1 || hidden(r) && !strings.ContainsRune(kept, r) {
			char = strings.Trim(strconv.Quote(char), `"`)
		}
		out.WriteString(char)
		text = text[n:]
	}
	return out.String()
}

func hidden(r rune) bool { return !unicode.IsPrint(r) }

// WriteJSON writes v as a line that a terminal can be shown: a JSON encoder
// leaves some control characters as they are, and escapes are the same text.
func WriteJSON(w io.Writer, v any) error {
	var line bytes.Buffer
	out := json.NewEncoder(&line)
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil {
		return err
	}
	text := bytes.TrimSuffix(line.Bytes(), []byte("\n"))
	if bytes.IndexFunc(text, hidden) < 0 {
		_, err := w.Write(line.Bytes())
		return err
	}
	_, err := w.Write(append(escapedJSON(text), '\n'))
	return err
}

func escapedJSON(text []byte) []byte {
	var out []byte
	for _, r := range string(text) {
		switch {
		case !hidden(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}
