package tcp

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/maphash"
	"time"

	"dht/events"
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
	place := s.server.place(name)
	if place < 0 {
		return fmt.Errorf("%w: the map has no node %q", events.ErrBadRequest, name)
	}
	if s.server.peers[place] == nil {
		return s.beginHere(c, args[2:])
	}
	return s.forward(c, place, args[2:])
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
	flagInfo   = 10 + iota // this node describes itself
	flagRaw                // a peer's reply is handed on
	flagList               // one request, many answers
	flagRefuse             // the message cannot be read
	flagHello              // this node says who it is
)

// beginHere asks this node alone.
func (s *session) beginHere(c *call, args [][]byte) error {
	op, text, err := message(args)
	if err != nil {
		return err
	}
	s.showMessage(c, op, text)
	reqs, err := events.DecodeRequestsOf(op, text)
	self := s.server.place(s.server.node.Name)
	switch {
	case err != nil:
		c.flags = flagRefuse
		s.question(op, s.refused(err))
		return nil
	case op == events.OpInfo:
		c.flags = flagInfo
		return nil
	case op == events.OpKeys:
		c.flags = flagList
		s.settle() // what this pipeline wrote before is listed
		s.question(op, s.enqueue(self, op, &reqs[0]))
		s.settle()
		return nil
	}
	if values := events.OldValues(reqs); values > maxValues { // they would be refused when it is too late
		c.flags = flagRefuse
		s.question(op, s.refused(fmt.Errorf("%w: a message of %d updates that give old values: at most %d", events.ErrTooLarge, values, maxValues)))
		return nil
	}
	room := readsRoom
	for i := range reqs {
		r := &reqs[i]
		if r.Old {
			s.reserve()
		}
		if r.Update == events.UpdateRead { // of one message they must fit one answer
			r.Limit = min(cmp.Or(r.Limit, events.MaxValue), max(room, unsureRoom))
			room -= r.Limit
			s.expected += r.Limit
		}
		if len(r.To) > 0 {
			s.orderWrite(maphash.Bytes(hashSeed, r.To), false)
			s.note(touched{hash: maphash.Bytes(hashSeed, r.To), question: len(s.questions), write: true, size: unsure})
		}
		q := question{op: op, req: *r, n: 1}
		asked := s.order(op, r, false)
		q.first = len(s.slots)
		s.questions = append(s.questions, q)
		s.slots = append(s.slots, s.enqueue(self, asked, r))
	}
	return nil
}

// touchRequest touches the keys of one entry of a message.
func (s *session) touchRequest(op events.Op, r *events.Request) {
	if len(r.To) > 0 {
		s.touchRename(r.Key, r.To)
	}
	if len(r.Key) > 0 {
		s.touchKey(r.Key, op.Writes())
	}
}

// question notes that the answer will stand in one slot.
func (s *session) question(op events.Op, answer slot) {
	s.questions = append(s.questions, question{op: op, first: len(s.slots), n: 1})
	s.slots = append(s.slots, answer)
}

// refused is a slot with this node's refusal in it.
func (s *session) refused(err error) slot {
	g := s.newGroup(s.server.place(s.server.node.Name), "")
	g.answers = []events.Answer{s.server.node.Refuse(err)}
	return slot{g, 0}
}

// forward hands a message on to the node it is for. It is sent as it came, and
// its reply returned as it comes.
func (s *session) forward(c *call, place int, args [][]byte) error {
	op, text, err := message(args)
	if err != nil {
		return err
	}
	s.showMessage(c, op, text)
	c.flags = flagRaw
	s.touchMessage(op, text)
	if op != events.OpPut && op != events.OpDelete {
		s.reserve()
	}
	if g := s.open[place]; g != nil {
		s.send(g)
	}
	g := s.newGroup(place, op)
	g.raw, g.entries, g.within = append([]byte{}, text...), min(1+bytes.Count(text, []byte("\n")), events.MaxEntries), s.patience(text)
	s.question(op, slot{g, 0})
	s.send(g)
	return nil
}

// touchMessage touches the keys of a message. One that cannot be read is refused
// by the node that it is for.
func (s *session) touchMessage(op events.Op, message []byte) {
	if op == events.OpKeys && s.writes > 0 {
		s.settle()
		s.untouch()
	}
	var r events.Request
	for n, rest := 0, message; n < events.MaxEntries && len(rest) > 0 && op != events.OpKeys; n++ {
		var err error
		if rest, err = events.NextRequest(rest, &r); err != nil {
			return
		}
		s.touchRequest(op, &r)
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
		q := &s.questions[c.first]
		g := s.slots[q.first].group
		if g.err != nil {
			return s.silence(q, g.place, g.err)
		}
		s.bulk(g.reply)
		return nil
	}
	first := s.slots[s.questions[c.first].first]
	answers := first.group.answers
	if c.flags == 0 {
		var err error
		if answers, err = s.answersOf(c); err != nil {
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

// answersOf are this node's answers to the entries of a message. To gets they have
// room for so many bytes of values as the message says, or any one value.
func (s *session) answersOf(c *call) ([]events.Answer, error) {
	first := &s.questions[c.first]
	if c.n == 1 && !s.lacking(first) {
		at := s.slots[first.first]
		return at.group.answers[at.index : at.index+1], nil
	}
	room := groupRoom
	if limit := first.req.Limit; limit > 0 {
		room = min(room, limit)
	}
	answers := make([]events.Answer, c.n)
	for i := range answers {
		q := &s.questions[c.first+i]
		if s.lacking(q) && s.slots[q.first].group.answers[s.slots[q.first].index].Bytes <= int64(room) {
			if err := s.fetch(q); err != nil {
				return nil, err
			}
		}
		a, err := s.slots[q.first].answer()
		if err != nil {
			return nil, err
		}
		if size := len(a.Value); q.op == events.OpGet && size > room {
			a = s.server.node.Refuse(fmt.Errorf("%w: the answers to this message exceed %d bytes: ask for fewer keys at a time", events.ErrTooLarge, groupRoom))
			a.Bytes = int64(size)
		} else if q.op == events.OpGet {
			room -= size
		}
		answers[i] = a
	}
	return answers, nil
}
