package tcp

import (
	"cmp"
	"errors"
	"math"
	"strconv"

	"dht/events"
)

func updateCommands() []command {
	return []command{
		{name: "SETNX", arity: 3, begin: beginSetNX, reply: replyDone, write: true, keys: oneKey},
		{name: "GETSET", arity: 3, begin: beginGetSet, reply: replyOld, write: true, keys: oneKey},
		{name: "GETDEL", arity: 2, begin: beginGetDel, reply: replyOld, write: true, keys: oneKey},
		{name: "GETEX", arity: -2, begin: beginGetEx, reply: replyGetEx, write: true, keys: oneKey},
		{name: "APPEND", arity: 3, begin: beginAppend, reply: replyAppend, write: true, keys: oneKey},
		{name: "INCR", arity: 2, begin: beginIncr, reply: replySum, write: true, keys: oneKey},
		{name: "DECR", arity: 2, begin: beginIncr, reply: replySum, write: true, keys: oneKey},
		{name: "INCRBY", arity: 3, begin: beginIncr, reply: replySum, write: true, keys: oneKey},
		{name: "DECRBY", arity: 3, begin: beginIncr, reply: replySum, write: true, keys: oneKey},
		{name: "RENAME", arity: 3, begin: beginRename, reply: replyRename, write: true, keys: twoKeys},
	}
}

func beginSetNX(s *session, c *call) error {
	s.ask(events.OpUpdate, events.Request{Key: c.args[1], Value: c.args[2], Update: events.UpdateSet,
		If: events.IfAbsent})
	return nil
}

// replyDone is 1 when an update was done, else 0.
func replyDone(s *session, c *call) error {
	a, err := s.outcome(c.first)
	switch {
	case err != nil:
		return err
	case a.Status == events.StatusStored, a.Status == events.StatusDeleted:
		s.out.Int(1)
	default:
		s.out.Int(0)
	}
	return nil
}

func replyOld(s *session, c *call) error {
	a, err := s.outcome(c.first)
	if err == nil {
		s.old(a)
	}
	return err
}

func beginGetSet(s *session, c *call) error {
	s.ask(events.OpUpdate, events.Request{Key: c.args[1], Value: c.args[2], Update: events.UpdateSet, Old: true})
	return nil
}

func beginGetDel(s *session, c *call) error {
	s.ask(events.OpUpdate, events.Request{Key: c.args[1], Update: events.UpdateDelete, Old: true})
	return nil
}

func beginGetEx(s *session, c *call) error {
	if len(c.args) == 2 {
		return get(s, c)
	}
	o, err := s.parseGetEx(c.args)
	switch {
	case errors.Is(err, errSyntax):
		return err
	case err != nil: // a time that is none matters only where there is a value
		c.flags = flagWrong
		return get(s, c)
	}
	c.flags = flagUpdate
	s.ask(events.OpUpdate, events.Request{Key: c.args[1], Update: events.UpdateTouch, Expires: o.expires, Old: true})
	return nil
}

func replyGetEx(s *session, c *call) error {
	switch c.flags {
	case flagUpdate:
		return replyOld(s, c)
	case flagWrong:
		if a, err := s.outcome(c.first); err != nil || a.Status == events.StatusFound {
			_, wrong := s.parseGetEx(c.args)
			return cmp.Or(err, wrong)
		}
	}
	return replyValue(s, c)
}

func beginAppend(s *session, c *call) error {
	s.ask(events.OpUpdate, events.Request{Key: c.args[1], Value: c.args[2], Update: events.UpdateAppend})
	return nil
}

func replyAppend(s *session, c *call) error {
	a, err := s.outcome(c.first)
	if err == nil {
		s.out.Int(a.Bytes)
	}
	return err
}

func beginIncr(s *session, c *call) error {
	by := int64(1)
	if len(c.args) == 3 {
		var err error
		if by, err = integer(c.args[2]); err != nil {
			return err
		}
	}
	if c.cmd.name[0] == 'D' {
		if by == math.MinInt64 {
			return replyError("ERR decrement would overflow")
		}
		by = -by
	}
	s.ask(events.OpUpdate, events.Request{Key: c.args[1], Value: strconv.AppendInt(nil, by, 10),
		Update: events.UpdateAdd})
	return nil
}

func replySum(s *session, c *call) error {
	a, err := s.outcome(c.first)
	if err != nil {
		return err
	}
	sum, err := strconv.ParseInt(string(a.Value), 10, 64)
	if err == nil {
		s.out.Int(sum)
	}
	return err
}

func beginRename(s *session, c *call) error {
	s.orderRename(c.args[1], c.args[2])
	s.ask(events.OpUpdate, events.Request{Key: c.args[1], To: c.args[2], Update: events.UpdateRename})
	return nil
}

// orderRename orders both keys. Ordering one may forget the other, which is ordered
// again when it is asked for: nothing conflicts with it by then.
func (s *session) orderRename(from, to []byte) {
	s.batch.Order(from, true)
	s.batch.Order(to, true)
}

func replyRename(s *session, c *call) error {
	a, err := s.outcome(c.first)
	switch {
	case err != nil:
		return err
	case a.Status == events.StatusAbsent:
		return replyError("ERR no such key")
	}
	s.out.Simple("OK")
	return nil
}
