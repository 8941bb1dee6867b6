package tcp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dht/events"
	"dht/events/quorum"
	"dht/nodes/tcp/resp"
)

// begin starts one command. What it asks is answered by finish.
func (s *session) begin(args [][]byte) {
	cmd, err := s.admit(args)
	if err != nil && speaksHTTP(args[0]) {
		if times, say := s.server.repeated.browser.say(time.Now()); say {
			s.server.Logger.Warn("cut a client off that speaks HTTP: a web page may try to send commands", "client", s.conn.RemoteAddr(), "times", times)
		}
		s.quit = true
		return
	}
	if err == nil && len(args) > maxKeys {
		cmd = cmd.sliced()
	}
	alone := err == nil && cmd.alone
	if s.mute == muteNext {
		alone, s.mute = true, muteThis
	}
	if alone {
		s.finish()
	}
	if s.last = cmd; err != nil {
		cmd = nil // it is not begun
	}
	s.calls = append(s.calls, call{cmd: cmd, args: args, first: len(s.questions), err: err})
	c := &s.calls[len(s.calls)-1]
	if err == nil && cmd.begin != nil {
		c.err = cmd.begin(s, c)
	}
	if err == nil {
		s.show(c)
	}
	c.n = len(s.questions) - c.first
	if alone || len(s.calls) >= maxCalls || len(s.questions) >= maxQuestions || s.expected >= groupRoom || s.taken >= maxValues {
		s.finish()
	}
	if s.mute == muteThis {
		s.unmute()
	}
}

// ask puts r to every owner of its key.
func (s *session) ask(op events.Op, r events.Request) {
	if err := admissible(&r); err != nil { // what no node would take is not sent to one
		s.question(op, s.refused(err))
		return
	}
	if r.Old {
		s.reserve()
	}
	var room [8]int
	owners := s.server.node.Map().Owners(r.Key, room[:0])
	q := question{op: op, req: r, n: len(owners)}
	op = s.order(op, &r, len(owners) > 1 || owners[0] != s.server.self)
	q.first = len(s.slots)
	s.questions = append(s.questions, q)
	for i, place := range owners {
		r.Owner = int32(i + 1)
		s.slots = append(s.slots, s.enqueue(place, op, &r))
	}
}

func admissible(r *events.Request) error {
	if r.Update == events.UpdateRename {
		if err := events.CheckKey(r.To); err != nil {
			return err
		}
	}
	if len(r.Value) > events.MaxValue {
		return fmt.Errorf("%w: a value is at most %d bytes long, this one %d", events.ErrTooLarge, events.MaxValue, len(r.Value))
	}
	return events.CheckKey(r.Key)
}

// enqueue adds r to the message for a node.
func (s *session) enqueue(place int, op events.Op, r *events.Request) slot {
	g := s.open[place]
	joins := g != nil && (g.op == op || r.Update == events.UpdateRead && g.op.Writes())
	if g != nil && (!joins || len(g.reqs) >= maxGroup || g.bytes > maxGroupBytes || g.values >= maxValues) {
		s.send(g)
		g = nil
	}
	if g == nil {
		g = s.newGroup(place, op)
		s.open[place] = g
	}
	g.bytes += len(r.Key) + len(r.Value)
	if r.Old {
		g.values++
	}
	g.reqs = append(g.reqs, *r)
	return slot{g, len(g.reqs) - 1}
}

// send asks one node what its group holds.
func (s *session) send(g *group) {
	s.open[g.place] = nil
	s.left.Add(1)
	p := s.server.peers[g.place]
	if g.op == events.OpGet && g.raw == nil {
		s.limit(g)
	}
	switch {
	case g.op.Writes() && !s.letWrite(g):
		g.heard(resp.Reply{}, &resp.PipeError{Cause: errClosing})
		return
	case p == nil:
		s.server.node.Carry(g.op, g.reqs, g.replied)
		return
	case s.isSilent(g):
		g.heard(resp.Reply{}, &resp.PipeError{Cause: errSilent})
		return
	}
	if g.raw != nil {
		p.send(g.op, g.raw, g.within, g.heard)
		return
	}
	deadline := s.server.node.Clock.Now().Add(s.server.Timeout).UnixMilli() + p.ahead.Load()
	for i := range g.reqs {
		g.reqs[i].Deadline, g.reqs[i].Map = deadline, s.server.node.Map().ID()
	}
	s.message = events.AppendRequests(s.message[:0], g.reqs...)
	p.send(g.op, s.message, 0, g.heard)
	if cap(s.message) > maxKeepOut {
		s.message = nil
	}
}

