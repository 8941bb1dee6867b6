package coordinator

import (
	"cmp"
	"errors"
	"hash/maphash"
	"slices"
	"sync/atomic"

	"dht/events"
)

// Batch is what one caller has asked and not yet answered. For each node concerned
// the requests make one message, as long as they are of one kind. Each request is a
// question; questions are numbered in the order of asking, from 0 on. It is for one
// goroutine.
type Batch struct {
	shared        *Coordinator
	answerEarlier func()
	giveUp        func()

	questions []question
	slots     []slot
	open      []*group // by the index of the node; nil where nothing is to be sent
	used      []*group // sent or open
	spare     []*group
	left      atomic.Int32  // groups without answers, and one until Wait
	wake      chan struct{} // holds a token when left has come to zero while Wait waits
	failed    atomic.Bool   // some group has no answers
	silent    []silent      // who did not answer in time something of what came together

	expected   int  // bytes of values that come back behind writes
	taken      int  // of the room for values, in units of groupRoom
	holdsWhole bool // room for a value that had none
	starved    bool // there was none in time
	fetching   bool // such a value

	keys   []ordered // that requests behind must be checked against
	reads  int       // of keys
	writes int
	mixed  bool // reads at other nodes come in the order of the writes
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
	batch   *Batch
	node    int
	op      events.Op
	reqs    []events.Request
	bytes   int
	values  int                    // that may come back and cannot be asked for again
	weight  int64                  // of the room for writes
	await   func(done func(error)) // asks instead, see [Batch.Await]
	answers []events.Answer
	err     error // no answers came: maybe a *[NoAnswer]
	replied func([]events.Answer)
	heard   func([]events.Answer, error)
	awaited func(error)
}

// silent is a node that does not answer reads, or writes.
type silent struct {
	node   int
	writes bool
}

const (
	MaxValues     = 64   // old values held at once; so many fit one message
	maxQuestions  = 4096 // open at once: a node takes so many writes from each of several callers
	maxGroup      = 256
	maxGroupBytes = 1 << 20
)

// NewBatch returns a batch. answerEarlier is called while something is being asked
// for which what was asked before must be answered first: it reads the outcomes and
// lets them go, see [Batch.Forget]. giveUp is called when there is no room for a value
// in time: the caller is to be left.
func (c *Coordinator) NewBatch(answerEarlier, giveUp func()) *Batch {
	b := &Batch{shared: c, answerEarlier: answerEarlier, giveUp: giveUp, open: make([]*group, len(c.names)),
		wake: make(chan struct{}, 1)}
	b.left.Store(1)
	return b
}

// Len is how many questions there are.
func (b *Batch) Len() int { return len(b.questions) }

// Full reports whether what was asked is to be answered before more is.
func (b *Batch) Full() bool {
	return len(b.questions) >= maxQuestions || b.expected >= groupRoom || b.taken >= MaxValues
}

// Ask puts r to every owner of its key. What no node would take is not sent to one.
func (b *Batch) Ask(op events.Op, r events.Request) {
	if err := Admissible(&r); err != nil {
		b.Refuse(op, err)
		return
	}
	if r.Old {
		b.reserve()
	}
	var room [8]int
	owners := b.shared.Node.Map().Owners(r.Key, room[:0])
	q := question{op: op, req: r, n: len(owners)}
	op = b.order(op, &r, len(owners) > 1 || owners[0] != b.shared.self)
	q.first = len(b.slots)
	b.questions = append(b.questions, q)
	for i, node := range owners {
		r.Owner = int32(i + 1)
		b.slots = append(b.slots, b.enqueue(node, op, &r))
	}
}

// AskHere puts the requests of one message to this node alone.
func (b *Batch) AskHere(op events.Op, reqs []events.Request) {
	if op == events.OpKeys {
		b.Wait() // what was written before is listed
		b.question(op, b.enqueue(b.shared.self, op, &reqs[0]))
		b.Wait()
		return
	}
	room := readsRoom
	for i := range reqs {
		r := &reqs[i]
		if r.Old {
			b.reserve()
		}
		if r.Update == events.UpdateRead { // of one message they must fit one answer
			r.Limit = min(cmp.Or(r.Limit, events.MaxValue), max(room, unsureRoom))
			room -= r.Limit
			b.expected += r.Limit
		}
		if len(r.To) > 0 {
			b.orderWrite(maphash.Bytes(hashSeed, r.To), false)
			b.note(ordered{hash: maphash.Bytes(hashSeed, r.To), question: len(b.questions), write: true, size: unsure})
		}
		q := question{op: op, req: *r, n: 1}
		asked := b.order(op, r, false)
		q.first = len(b.slots)
		b.questions = append(b.questions, q)
		b.slots = append(b.slots, b.enqueue(b.shared.self, asked, r))
	}
}

// ListHere asks this node for keys, behind everything that was asked before, and
// waits. The answers are no question's.
func (b *Batch) ListHere(r events.Request) []events.Answer {
	at := b.enqueue(b.shared.self, events.OpKeys, &r)
	b.Wait()
	answers := at.group.answers
	at.group.answers = nil // a listing of many pages holds one at a time
	return answers
}

// Refuse asks nobody: this node's refusal is the answer.
func (b *Batch) Refuse(op events.Op, err error) {
	g := b.newGroup(b.shared.self, "")
	g.answers = []events.Answer{b.shared.Node.Refuse(err)}
	b.question(op, slot{g, 0})
}

