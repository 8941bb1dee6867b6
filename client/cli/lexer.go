package cli

import (
	"regexp"
	"strings"
	"unicode"
)

// The lexer of the prompt: it cuts a line into words as a shell does.

// word is one word of a line, without its quotes.
type word struct {
	text string
	from int // where it begins in the line, in bytes
}

// split cuts a line into words as a POSIX shell does: at blanks, but not within
// '…' or "…" or after a backslash. open is the last word when a letter more
// would belong to it, and an empty one otherwise; closed is false when its quote
// or backslash still waits for more.
func split(line string) (words []word, open word, closed bool) {
	var text strings.Builder
	within, escaped, quote := false, false, rune(0)
	for i, r := range line {
		blank := quote == 0 && !escaped && unicode.IsSpace(r)
		if !blank && !within {
			within, open = true, word{from: i}
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
			words = append(words, word{text.String(), open.from})
			text.Reset()
			within = false
		}
	}
	if !within {
		return words, word{from: len(line)}, true
	}
	open.text = text.String()
	return append(words, open), open, quote == 0 && !escaped
}

var plain = regexp.MustCompile(`^[\pL\pN_./:=@%,+~^-]+$`)

// quoted is text as it must be written to be one word of a line.
func quoted(text string) string {
	if plain.MatchString(text) {
		return text
	}
	return inQuotes(text)
}

func inQuotes(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
