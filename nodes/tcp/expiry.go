package tcp

import (
	"fmt"
	"math"
	"strings"

	"dht/events"
)

func expiryCommands() []command {
	return []command{
		{name: "EXPIRE", arity: -3, begin: beginExpire, reply: replyDone, write: true, keys: oneKey},
		{name: "PEXPIRE", arity: -3, begin: beginExpire, reply: replyDone, write: true, keys: oneKey},
		{name: "EXPIREAT", arity: -3, begin: beginExpire, reply: replyDone, write: true, keys: oneKey},
		{name: "PEXPIREAT", arity: -3, begin: beginExpire, reply: replyDone, write: true, keys: oneKey},
		{name: "PERSIST", arity: 2, begin: beginPersist, reply: replyDone, write: true, keys: oneKey},
		{name: "TTL", arity: 2, begin: head, reply: replyTTL, keys: oneKey},
		{name: "PTTL", arity: 2, begin: head, reply: replyTTL, keys: oneKey},
		{name: "EXPIRETIME", arity: 2, begin: head, reply: replyTTL, keys: oneKey},
		{name: "PEXPIRETIME", arity: 2, begin: head, reply: replyTTL, keys: oneKey},
	}
}

// setOptions are what SET and GETEX take behind key and value.
type setOptions struct {
	condition events.Condition
	expiry    string // EX, PX, EXAT or PXAT, if one was given
	time      []byte // behind it
	expires   int64  // what that means
	keep      bool
	persist   bool
	old       bool
}

func (s *session) parseSet(args [][]byte) (o setOptions, err error) {
	for i := 3; i < len(args); i++ {
		word := strings.ToUpper(string(args[i]))
		switch {
		case word == "NX" && o.condition != events.IfPresent:
			o.condition = events.IfAbsent
		case word == "XX" && o.condition != events.IfAbsent:
			o.condition = events.IfPresent
		case word == "GET":
			o.old = true
		case word == "KEEPTTL" && o.expiry == "":
			o.keep = true
		default:
			if i, err = o.parseExpiry(args, i, word); err != nil {
				return o, err
			}
		}
	}
	return o, s.setExpires(&o, args[0])
}

func (s *session) parseGetEx(args [][]byte) (o setOptions, err error) {
	for i := 2; i < len(args); i++ {
		word := strings.ToUpper(string(args[i]))
		if word == "PERSIST" && o.expiry == "" {
			o.persist = true
			continue
		}
		if i, err = o.parseExpiry(args, i, word); err != nil {
			return o, err
		}
	}
	return o, s.setExpires(&o, args[0])
}

// parseExpiry reads an option such as EX 10 standing at i, and returns where it
// ends. The last of several counts, as long as they are of one kind.
func (o *setOptions) parseExpiry(args [][]byte, i int, word string) (int, error) {
	known := word == "EX" || word == "PX" || word == "EXAT" || word == "PXAT"
	if !known || o.expiry != "" && o.expiry != word || o.keep || o.persist || i+1 == len(args) {
		return i, errSyntax
	}
	o.expiry, o.time = word, args[i+1]
	return i + 1, nil
}

// setExpires reads the time that was given, if one was, once all options are.
func (s *session) setExpires(o *setOptions, command []byte) (err error) {
	if o.expiry != "" {
		o.expires, err = s.expiry(o.time, o.expiry[0] == 'E', strings.HasSuffix(o.expiry, "AT"), string(command))
	}
	return err
}

// expiry reads a time of expiry as unix milliseconds. It must be positive.
func (s *session) expiry(arg []byte, seconds, absolute bool, command string) (int64, error) {
	n, err := integer(arg)
	if err != nil {
		return 0, err
	}
	at, ok := s.moment(n, seconds, absolute)
	if n <= 0 || !ok {
		return 0, invalidExpiry(command)
	}
	return at, nil
}

func invalidExpiry(command string) error {
	return replyError(fmt.Sprintf("ERR invalid expire time in '%s' command", strings.ToLower(command)))
}

// moment turns a time as clients give it into unix milliseconds; ok is false
// when they do not fit.
func (s *session) moment(n int64, seconds, absolute bool) (at int64, ok bool) {
	if seconds {
		if n > math.MaxInt64/1000 || n < math.MinInt64/1000 {
			return 0, false
		}
		n *= 1000
	}
	if !absolute {
		now := s.server.node.Clock.Now().UnixMilli()
		if n > math.MaxInt64-now {
			return 0, false
		}
		n += now
	}
	return n, true
}

func beginExpire(s *session, c *call) error {
	condition, err := expireCondition(c.args[3:])
	if err != nil {
		return err
	}
	n, err := integer(c.args[2])
	if err != nil {
		return err
	}
	name := c.cmd.name
	at, ok := s.moment(n, name[0] != 'P', strings.HasSuffix(name, "AT"))
	if !ok {
		return invalidExpiry(name)
	}
	// A moment that has passed deletes the key; 0 would mean never.
	s.ask(events.OpUpdate, events.Request{Key: c.args[1], Update: events.UpdateTouch, If: condition,
		Expires: max(at, 1)})
	return nil
}

// expireCondition reads NX, XX, GT and LT. What never expires is later than all,
// so that GT asks for an expiry as XX does.
func expireCondition(args [][]byte) (events.Condition, error) {
	var nx, xx, gt, lt bool
	for _, arg := range args {
		switch strings.ToUpper(string(arg)) {
		case "NX":
			nx = true
		case "XX":
			xx = true
		case "GT":
			gt = true
		case "LT":
			lt = true
		default:
			return "", replyError("ERR Unsupported option " + string(arg))
		}
	}
	switch {
	case nx && (xx || gt || lt):
		return "", replyError("ERR NX and XX, GT or LT options at the same time are not compatible")
	case gt && lt:
		return "", replyError("ERR GT and LT options at the same time are not compatible")
	case nx:
		return events.IfLasting, nil
	case gt:
		return events.IfLater, nil
	case lt && xx:
		return events.IfExpiringSooner, nil
	case lt:
		return events.IfSooner, nil
	case xx:
		return events.IfExpiring, nil
	}
	return "", nil
}

func beginPersist(s *session, c *call) error {
	s.ask(events.OpUpdate, events.Request{Key: c.args[1], Update: events.UpdateTouch, If: events.IfExpiring})
	return nil
}

func replyTTL(s *session, c *call) error {
	a, err := s.outcome(c.first)
	if err != nil {
		return err
	}
	n := a.Expires
	name := c.cmd.name
	switch {
	case a.Status != events.StatusFound:
		s.out.Int(-2)
		return nil
	case n == 0:
		s.out.Int(-1)
		return nil
	case strings.HasSuffix(name, "TTL"):
		n = max(0, n-s.server.node.Clock.Now().UnixMilli())
	}
	if name[0] != 'P' {
		n = n/1000 + (n%1000+500)/1000
	}
	s.out.Int(n)
	return nil
}
