package events

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"unicode/utf8"

	"dht/events/jsontext"
)

// Answer is one entry of a node's answer. Its byte slices alias the message it
// was read from.
type Answer struct {
	Node    string
	Status  Status
	Owner   int // 1 for the first owner, 2 …; 0 for a node that is no owner
	Value   []byte
	Version Version
	Expires int64
	Map     MapID // the cluster map the node holds

	Before Version // update: of the value that stood before; zero when there was none

	Reason  string   // not-stored: why this node is no owner
	Owners  []string // not-stored: who is
	AlsoAsk []string // get, update, delete; from an owner: nodes that may know something newer, from an earlier map
	Error   string   // error: in words
	Code    Code     // error: the condition
	Time    int64    // clock-ahead, late: the node's clock, unix milliseconds

	Key   []byte // keys
	Bytes int64  // keys: of the value; get: of one that is not given: no room, or only the head was asked for
	More  bool   // keys: the listing was cut at its limit
}

// AppendAnswers appends the message that answers with all of answers.
func AppendAnswers(dst []byte, answers ...Answer) []byte {
	for i := range answers {
		dst = answers[i].appendTo(dst, i == len(answers)-1)
	}
	return dst
}

func (a *Answer) appendTo(dst []byte, last bool) []byte {
	h := head{buf: dst, sep: '{'}
	h.text("node", a.Node)
	h.text("status", string(a.Status))
	h.integer("owner", int64(a.Owner))
	h.bytes("key", a.Key)
	h.version(a.Version)
	h.integer("expires", a.Expires)
	if h.integer("bytes", a.Bytes); a.Bytes == 0 && len(a.Key) > 0 {
		h.buf = append(h.name("bytes"), '0') // a listing's lines are all alike
	}
	h.mapID(a.Map)
	h.text("reason", a.Reason)
	h.texts("owners", a.Owners)
	h.texts("ask", a.AlsoAsk)
	h.text("error", a.Error)
	h.text("code", string(a.Code))
	h.integer("time", a.Time)
	if h.flag("more", a.More); !a.More && a.Status == "" && len(a.Key) == 0 {
		h.buf = append(h.name("more"), "false"...)
	}
	if !a.Before.IsZero() {
		h.buf = appendVersion(h.name("before"), a.Before)
	}
	return h.end(a.Value, last)
}

// ListedSize bounds how many bytes one key of a listing takes in a message.
func ListedSize(key []byte) int {
	const head = len(`{"key64":,"version":"01234567-89ab-cdef-0123-456789abcdef",` +
		`"expires":-9223372036854775808,"bytes":-9223372036854775808,"size":0}` + "\n")
	if !utf8.Valid(key) {
		return head + len(`""`) + base64.StdEncoding.EncodedLen(len(key))
	}
	return head + jsontext.StringSize(key)
}

// DecodeAnswers reads a whole message. Every failure is [ErrBadRequest].
func DecodeAnswers(msg []byte) (answers []Answer, err error) {
	answers = make([]Answer, 0, min(1+bytes.Count(msg, []byte("\n")), MaxEntries))
	var a Answer // of whose node the next one mostly is, too
	for len(msg) > 0 {
		if msg, err = NextAnswer(msg, &a); err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

// AnswersOf is [DecodeAnswers] of what the node called name answers to n requests: one
// answer to each, or one refusal of them all. Anything else is [ErrInternal].
func AnswersOf(name string, msg []byte, n int) ([]Answer, error) {
	answers, err := DecodeAnswers(msg)
	if err != nil {
		return nil, err
	}
	for i := range answers {
		if answers[i].Node != name {
			return nil, fmt.Errorf("%w: an answer of %q to what %s was asked", ErrInternal, answers[i].Node, name)
		}
	}
	switch {
	case len(answers) == n:
		return answers, nil
	case len(answers) == 1 && answers[0].Code != "":
		return slices.Repeat(answers, n), nil
	}
	return nil, fmt.Errorf("%w: %d answers to %d requests", ErrInternal, len(answers), n)
}

// NextAnswer reads the first entry of msg into a and returns what follows it.
// Every failure is [ErrBadRequest]. When a already holds an answer of the same
// node, its name is not allocated again.
func NextAnswer(msg []byte, a *Answer) (rest []byte, err error) {
	*a = Answer{Node: a.Node}
	s := newScanner(msg)
	body := body{size: -1}
	named := false
	err = s.head(func(name []byte) error {
		named = named || string(name) == "node"
		return a.field(&s, &body, name)
	})
	if err != nil {
		return nil, err
	}
	if !named {
		a.Node = ""
	}
	a.Value, rest, err = body.split(&s)
	return rest, err
}

func (a *Answer) field(s *scanner, body *body, name []byte) (err error) {
	if s.null(name) {
		return nil
	}
	switch string(name) {
	case "node":
		err = s.word(&a.Node)
	case "status":
		var t []byte
		t, err = s.Text()
		a.Status = knownStatus(t)
	case "owner":
		var n int64
		n, err = s.Integer()
		a.Owner = int(n)
	case "key", "key64":
		a.Key, err = s.bytes(name)
	case "version":
		a.Version, err = s.version()
	case "expires":
		a.Expires, err = s.Integer()
	case "bytes":
		a.Bytes, err = s.Integer()
	case "map":
		a.Map, err = s.mapID()
	case "reason":
		err = s.word(&a.Reason)
	case "owners":
		a.Owners, err = s.Texts()
	case "ask":
		a.AlsoAsk, err = s.Texts()
	case "error":
		err = s.word(&a.Error)
	case "code":
		var t []byte
		t, err = s.Text()
		a.Code = Code(t)
	case "time":
		a.Time, err = s.Integer()
	case "more":
		a.More, err = s.Boolean()
	case "before":
		a.Before, err = s.version()
	default:
		return body.field(s, name)
	}
	return err
}