// Await asks a node by a way of the caller's own: start is called, once the node may
// be sent so many writes, and calls what it is given when that is answered, or with
// why it is not. see [Batch.Failure].
func (b *Batch) Await(node int, op events.Op, writes int, start func(done func(error))) {
	if op != events.OpPut && op != events.OpDelete {
		b.reserve()
	}
	if g := b.open[node]; g != nil {
		b.send(g)
	}
	g := b.newGroup(node, op)
	g.await = start
	if op.Writes() {
		g.weight = int64(writes)
	}
	b.question(op, slot{g, 0})
	b.send(g)
}

// question notes that the answer will stand in one slot.
func (b *Batch) question(op events.Op, answer slot) {
	b.questions = append(b.questions, question{op: op, first: len(b.slots), n: 1})
	b.slots = append(b.slots, answer)
}

// enqueue adds r to the message for a node.
func (b *Batch) enqueue(node int, op events.Op, r *events.Request) slot {
	g := b.open[node]
	joins := g != nil && (g.op == op || r.Update == events.UpdateRead && g.op.Writes())
	if g != nil && (!joins || len(g.reqs) >= maxGroup || g.bytes > maxGroupBytes || g.values >= MaxValues) {
		b.send(g)
		g = nil
	}
	if g == nil {
		g = b.newGroup(node, op)
		b.open[node] = g
	}
	g.bytes += len(r.Key) + len(r.Value)
	if r.Old {
		g.values++
	}
	g.reqs = append(g.reqs, *r)
	return slot{g, len(g.reqs) - 1}
}

// newGroup takes a group from what was answered where there is one.
func (b *Batch) newGroup(node int, op events.Op) *group {
	var g *group
	if last := len(b.spare) - 1; last >= 0 {
		g, b.spare = b.spare[last], b.spare[:last]
	} else {
		g = &group{batch: b}
		g.replied, g.heard, g.awaited = g.setAnswers, g.setHeard, g.setAwaited
	}
	g.node, g.op = node, op
	b.used = append(b.used, g)
	return g
}

// send asks one node what its group holds.
func (b *Batch) send(g *group) {
	b.open[g.node] = nil
	b.left.Add(1)
	if g.op == events.OpGet && g.await == nil {
		b.limit(g)
	}
	switch {
	case g.op.Writes() && !b.letWrite(g):
		g.heard(nil, &NoAnswer{Cause: errClosing})
	case g.node == b.shared.self:
		b.shared.Node.Carry(g.op, g.reqs, g.replied)
	case b.isSilent(g):
		g.heard(nil, &NoAnswer{Cause: errSilent})
	case g.await != nil:
		g.await(g.awaited)
	default:
		id := b.shared.Node.Map().ID()
		for i := range g.reqs {
			g.reqs[i].Map = id
		}
		b.shared.Peers[g.node].Send(g.op, g.reqs, g.heard)
	}
}

// setAnswers takes what this node answers.
func (g *group) setAnswers(answers []events.Answer) { g.setHeard(answers, nil) }

func (g *group) setAwaited(err error) { g.setHeard(nil, err) }

// setHeard takes what a node answers.
func (g *group) setHeard(answers []events.Answer, err error) {
	if g.answers = answers; err != nil {
		g.err = err
		g.batch.failed.Store(true)
	}
	g.wrote()
	if b := g.batch; b.left.Add(-1) == 0 {
		b.wake <- struct{}{}
	}
}

// Wait sends what is open and waits until all is answered.
func (b *Batch) Wait() {
	for _, g := range b.open {
		if g != nil {
			b.send(g)
		}
	}
	if b.left.Add(-1) > 0 {
		<-b.wake
	}
	b.left.Store(1)
	b.noteSilence()
}

// noteSilence remembers which nodes did not answer reads, or writes, in time: what
// came together does not wait for them again.
func (b *Batch) noteSilence() {
	if !b.failed.Swap(false) {
		return
	}
	for _, g := range b.used {
		if none := (*NoAnswer)(nil); errors.As(g.err, &none) && none.Overdue && !b.isSilent(g) {
			b.silent = append(b.silent, silent{g.node, g.op.Writes()})
		}
	}
}

func (b *Batch) isSilent(g *group) bool {
	return slices.Contains(b.silent, silent{g.node, g.op.Writes()})
}

// ForgetSilence waits again for nodes that did not answer in time.
func (b *Batch) ForgetSilence() { b.silent = b.silent[:0] }

// answer is what the node said, or why nothing came.
func (s slot) answer() (events.Answer, error) {
	if s.group.err != nil {
		return events.Answer{}, s.group.err
	}
	return s.group.answers[s.index], nil
}

// Forget lets go of the values that answer questions from to before to.
func (b *Batch) Forget(from, to int) {
	for _, q := range b.questions[from:to] {
		for _, at := range b.slots[q.first : q.first+q.n] {
			if at.index < len(at.group.answers) {
				at.group.answers[at.index].Value = nil
			}
		}
	}
}

// Reset forgets everything; what callers hold of it is void. All that was asked must
// be answered.
func (b *Batch) Reset() {
	for _, g := range b.used {
		clear(g.reqs)
		*g = group{batch: b, reqs: g.reqs[:0], replied: g.replied, heard: g.heard, awaited: g.awaited}
	}
	b.spare = append(b.spare, b.used...)
	clear(b.used)
	clear(b.questions)
	clear(b.slots)
	b.used, b.questions, b.slots = b.used[:0], b.questions[:0], b.slots[:0]
	b.expected, b.mixed = 0, false
	b.forgetKeys()
	b.release()
	if cap(b.questions) > maxQuestions { // after a command with very many keys
		b.Rest()
	}
}

// Rest gives back the memory of a batch that was reset, until it is used again.
func (b *Batch) Rest() {
	b.questions, b.slots, b.used, b.spare, b.keys = nil, nil, nil, nil, nil
}