// errSilent is why a node is not asked.
var errSilent = errors.New("it has just not answered in time")

// settle sends what is open and waits until all is answered.
func (s *session) settle() {
	for _, g := range s.open {
		if g != nil {
			s.send(g)
		}
	}
	if s.left.Add(-1) > 0 {
		<-s.wake
	}
	s.left.Store(1)
	s.noteSilence()
}

// noteSilence remembers which nodes did not answer reads, or writes, in time: what
// came together does not wait for them again.
func (s *session) noteSilence() {
	if !s.failed.Swap(false) {
		return
	}
	for _, g := range s.used {
		if errors.Is(g.err, resp.ErrOverdue) && !s.isSilent(g) {
			s.silent = append(s.silent, silent{g.place, g.op.Writes()})
		}
	}
}

func (s *session) isSilent(g *group) bool {
	return slices.Contains(s.silent, silent{g.place, g.op.Writes()})
}

// finish answers everything that was begun.
func (s *session) finish() {
	if len(s.calls) > 0 {
		begun := s.timed()
		s.settle()
		s.replyTo(len(s.calls))
		s.count(begun)
	}
	s.reset()
}

// replyTo replies to the first n commands that were begun.
func (s *session) replyTo(n int) {
	for ; s.answered < n; s.answered++ {
		if s.lost { // nobody takes replies
			return
		}
		c := &s.calls[s.answered]
		if c.err == nil {
			c.err = c.cmd.reply(s, c)
		}
		if c.err != nil {
			if c.cmd != nil {
				c.cmd.counts.failed.Add(1)
			}
			s.out.Error(errorText(c.err))
		}
		if len(s.out.Buf) >= flushAt {
			_ = s.flush()
		}
	}
}

// outcome is what the owners' answers to question i amount to. Errors wrap an
// [events.Code]; that a key is absent is none.
func (s *session) outcome(i int) (events.Answer, error) {
	q := &s.questions[i]
	if s.lacking(q) {
		if err := s.fetch(q); err != nil {
			return events.Answer{}, err
		}
	}
	if q.n > 1 {
		return s.decide(q)
	}
	a, err := s.slots[q.first].answer()
	if err != nil {
		return a, s.silence(q, s.slots[q.first].group.place, err)
	}
	switch a.Status {
	case events.StatusFound, events.StatusStored, events.StatusDeleted, events.StatusUnchanged, events.StatusAbsent:
		switch {
		case len(a.Ask) == 0:
			return a, nil
		case q.op == events.OpUpdate:
			return s.adopt(q, a)
		case q.op == events.OpDelete:
			return s.deleted(q, a), nil
		}
	case events.StatusError:
		return a, refusal(a)
	}
	return s.decide(q)
}

// decide lets quorum say what several answers amount to, asking those that may
// hold the key from an earlier map.
func (s *session) decide(q *question) (events.Answer, error) {
	tally := quorum.New(quorum.Question{Op: q.op, Nodes: s.server.names, Owners: s.ownersOf(q), Map: s.server.node.Map().ID()})
	var ask []string
	for _, slot := range s.slots[q.first : q.first+q.n] {
		if a, err := slot.answer(); err == nil {
			tally.Add(a)
			ask = append(ask, a.Ask...)
		}
	}
	if len(ask) > 0 && !tally.Decided() {
		answers, _ := s.askNodes(ask, events.Request{Key: q.req.Key, Head: q.req.Head})
		for _, a := range answers {
			tally.Add(a)
		}
	}
	o := tally.Outcome()
	if errors.Is(o.Err, events.ErrNotFound) {
		return o.Winner, nil
	}
	return o.Winner, o.Err
}

func (s *session) ownersOf(q *question) (names []string) {
	for _, slot := range s.slots[q.first : q.first+q.n] {
		names = append(names, s.server.names[slot.group.place])
	}
	return names
}

