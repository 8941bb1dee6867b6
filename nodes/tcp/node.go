package tcp

import (
	"fmt"
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
		s.question(op, s.enqueue(self, op, reqs[0]))
		s.settle()
		return nil
	}
	if values := events.OldValues(reqs); values > maxValues { // they would be refused when it is too late
		c.flags = flagRefuse
		s.question(op, s.refused(fmt.Errorf("%w: a message of %d updates that give old values: at most %d", events.ErrTooLarge, values, maxValues)))
		return nil
	}
	for i := range reqs {
		s.touchRequest(op, &reqs[i])
		s.hold(op, &reqs[i])
		s.question(op, s.enqueue(self, op, reqs[i]))
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
	if g := s.open[place]; g != nil {
		s.send(g)
	}
	g := s.newGroup(place, op)
	g.raw, g.within = append([]byte{}, text...), s.patience(text)
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
		s.hold(op, &r)
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
		s.out.Bulk(g.reply)
		return nil
	}
	first := s.slots[s.questions[c.first].first]
	answers := first.group.answers
	if c.flags == 0 {
		answers = s.answersOf(c)
	}
	s.message = events.AppendAnswers(s.message[:0], s.carried(answers)...)
	s.out.Bulk(s.message)
	return nil
}

// maxReply bounds the values in one reply; a peer takes twice as much.
const maxReply = 64 << 20

// carried refuses the values that a reply has no room for: they can be asked for
// in several messages.
func (s *session) carried(answers []events.Answer) []events.Answer {
	room := maxReply
	for i := range answers {
		if room -= len(answers[i].Value); room < 0 {
			answers[i] = s.server.node.Refuse(fmt.Errorf("%w: the answers to this message exceed %d bytes: ask for fewer keys at a time", events.ErrTooLarge, maxReply))
		}
	}
	return answers
}

// answersOf are this node's answers to the entries of a message.
func (s *session) answersOf(c *call) []events.Answer {
	if first := s.slots[s.questions[c.first].first]; c.n == 1 {
		return first.group.answers[first.index : first.index+1]
	}
	answers := make([]events.Answer, c.n)
	for i := range answers {
		slot := s.slots[s.questions[c.first+i].first]
		answers[i] = slot.group.answers[slot.index]
	}
	return answers
}
