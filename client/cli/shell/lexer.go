package shell

import (
	"regexp"
	"strings"
	"unicode"
)

// Word is one word of a line, without its quotes.
type Word struct {
	Text string
	From int // where it begins in the line, in bytes
}

// Split cuts a line into words as a POSIX shell does: at blanks, but not within
// '…' or "…" or after a backslash. open is the last word when a letter more
// would belong to it, and an empty one otherwise; closed is false when its quote
// or backslash still waits for more.
func Split(line string) (words []Word, open Word, closed bool) {
	var text strings.Builder
	within, escaped, quote := false, false, rune(0)
	for i, r := range line {
		blank := quote == 0 && !escaped && unicode.IsSpace(r)
		if !blank && !within {
			within, open = true, Word{From: i}
		}
		switch {
		case escaped:
			if quote == '"' && r != '"' && r != '\\' {
				text.WriteByte('\\')
			}
			text.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped = true
		case r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case !blank:
			text.WriteRune(r)
		case within:
			words = append(words, Word{text.String(), open.From})
			text.Reset()
			within = false
		}
	}
	if !within {
		return words, Word{From: len(line)}, true
	}
	open.Text = text.String()
	return append(words, open), open, quote == 0 && !escaped
}

var plain = regexp.MustCompile(`^[\pL\pN_./:=@%,+~^-]+$`)

// IsPlain reports whether text is one word as it is.
func IsPlain(text string) bool { return plain.MatchString(text) }

// Quoted is text as it must be written to be one word of a line.
func Quoted(text string) string {
	if IsPlain(text) {
		return text
	}
	return InQuotes(text)
}

// InQuotes is text in quotes, whether it needs them or not.
func InQuotes(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