// askNodes gets a key from the nodes called names, and returns their answers and
// the names of those who gave none.
func (s *session) askNodes(names []string, r events.Request) (answers []events.Answer, silent []string) {
	s.fetching = true // alone, and so with all the room there is
	defer func() { s.fetching = false }()
	slots := map[string]slot{}
	for _, name := range names {
		if place := s.server.place(name); place >= 0 {
			slots[name] = s.enqueue(place, events.OpGet, &r)
		}
	}
	s.settle()
	for _, name := range names {
		asked, ok := slots[name]
		if !ok {
			silent = append(silent, name)
		} else if a, err := asked.answer(); err != nil {
			silent = append(silent, name)
		} else {
			answers = append(answers, a)
		}
	}
	return answers, silent
}

// deleted tells whether a delete, done by an owner who had nothing, took away
// what another node holds from an earlier map: the owner's tombstone hides it.
func (s *session) deleted(q *question, a events.Answer) events.Answer {
	answers, _ := s.askNodes(a.Ask, events.Request{Key: q.req.Key, Head: true})
	for _, held := range answers {
		if held.Status == events.StatusFound {
			a.Status = events.StatusDeleted
		}
	}
	return a
}

// adopt does an update where others than the owner may know something newer of
// the key, from an earlier map: none of them can change it meanwhile, for a node
// that is no owner never stores a put.
func (s *session) adopt(q *question, undecided events.Answer) (events.Answer, error) {
	newest, err := s.newest(undecided.Ask, q.req.Key)
	if err != nil {
		return undecided, err
	}
	if !newest.Version.IsZero() {
		r := events.Request{Key: q.req.Key, Update: events.UpdateAdopt, Value: newest.Value, Version: newest.Version, Expires: newest.Expires}
		if newest.Status == events.StatusDeleted {
			r.Expires = 1 // an expired record is a tombstone of its version
		}
		if _, err := s.update(q, r); err != nil {
			return undecided, err
		}
	}
	q.req.Settled = true
	return s.update(q, q.req)
}

// newest is the newest that nodes know of key. Silence, or an answer that is
// neither yes nor no, is an error: what they know is not certain.
func (s *session) newest(names []string, key []byte) (newest events.Answer, err error) {
	answers, silent := s.askNodes(names, events.Request{Key: key})
	if len(silent) > 0 {
		return newest, fmt.Errorf("%w: %s did not answer, and may hold the key from before the rules changed",
			events.ErrOwnerOffline, strings.Join(silent, " and "))
	}
	for _, a := range answers {
		switch a.Status {
		case events.StatusFound, events.StatusDeleted, events.StatusAbsent, events.StatusNotStored:
			if a.Version.Compare(newest.Version) > 0 {
				newest = a
			}
		default:
			return newest, quorum.Refusal(a)
		}
	}
	return newest, nil
}

// update asks the owner of q for one update, and waits.
func (s *session) update(q *question, r events.Request) (events.Answer, error) {
	owner := s.slots[q.first].group.place
	asked := s.enqueue(owner, events.OpUpdate, &r)
	s.settle()
	a, err := asked.answer()
	switch {
	case err != nil:
		return a, s.silence(q, owner, err)
	case a.Code != "":
		return a, refusal(a)
	}
	return a, nil
}

// silence says what it means that a node did not answer.
func (s *session) silence(q *question, place int, err error) error {
	name := s.server.names[place]
	var pipe *resp.PipeError
	switch {
	case !errors.As(err, &pipe):
		return fmt.Errorf("%w: from %s: %w", events.ErrInternal, name, err)
	case !pipe.Sent && errors.Is(err, events.ErrStaleMap):
		return fmt.Errorf("%w: %s cannot be asked, nothing was done: %w", events.ErrStaleMap, name, err)
	case !pipe.Sent:
		return fmt.Errorf("%w: %s cannot be reached, nothing was done: %w", events.ErrOwnerOffline, name, err)
	case !q.op.Writes():
		return fmt.Errorf("%w: %s does not answer: %w", events.ErrOwnerOffline, name, err)
	}
	return fmt.Errorf("%w: %s does not answer, the %s may have been applied: %w", events.ErrUnknown, name, q.op, err)
}

// refusal makes a node's error one to be told. What is wrong with a number is
// told in Redis's words alone.
func refusal(a events.Answer) error {
	text := strings.TrimPrefix(a.Error, a.Code.Error()+": ")
	if a.Code == events.ErrNotNumber {
		return replyError("ERR " + text)
	}
	return fmt.Errorf("%w: %s says: %s", a.Code, a.Node, text)
}
