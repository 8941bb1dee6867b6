package placement

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"dht/events"
)

// ParseRule reads one rule:
//
//	HASH % M == R            md5 % 2 == 0
//	HASH % M in A..B         sha256 % 100 in 0..24
//	prefix "TEXT"            prefix "eu/"
//	otherwise                otherwise weight 2
//
// HASH is one of [Hashes]; TEXT is quoted as in Go. Blanks between the parts
// are free. An error is [events.ErrConfig] and points at the column.
func ParseRule(text string) (Rule, error) {
	p := parser{text: text}
	p.next()
	r, err := p.rule()
	if err == nil && p.token != "" {
		err = p.expected("the end of the rule")
	}
	if err != nil {
		return Rule{}, err
	}
	return r, nil
}

// parser holds one token of the rule's text.
type parser struct {
	text  string
	pos   int    // behind token
	start int    // of token
	token string // "" at the end
}

func (p *parser) next() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t') {
		p.pos++
	}
	p.start = p.pos
	rest := p.text[p.pos:]
	p.token = rest[:tokenLen(rest)]
	p.pos += len(p.token)
}

func tokenLen(s string) int {
	switch {
	case s == "":
		return 0
	case strings.HasPrefix(s, "=="), strings.HasPrefix(s, ".."):
		return 2
	case s[0] == '"':
		if quoted, err := strconv.QuotedPrefix(s); err == nil {
			return len(quoted)
		}
		return len(s)
	case isWord(s[0]):
		n := strings.IndexFunc(s, func(r rune) bool { return r > 127 || !isWord(byte(r)) })
		if n < 0 {
			return len(s)
		}
		return n
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

func (p *parser) expected(what string) error {
	found := "the end"
	if p.token != "" {
		found = strconv.Quote(p.token)
	}
	return p.fail("expected %s, found %s", what, found)
}

func (p *parser) fail(format string, args ...any) error {
	return fmt.Errorf("%w: rule %s, column %d: %s",
		events.ErrConfig, strconv.Quote(p.text), p.start+1, fmt.Sprintf(format, args...))
}

func (p *parser) rule() (Rule, error) {
	switch word := p.token; word {
	case "otherwise":
		p.next()
		return p.otherwise()
	case "prefix":
		p.next()
		return p.prefix()
	default:
		if !slices.Contains(Hashes(), Hash(word)) {
			return Rule{}, p.expected("md5, sha1, sha256, sha512, xxh3, prefix or otherwise")
		}
		p.next()
		return p.residue(Hash(word))
	}
}

func (p *parser) otherwise() (Rule, error) {
	r := Rule{kind: otherwise, weight: 1}
	if p.token == "" {
		return r, nil
	}
	if p.token != "weight" {
		return r, p.expected("weight or the end of the rule")
	}
	p.next()
	n, err := p.number("a weight", 1, MaxWeight)
	r.weight = int(n)
	return r, err
}

func (p *parser) prefix() (Rule, error) {
	text, err := strconv.Unquote(p.token)
	if err != nil || p.token[0] != '"' {
		return Rule{}, p.expected(`a text in double quotes, as in prefix "eu/"`)
	}
	if text == "" {
		return Rule{}, p.fail("an empty prefix would claim every key")
	}
	p.next()
	return Rule{kind: prefix, prefix: text}, nil
}

func (p *parser) residue(h Hash) (r Rule, err error) {
	r = Rule{kind: residue, hash: h}
	if p.token != "%" {
		return r, p.expected(`"%"`)
	}
	p.next()
	if r.mod, err = p.number("a modulus", 1, 1<<63); err != nil {
		return r, err
	}
	switch p.token {
	case "==":
		p.next()
		r.lo, err = p.number("a remainder", 0, r.mod-1)
		r.hi = r.lo
		return r, err
	case "in":
		p.next()
		return p.interval(r)
	}
	return r, p.expected(`"==" or "in"`)
}

func (p *parser) interval(r Rule) (_ Rule, err error) {
	if r.lo, err = p.number("a remainder", 0, r.mod-1); err != nil {
		return r, err
	}
	if p.token != ".." {
		return r, p.expected(`".."`)
	}
	p.next()
	r.hi, err = p.number("a remainder", r.lo, r.mod-1)
	return r, err
}

func (p *parser) number(what string, least, most uint64) (uint64, error) {
	n, err := strconv.ParseUint(p.token, 10, 64)
	if err != nil || p.token[0] == '+' {
		return 0, p.expected(what)
	}
	if n < least || n > most {
		return 0, p.fail("%s here is %d to %d, not %d", what, least, most, n)
	}
	p.next()
	return n, nil
}
