package jsontext

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrNotUTF8 is a string whose bytes are not UTF-8.
var ErrNotUTF8 = errors.New("not UTF-8")

// escapes holds the letter that stands behind the backslash for a byte: 0 for a
// byte that stands for itself, 'u' where four digits follow. A slash, \b and \f
// are read, and never written as such.
var escapes = [256]byte{
	0: 'u', 1: 'u', 2: 'u', 3: 'u', 4: 'u', 5: 'u', 6: 'u', 7: 'u',
	8: 'u', '\t': 't', '\n': 'n', 11: 'u', 12: 'u', '\r': 'r', 14: 'u', 15: 'u',
	16: 'u', 17: 'u', 18: 'u', 19: 'u', 20: 'u', 21: 'u', 22: 'u', 23: 'u',
	24: 'u', 25: 'u', 26: 'u', 27: 'u', 28: 'u', 29: 'u', 30: 'u', 31: 'u',
	'"': '"', '\\': '\\',
}

// AppendString appends text as a JSON string; text must be UTF-8.
func AppendString(dst, text []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i, c := range text {
		e := escapes[c]
		if e == 0 {
			continue
		}
		dst = append(append(dst, text[start:i]...), '\\', e)
		if e == 'u' {
			dst = append(dst, '0', '0', digits[c>>4], digits[c&15])
		}
		start = i + 1
	}
	return append(append(dst, text[start:]...), '"')
}

// StringSize is how many bytes [AppendString] appends.
func StringSize(text []byte) int {
	size := len(`""`) + len(text)
	for _, c := range text {
		switch escapes[c] {
		case 0:
		case 'u':
			size += len(`\u0000`) - 1
		default:
			size += len(`\n`) - 1
		}
	}
	return size
}

// AppendReadable is [AppendString] for text that a person can read: in UTF-8, and
// without control characters other than newline, return and tab. Of any other it
// is not ok, and then dst is returned as it was. It takes no more than twice the
// bytes of text.
func AppendReadable(dst, text []byte) (out []byte, ok bool) {
	out = append(dst, '"')
	start, ascii := 0, true
	for i, c := range text {
		e := escapes[c]
		if e == 0 {
			ascii = ascii && c < utf8.RuneSelf
			continue
		}
		if e == 'u' {
			return dst, false
		}
		out = append(append(out, text[start:i]...), '\\', e)
		start = i + 1
	}
	if !ascii && !utf8.Valid(text) {
		return dst, false
	}
	return append(append(out, text[start:]...), '"'), true
}

// CutReadable reads the string at the front of b, which [AppendReadable] wrote:
// escapes that it does not write are not ok. What else stands in the string is not
// looked at; a checksum vouches for it. The text aliases b unless it holds escapes.
func CutReadable(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, b, false
	}
	b = b[1:]
	end := bytes.IndexByte(b, '"')
	if end < 0 {
		return nil, b, false
	}
	text = b[:end:end]
	if bytes.IndexByte(text, '\\') >= 0 {
		return cutEscaped(b)
	}
	return text, b[end+1:], true
}

func cutEscaped(b []byte) (text, rest []byte, ok bool) {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '"':
			return text, b[i+1:], true
		case '\\':
			if i++; i == len(b) {
				return nil, b, false
			}
			if c = unescapeByte(b[i]); c == 0 || escapes[c] != b[i] {
				return nil, b, false
			}
			text = append(text, c)
		default:
			text = append(text, c)
		}
	}
	return nil, b, false
}

// unescape resolves the escapes of a string. Lone surrogates are refused:
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
			return nil, errors.New("a lone backslash at its end")
		}
		if raw[i] != 'u' {
			c := unescapeByte(raw[i])
			if c == 0 {
				return nil, fmt.Errorf("the unknown escape \\%c", raw[i])
			}
			out = append(out, c)
			continue
		}
		r, n := unescapeRune(raw[i-1:])
		if n == 0 {
			return nil, errors.New("a bad \\u escape")
		}
		out = utf8.AppendRune(out, r)
		i += n - 2
	}
	return out, nil
}

func unescapeByte(letter byte) byte {
	switch letter {
	case '"', '\\', '/':
		return letter
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
	if r < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
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
