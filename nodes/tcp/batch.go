package tcp

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"dht/events"
	"dht/nodes/tcp/resp"
)

// batch is what a session has begun and not yet answered: the commands that
// arrived together. For each node concerned their requests make one message, as
// long as they are of one kind.
type batch struct {
	names     []string // of the map's nodes
	rooms     *rooms
	calls     []call
	questions []question
	slots     []slot
	open      []*group // by place in the map; nil where nothing is to be sent
	used      []*group // sent or open
	spare     []*group
	left      atomic.Int32  // groups without answers, and one until settle
	wake      chan struct{} // holds a token when left has come to zero while settle waits
	message   []byte        // room to encode one in
	failed    atomic.Bool   // some group has no answers
	silent    []silent      // who did not answer in time something of what came together

	answered   int  // calls that are replied to
	expected   int  // bytes of values that come back behind writes
	taken      int  // of the room for values, in units of groupRoom
	holdsWhole bool // room for a value that had none
	fetching   bool // such a value

	touched []touched // keys that commands behind must be checked against
	reads   int       // of touched
	writes  int
	mixed   bool // reads at other nodes come in the order of the writes
}

// call is one command.
type call struct {
	cmd   *command
	args  [][]byte
	first int // of its questions
	n     int
	flags int   // what begin found out for the reply
	err   error // to be told instead of a reply
}

// question is one request for one key to all its owners.
type question struct {
	op    events.Op
	req   events.Request
	first int // of its slots, one for each owner
	n     int
}

// slot is where the answer of one node will stand.
type slot struct {
	group *group
	index int
}

// group is one message to one node.
type group struct {
	batch   *batch
	place   int
	op      events.Op
	reqs    []events.Request
	bytes   int
	values  int           // that may come back and cannot be asked for again
	weight  int64         // of the room for writes
	raw     []byte        // sent instead of reqs, see forward
	entries int           // of raw
	within  time.Duration // what its sender lets the node take; 0: the usual
	answers []events.Answer
	reply   []byte // to raw
	err     error  // no answers came: maybe a *resp.PipeError
	replied func([]events.Answer)
	heard   func(resp.Reply, error)
}

// silent is a node that does not answer reads, or writes.
type silent struct {
	place  int
	writes bool
}

const (
	maxCalls      = 2048 // begun together
	maxValues     = 64   // old values held at once; so many fit maxReply
	maxQuestions  = 4096 // open at once: a node takes so many writes from each of several clients
	maxGroup      = 256
	maxGroupBytes = 1 << 20
)

func (b *batch) init(names []string, rooms *rooms) {
	b.names, b.rooms = names, rooms
	b.open = make([]*group, len(names))
	b.wake = make(chan struct{}, 1)
	b.left.Store(1)
}

// newGroup takes a group from the last batch where there is one.
func (b *batch) newGroup(place int, op events.Op) *group {
	var g *group
	if last := len(b.spare) - 1; last >= 0 {
		g, b.spare = b.spare[last], b.spare[:last]
	} else {
		g = &group{batch: b}
		g.replied, g.heard = g.setAnswers, g.setReply
	}
	g.place, g.op = place, op
	b.used = append(b.used, g)
	return g
}

// setAnswers takes what this node answers.
func (g *group) setAnswers(answers []events.Answer) {
	g.answers = answers
	g.wrote()
	g.batch.done()
}

// setReply takes what a peer answers.
func (g *group) setReply(reply resp.Reply, err error) {
	switch {
	case err != nil:
		g.err = err
		g.batch.failed.Store(true)
	case reply.Kind != '$':
		g.err = fmt.Errorf("%w: it answers %q", events.ErrInternal, reply.Text)
	case g.raw != nil:
		g.reply = reply.Text
	default:
		g.answers, g.err = g.decode(reply.Text)
	}
	g.wrote()
	g.batch.done()
}

// decode reads one answer to each request; a message that was refused as a
// whole has only one.
func (g *group) decode(message []byte) ([]events.Answer, error) {
	answers, err := events.DecodeAnswers(message)
	if err != nil {
		return nil, err
	}
	for i := range answers {
		if name := g.batch.names[g.place]; answers[i].Node != name {
			return nil, fmt.Errorf("%w: an answer of %q to what %s was asked", events.ErrInternal, answers[i].Node, name)
		}
	}
	if len(answers) == 1 && answers[0].Code != "" {
		return slices.Repeat(answers, len(g.reqs)), nil
	}
	if len(answers) != len(g.reqs) {
		return nil, fmt.Errorf("%w: %d answers to %d requests", events.ErrInternal, len(answers), len(g.reqs))
	}
	return answers, nil
}

// done counts a group's answers in.
func (b *batch) done() {
	if b.left.Add(-1) == 0 {
		b.wake <- struct{}{}
	}
}

// answer is what the node said, or why nothing came.
func (s slot) answer() (events.Answer, error) {
	if s.group.err != nil {
		return events.Answer{}, s.group.err
	}
	return s.group.answers[s.index], nil
}

// reset forgets everything; what callers held of it is void.
func (b *batch) reset() {
	b.recycle()
	clear(b.calls)
	b.calls, b.answered = b.calls[:0], 0
	if cap(b.questions) > maxQuestions { // after a command with very many keys
		b.questions, b.slots, b.spare = nil, nil, nil
	}
}

// recycle forgets everything but the calls: all that was asked is answered, and
// told.
func (b *batch) recycle() {
	for _, g := range b.used {
		clear(g.reqs)
		*g = group{batch: b, reqs: g.reqs[:0], replied: g.replied, heard: g.heard}
	}
	b.spare = append(b.spare, b.used...)
	clear(b.used)
	clear(b.questions)
	clear(b.slots)
	b.used, b.questions, b.slots = b.used[:0], b.questions[:0], b.slots[:0]
	b.expected, b.mixed = 0, false
	b.untouch()
	b.release()
}
