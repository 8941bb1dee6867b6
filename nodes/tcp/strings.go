package tcp

import (
	"errors"
	"strconv"

	"dht/events"
	"dht/nodes/coordinator"
)

func readCommands() []command {
	return []command{
		{name: "GET", arity: 2, begin: get, reply: replyValue, keys: oneKey},
		{name: "MGET", arity: -2, begin: get, reply: replyValues, keys: allKeys},
		{name: "EXISTS", arity: -2, begin: head, reply: replyExists, keys: allKeys},
		{name: "TOUCH", arity: -2, begin: head, reply: replyExists, keys: allKeys},
		{name: "STRLEN", arity: 2, begin: head, reply: replyLength, keys: oneKey},
		{name: "GETRANGE", arity: 4, begin: beginRange, reply: replyRange, keys: oneKey},
		{name: "SUBSTR", arity: 4, begin: beginRange, reply: replyRange, keys: oneKey},
		{name: "TYPE", arity: 2, begin: head, reply: replyType, keys: oneKey},
	}
}

func writeCommands() []command {
	return []command{
		{name: "SET", arity: -3, begin: beginSet, reply: replySet, write: true, keys: oneKey},
		{name: "SETEX", arity: 4, begin: beginSetEx, reply: replyStored, write: true, keys: oneKey},
		{name: "PSETEX", arity: 4, begin: beginSetEx, reply: replyStored, write: true, keys: oneKey},
		{name: "MSET", arity: -3, begin: beginMSet, reply: replyStored, write: true, keys: pairKeys},
		{name: "DEL", arity: -2, begin: beginDelete, reply: replyDeleted, write: true, keys: allKeys},
		{name: "UNLINK", arity: -2, begin: beginDelete, reply: replyDeleted, write: true, keys: allKeys},
	}
}

// get asks for the values of the keys that the arguments are, or of the first.
func get(s *session, c *call) error {
	keys := c.args[1:]
	if c.cmd.keys == oneKey {
		keys = keys[:1]
	}
	for _, key := range keys {
		s.ask(events.OpGet, events.Request{Key: key})
	}
	return nil
}

// head asks for all but the values of the keys that the arguments are, or of the
// first.
func head(s *session, c *call) error {
	keys := c.args[1:]
	if c.cmd.keys == oneKey {
		keys = keys[:1]
	}
	for _, key := range keys {
		s.ask(events.OpGet, events.Request{Key: key, Head: true})
	}
	return nil
}

func replyValue(s *session, c *call) error {
	a, err := s.outcome(c.first)
	if err != nil {
		return err
	}
	s.value(a)
	return nil
}

// value is what a get found, or null.
func (s *session) value(a events.Answer) {
	if a.Status == events.StatusFound {
		s.bulk(a.Value)
	} else {
		s.out.Null()
	}
}

// replyValues writes one value after another: those that had no room beside others
// are fetched as their turn comes. What goes wrong only then stands where the value
// would.
func replyValues(s *session, c *call) error {
	answers := make([]events.Answer, c.n)
	for i := range answers {
		if s.batch.Lacks(c.first + i) {
			continue
		}
		var err error
		if answers[i], err = s.outcome(c.first + i); err != nil {
			return err
		}
	}
	s.out.Array(len(answers))
	for i, a := range answers {
		if s.batch.Lacks(c.first + i) {
			s.element(c.first + i)
			continue
		}
		s.value(a)
		if len(s.out.Buf) >= flushAt && s.flush() != nil {
			return nil // nobody takes it
		}
	}
	return nil
}

