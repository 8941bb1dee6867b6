package coordinator

import (
	"errors"
	"fmt"

	"dht/events"
	"dht/events/quorum"
)

// Outcome is what the owners' answers to question i amount to, asking more where
// they make that necessary. Errors wrap an [events.Code]; that a key is absent is
// none. The answer is the one that the outcome rests on, that of an error too.
func (b *Batch) Outcome(i int) (events.Answer, error) {
	q := &b.questions[i]
	if b.lacks(q) {
		if err := b.fetch(q); err != nil {
			return events.Answer{}, err
		}
	}
	if q.n == 1 { // and mostly that is all
		if g := b.slots[q.first].group; g.err == nil && plain(&g.answers[b.slots[q.first].index]) {
			return g.answers[b.slots[q.first].index], nil
		}
	}
	return b.decide(q)
}

// plain reports whether the only owner's answer is the outcome.
func plain(a *events.Answer) bool {
	switch a.Status {
	case events.StatusFound, events.StatusStored, events.StatusDeleted, events.StatusUnchanged, events.StatusAbsent:
		return len(a.AlsoAsk) == 0
	}
	return false
}

// decide lets quorum say what the answers amount to, and what to ask next.
func (b *Batch) decide(q *question) (events.Answer, error) {
	names := b.shared.names
	owners := make([]string, q.n)
	for i, at := range b.slots[q.first : q.first+q.n] {
		owners[i] = names[at.group.node]
	}
	o := quorum.Begin(quorum.Question{Op: q.op, Nodes: names, Owners: owners, Map: b.shared.Node.Map().ID()}, q.req)
	for i, at := range b.slots[q.first : q.first+q.n] {
		b.hand(o, owners[i], at)
	}
	for o.Next() {
		b.ask(o)
	}
	outcome := o.Outcome()
	if errors.Is(outcome.Err, events.ErrNotFound) {
		return outcome.Winner, nil
	}
	return outcome.Winner, outcome.Err
}

// ask asks what an operation wants to know, and waits.
func (b *Batch) ask(o *quorum.Operation) {
	b.fetching = true // alone, and so with all the room there is
	defer func() { b.fetching = false }()
	ask := o.Ask()
	slots := make([]slot, len(ask.Nodes))
	for i, name := range ask.Nodes {
		if node := b.shared.Node.Map().Index(name); node >= 0 {
			slots[i] = b.enqueue(node, ask.Op, &ask.Request)
		}
	}
	b.Wait()
	for i, name := range ask.Nodes {
		if slots[i].group != nil {
			b.hand(o, name, slots[i])
		}
	}
}

// hand gives an operation what one node has answered, or why it has not.
func (b *Batch) hand(o *quorum.Operation, node string, at slot) {
	a, err := at.answer()
	if err != nil {
		o.Tally().NoAnswer(node, Silence(node, o.Ask().Op, err))
		return
	}
	o.Tally().Add(a)
}

// Failure is why what question i waits for has failed, see [Batch.Await].
func (b *Batch) Failure(i int) error {
	q := &b.questions[i]
	if g := b.slots[q.first].group; g.err != nil {
		return Silence(b.shared.names[g.node], q.op, g.err)
	}
	return nil
}

// Answers are all answers in the message that answers question i.
func (b *Batch) Answers(i int) []events.Answer { return b.slots[b.questions[i].first].group.answers }

// AnswersHere are this node's answers to the n questions of one message, from first
// on, see [Batch.AskHere]. To gets they have room for so many bytes of values as the
// message says, or any one value.
func (b *Batch) AnswersHere(first, n int) ([]events.Answer, error) {
	q := &b.questions[first]
	if n == 1 && !b.lacks(q) {
		at := b.slots[q.first]
		return at.group.answers[at.index : at.index+1], nil
	}
	room := groupRoom
	if limit := q.req.Limit; limit > 0 {
		room = min(room, limit)
	}
	answers := make([]events.Answer, n)
	for i := range answers {
		a, err := b.answerHere(&b.questions[first+i], room)
		if err != nil {
			return nil, err
		}
		if q.op == events.OpGet {
			room -= len(a.Value)
		}
		answers[i] = a
	}
	return answers, nil
}

// answerHere is one of them, with a value of that size at most.
func (b *Batch) answerHere(q *question, room int) (events.Answer, error) {
	at := &b.slots[q.first]
	if b.lacks(q) && at.group.answers[at.index].Bytes <= int64(room) {
		if err := b.fetch(q); err != nil {
			return events.Answer{}, err
		}
	}
	a, err := at.answer()
	if size := len(a.Value); err == nil && q.op == events.OpGet && size > room {
		a = b.shared.Node.Refuse(fmt.Errorf("%w: the answers to this message exceed %d bytes: "+
			"ask for fewer keys at a time", events.ErrTooLarge, groupRoom))
		a.Bytes = int64(size)
	}
	return a, err
}
