package tcp

import (
	"bytes"
	"fmt"
	"time"

	"dht/events"
	"dht/nodes/coordinator"
	"dht/nodes/tcp/resp"
)

func nodeCommands() []command {
	return []command{{name: "DHT", arity: -2, quiet: true, begin: beginNode, reply: replyNode}}
}

// beginNode begins DHT OP [MESSAGE], or DHT NODE NAME OP [MESSAGE].
func beginNode(s *session, c *call) error {
	args := c.args[1:]
	if resp.Is(args[0], "HELLO") {
		return s.beginHello(c, args[1:])
	}
	if s.unfit != nil {
		return s.unfit
	}
	if !resp.Is(args[0], "NODE") {
		return s.beginHere(c, args)
	}
	if len(args) < 3 {
		return wrongNumber("dht node")
	}
	name := string(args[1])
	node := s.server.index(name)
	if node < 0 {
		return fmt.Errorf("%w: the map has no node %q", events.ErrBadRequest, name)
	}
	if s.server.peers[node] == nil {
		return s.beginHere(c, args[2:])
	}
	return s.forward(c, node, args[2:])
}

// message reads OP [MESSAGE].
func message(args [][]byte) (op events.Op, text []byte, err error) {
	op = events.Op(lower(args[0]))
	if len(args) > 2 {
		return op, nil, wrongNumber("dht")
	}
	if len(args) == 2 {
		text = args[1]
	}
	for _, known := range events.Ops() {
		if op == known {
			return op, text, nil
		}
	}
	return op, nil, fmt.Errorf("%w: no operation %q", events.ErrBadRequest, op)
}

func lower(word []byte) string {
	b := make([]byte, 0, 16)
	for _, c := range word[:min(len(word), 16)] {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return string(b)
}

// Flags of a call to DHT.
const (
	flagInfo  = 10 + iota // this node describes itself
	flagRaw               // a peer's reply is handed on
	flagWhole             // one question, and whatever answers there are
	flagHello             // this node says who it is
)

// beginHere asks this node alone.
func (s *session) beginHere(c *call, args [][]byte) error {
	op, text, err := message(args)
	if err != nil {
		return err
	}
	s.showMessage(c, op, text)
	reqs, err := events.DecodeRequestsOf(op, text)
	// They would be refused when it is too late.
	if values := events.OldValues(reqs); err == nil && values > coordinator.MaxValues {
		err = fmt.Errorf("%w: a message of %d updates that give old values: at most %d",
			events.ErrTooLarge, values, coordinator.MaxValues)
	}
	switch {
	case err != nil:
		c.flags = flagWhole
		s.batch.Refuse(op, err)
	case op == events.OpInfo:
		c.flags = flagInfo
	case op == events.OpKeys:
		c.flags = flagWhole
		s.batch.AskHere(op, reqs)
	default:
		s.batch.AskHere(op, reqs)
	}
	return nil
}

// forwarded is a message that is sent on as it came, and its reply.
type forwarded struct {
	message []byte
	reply   []byte
}

// forward hands a message on to the node it is for. It is sent as it came, and
// its reply returned as it comes.
func (s *session) forward(c *call, node int, args [][]byte) error {
	op, text, err := message(args)
	if err != nil {
		return err
	}
	s.showMessage(c, op, text)
	c.flags = flagRaw
	s.orderMessage(op, text)
	f := &forwarded{message: append([]byte{}, text...)}
	c.forwarded = f
	within := s.patience(text)
	writes := max(1, min(1+bytes.Count(text, []byte("\n")), events.MaxEntries))
	s.batch.Await(node, op, writes, func(done func(error)) {
		s.server.peers[node].send(op, f.message, within, func(reply resp.Reply, err error) {
			if err == nil && reply.Kind != '$' {
				err = fmt.Errorf("%w: it answers %q", events.ErrInternal, reply.Text)
			}
			f.reply = reply.Text
			done(noAnswer(err))
		})
	})
	return nil
}

// orderMessage orders the keys of a message that is handed on. One that cannot be
// read is refused by the node that it is for.
func (s *session) orderMessage(op events.Op, message []byte) {
	if op == events.OpKeys {
		s.batch.WaitForWrites()
		return
	}
	var r events.Request
	for n, rest := 0, message; n < events.MaxEntries && len(rest) > 0; n++ {
		var err error
		if rest, err = events.NextRequest(rest, &r); err != nil {
			return
		}
		if len(r.To) > 0 {
			s.orderRename(r.Key, r.To)
		}
		if len(r.Key) > 0 {
			s.batch.Order(r.Key, op.Writes())
		}
	}
}

const (
	maxPatience = time.Minute            // that a sender may ask for
	ahead       = 100 * time.Millisecond // at most, of a sender that would give up: it is to hear why
)

// patience is how long the sender of a message will wait for the answer, a
// little less, by its first deadline; 0 when it does not say.
func (s *session) patience(message []byte) time.Duration {
	var r events.Request
	if _, err := events.NextRequest(message, &r); err != nil || r.Deadline == 0 {
		return 0
	}
	left := time.UnixMilli(r.Deadline).Sub(s.now())
	return min(left-min(left/10, ahead), maxPatience)
}

// replyNode writes what was answered as one bulk string.
func replyNode(s *session, c *call) error {
	switch c.flags {
	case flagHello:
		s.out.Bulk(c.args[0])
		return nil
	case flagInfo:
		message, err := events.EncodeInfo(s.server.node.Info())
		if err == nil {
			s.out.Bulk(message)
		}
		return err
	case flagRaw:
		if err := s.batch.Failure(c.first); err != nil {
			return err
		}
		s.bulk(c.forwarded.reply)
		return nil
	}
	answers := s.batch.Answers(c.first)
	if c.flags != flagWhole {
		var err error
		if answers, err = s.batch.AnswersHere(c.first, c.n); err != nil {
			return err
		}
	}
	s.message = events.AppendAnswers(s.message[:0], answers...)
	s.bulk(s.message)
	if cap(s.message) > maxKeepOut {
		s.message = nil
	}
	return nil
}