// outcomes are those of all questions of a command; the first error is that of
// the command.
func (s *session) outcomes(c *call) (answers []events.Answer, err error) {
	answers = make([]events.Answer, c.n)
	for i := range answers {
		if answers[i], err = s.outcome(c.first + i); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// replyCount counts for how many keys the answer has the status.
func (s *session) replyCount(c *call, status events.Status) error {
	answers, err := s.outcomes(c)
	if err != nil {
		return err
	}
	n := int64(0)
	for _, a := range answers {
		if a.Status == status {
			n++
		}
	}
	s.out.Int(n)
	return nil
}

func replyExists(s *session, c *call) error { return s.replyCount(c, events.StatusFound) }

func replyDeleted(s *session, c *call) error { return s.replyCount(c, events.StatusDeleted) }

func replyLength(s *session, c *call) error {
	a, err := s.outcome(c.first)
	if err == nil {
		s.out.Int(a.Bytes)
	}
	return err
}

func replyType(s *session, c *call) error {
	a, err := s.outcome(c.first)
	switch {
	case err != nil:
		return err
	case a.Status == events.StatusFound:
		s.out.Simple("string")
	default:
		s.out.Simple("none")
	}
	return nil
}

func beginRange(s *session, c *call) error {
	_, errFrom := integer(c.args[2])
	_, errTo := integer(c.args[3])
	if err := errors.Join(errFrom, errTo); err != nil {
		return errNotInteger
	}
	return get(s, c)
}

func replyRange(s *session, c *call) error {
	a, err := s.outcome(c.first)
	if err != nil {
		return err
	}
	from, _ := integer(c.args[2])
	to, _ := integer(c.args[3])
	s.bulk(cut(a.Value, from, to))
	return nil
}

// cut is value[from:to+1] where negative places count from the end.
func cut(value []byte, from, to int64) []byte {
	size := int64(len(value))
	if from < 0 && to < 0 && from > to {
		return nil
	}
	if from < 0 {
		from = max(0, from+size)
	}
	if to < 0 {
		to = max(0, to+size)
	}
	to = min(to, size-1)
	if from > to {
		return nil
	}
	return value[from : to+1]
}

func integer(arg []byte) (int64, error) {
	n, err := strconv.ParseInt(string(arg), 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != string(arg) { // "+5" and "05" are none to Redis
		return 0, errNotInteger
	}
	return n, nil
}

func beginSet(s *session, c *call) error {
	r := events.Request{Key: c.args[1], Value: c.args[2]}
	if len(c.args) == 3 {
		s.ask(events.OpPut, r)
		return nil
	}
	o, err := s.parseSet(c.args)
	if err != nil {
		return err
	}
	r.Expires = o.expires
	if !o.keep && !o.old && o.condition == "" {
		s.ask(events.OpPut, r)
		return nil
	}
	r.Update, r.If, r.Keep, r.Old = events.UpdateSet, o.condition, o.keep, o.old
	c.flags = flagUpdate
	if o.old {
		c.flags = flagOld
	}
	s.ask(events.OpUpdate, r)
	return nil
}

// Flags of a call.
const (
	flagUpdate = 1 + iota // SET became an update
	flagOld               // and gives the old value
	flagWrong             // GETEX with a time that is none
)

func replySet(s *session, c *call) error {
	a, err := s.outcome(c.first)
	switch {
	case err != nil:
		return err
	case c.flags == flagOld:
		s.old(a)
	case a.Status == events.StatusStored:
		s.out.Simple("OK")
	default:
		s.out.Null()
	}
	return nil
}

// old is the value that stood before an update, or null.
func (s *session) old(a events.Answer) {
	if a.Before.IsZero() {
		s.out.Null()
	} else {
		s.bulk(a.Value)
	}
}

func beginSetEx(s *session, c *call) error {
	expires, err := s.expiry(c.args[2], c.cmd.name == "SETEX", false, c.cmd.name)
	if err != nil {
		return err
	}
	s.ask(events.OpPut, events.Request{Key: c.args[1], Value: c.args[3], Expires: expires})
	return nil
}

func beginMSet(s *session, c *call) error {
	if len(c.args)%2 == 0 {
		return wrongNumber(c.cmd.name)
	}
	if err := checkEntries(c.args[1:], 2); err != nil {
		return err
	}
	for i := 1; i < len(c.args); i += 2 {
		s.ask(events.OpPut, events.Request{Key: c.args[i], Value: c.args[i+1]})
	}
	return nil
}

func replyStored(s *session, c *call) error {
	for i := range c.n {
		if _, err := s.outcome(c.first + i); err != nil {
			return err
		}
	}
	s.out.Simple("OK")
	return nil
}

// checkEntries says why a node would refuse one of several keys, or its value: then
// none is changed.
func checkEntries(args [][]byte, step int) error {
	for i := 0; i < len(args); i += step {
		r := events.Request{Key: args[i]}
		if step == 2 {
			r.Value = args[i+1]
		}
		if err := coordinator.Admissible(&r); err != nil {
			return err
		}
	}
	return nil
}

func beginDelete(s *session, c *call) error {
	if err := checkEntries(c.args[1:], 1); err != nil {
		return err
	}
	for _, key := range c.args[1:] {
		s.ask(events.OpDelete, events.Request{Key: key})
	}
	return nil
}
