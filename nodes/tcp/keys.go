package tcp

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"dht/events"
	"dht/nodes/tcp/resp"
)

func keyCommands() []command {
	return []command{
		{name: "KEYS", arity: 2, alone: true, reply: replyKeys},
		{name: "SCAN", arity: -2, alone: true, reply: replyScan},
		{name: "DBSIZE", arity: 1, alone: true, reply: replySize},
		{name: "FLUSHDB", arity: -1, alone: true, reply: replyFlush, write: true},
		{name: "FLUSHALL", arity: -1, alone: true, reply: replyFlush, write: true},
	}
}

// page lists keys of this node, behind after, in byte order.
func (s *session) page(prefix, after []byte, limit int) (keys [][]byte, more bool, err error) {
	answers := s.batch.ListHere(events.Request{Prefix: prefix, After: after, Limit: limit})
	last := answers[len(answers)-1]
	if last.Code != "" {
		return nil, false, fmt.Errorf("%w: %s", last.Code, last.Error)
	}
	for _, a := range answers[:len(answers)-1] {
		keys = append(keys, a.Key)
	}
	return keys, last.More, nil
}

func replyKeys(s *session, c *call) error {
	pattern := c.args[1]
	var found [][]byte
	var after []byte
	for more := true; more; {
		var keys [][]byte
		var err error
		if keys, more, err = s.page(literal(pattern), after, 0); err != nil {
			return err
		}
		for _, key := range keys {
			after = key
			if matches(pattern, key) {
				found = append(found, key)
			}
		}
	}
	s.out.Array(len(found))
	for _, key := range found {
		s.out.Bulk(key)
	}
	return nil
}

// scan is what SCAN is asked for.
type scan struct {
	after   []byte
	pattern []byte
	count   int
	none    bool // of the type asked for there are none
}

func replyScan(s *session, c *call) error {
	o, err := s.parseScan(c.args)
	if err != nil {
		return err
	}
	keys, more, err := s.page(literal(o.pattern), o.after, o.count)
	if err != nil {
		return err
	}
	cursor := uint64(0)
	if more && len(keys) > 0 {
		cursor = s.server.cursors.save(keys[len(keys)-1])
	}
	matching := keys[:0]
	for _, key := range keys {
		if !o.none && matches(o.pattern, key) {
			matching = append(matching, key)
		}
	}
	s.out.Array(2)
	s.out.Text(strconv.FormatUint(cursor, 10))
	s.out.Array(len(matching))
	for _, key := range matching {
		s.out.Bulk(key)
	}
	return nil
}

func (s *session) parseScan(args [][]byte) (o scan, err error) {
	o = scan{pattern: []byte("*"), count: 10}
	cursor, err := parseCursor(string(args[1]))
	if err != nil {
		return o, replyError("ERR invalid cursor")
	}
	if cursor != 0 { // one that is not known any more begins anew: twice is allowed, never is not
		o.after, _ = s.server.cursors.find(cursor)
	}
	for i := 2; i < len(args); i += 2 {
		if i+1 == len(args) {
			return o, errSyntax
		}
		switch value := args[i+1]; strings.ToUpper(string(args[i])) {
		case "MATCH":
			o.pattern = value
		case "COUNT":
			n, err := integer(value)
			if err != nil {
				return o, err
			}
			if n < 1 {
				return o, errSyntax
			}
			o.count = int(min(n, 1000))
		case "TYPE":
			o.none = !strings.EqualFold(string(value), "string")
		default:
			return o, errSyntax
		}
	}
	return o, nil
}

// parseCursor reads a number as C does, which Redis leaves it to: signs are taken,
// nothing is 0.
func parseCursor(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) > 1 {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if text[0] == '-' {
		n = -n
	}
	return n, err
}

func replySize(s *session, _ *call) error {
	s.out.Int(int64(s.server.node.Info().Keys))
	return nil
}

// replyFlush deletes what this node owns, where the server allows that.
func replyFlush(s *session, c *call) error {
	if args := c.args[1:]; len(args) > 1 || len(args) == 1 && !resp.Is(args[0], "SYNC") && !resp.Is(args[0], "ASYNC") {
		return errSyntax
	}
	if !s.server.AllowFlush {
		return replyError("REFUSED " + c.cmd.name + " would delete every key of this node: start it with --allow-flush if that is what you want")
	}
	var after []byte
	for more := true; more && !s.server.closing(); {
		keys, further, err := s.page(nil, after, 0)
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			after = bytes.Clone(keys[len(keys)-1])
		}
		more = further
		if err := s.flushKeys(keys); err != nil {
			return err
		}
	}
	s.out.Simple("OK")
	return nil
}

// flushKeys deletes those of keys that this node owns.
func (s *session) flushKeys(keys [][]byte) error {
	defer s.batch.Reset()
	self := s.server.index(s.server.node.Name)
	for _, key := range keys {
		if s.server.node.Map().Ordinal(self, key) > 0 {
			s.ask(events.OpDelete, events.Request{Key: key})
		}
	}
	s.batch.Wait()
	for i := range s.batch.Len() {
		if _, err := s.outcome(i); err != nil {
			return err
		}
	}
	return nil
}
