package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"dht/events"
)

// What all batches together may hold is bounded before it is there: by the values
// that may come back, and by the writes that wait for a disk. Each batch has a
// little of its own besides, so that none waits for others to do small things.
const (
	valuesRoom = 64 << 20 // for values that were asked for without waiting
	wholeRoom  = 32 << 20 // for those that had no room there: whoever holds some waits for nobody but its caller
	writesRoom = 16_384   // writes that a node has waiting, each node

	groupRoom  = 1 << 20       // for the values of one message: any one fits
	leastRoom  = 32 << 10      // that it has in any case
	readsRoom  = 2 * groupRoom // for values of known size that are read behind writes
	maxRooms   = 4             // of groupRoom, for what one batch asks together
	unsureRoom = 16 << 10      // for a value whose size nobody knows, read behind a write
)

// budget is the room that all batches share.
type budget struct {
	values counter
	whole  *semaphore.Weighted
	writes []*semaphore.Weighted // by the index of the node
}

func newBudget(nodes int) *budget {
	b := &budget{whole: semaphore.NewWeighted(wholeRoom)}
	b.values.left.Store(valuesRoom)
	for range nodes {
		b.writes = append(b.writes, semaphore.NewWeighted(writesRoom))
	}
	return b
}

// counter is room that nobody waits for: what every get takes costs no lock. Safe
// for concurrent use.
type counter struct{ left atomic.Int64 }

// tryAcquire takes n, unless there is less.
func (c *counter) tryAcquire(n int64) bool {
	if c.left.Add(-n) >= 0 {
		return true
	}
	c.left.Add(n)
	return false
}

// release gives n back.
func (c *counter) release(n int64) { c.left.Add(n) }

// limit says how many bytes of values may come back to a group of gets.
func (b *Batch) limit(g *group) {
	room := leastRoom
	switch {
	case b.fetching:
		room = groupRoom
	case b.taken < maxRooms && b.shared.budget.values.tryAcquire(groupRoom):
		b.taken++
		room = groupRoom
	}
	if room == groupRoom && len(g.reqs) == 1 { // it fits anyway
		room = 0
	}
	g.reqs[0].Limit = room
}

// reserve makes sure that there is room for one more answer of any size that
// cannot be asked for again. It may answer first what was asked before.
func (b *Batch) reserve() {
	if b.taken < MaxValues && b.shared.budget.values.tryAcquire(groupRoom) {
		b.taken++
		return
	}
	b.Wait()
	b.forgetKeys()
	b.answerEarlier()
	b.release()
	b.takeWhole()
}

// takeWhole waits for room for one value of any size, as long as others need to
// take theirs. A caller for whom there is none in time is given up.
func (b *Batch) takeWhole() bool {
	if b.holdsWhole || b.starved {
		return !b.starved
	}
	b.holdsWhole = b.waitForWhole()
	if !b.holdsWhole {
		b.starved = true
		b.giveUp()
	}
	return b.holdsWhole
}

// waitForWhole takes room that others must give back first, if they do in time.
func (b *Batch) waitForWhole() bool {
	if b.shared.budget.whole.TryAcquire(groupRoom) {
		return true
	}
	ctx, cancel := context.WithTimeout(b.shared.Context, b.shared.Patience)
	defer cancel()
	return b.shared.budget.whole.Acquire(ctx, groupRoom) == nil
}

// release gives back the room for values that are answered.
func (b *Batch) release() {
	if b.taken > 0 {
		b.shared.budget.values.release(int64(b.taken) * groupRoom)
		b.taken = 0
	}
	if b.holdsWhole {
		b.shared.budget.whole.Release(groupRoom)
		b.holdsWhole = false
	}
}

// hadNoRoom reports whether the answer to a get lacks a value that it would have.
func hadNoRoom(a *events.Answer) bool { return a.Bytes > 0 && a.Code == events.ErrTooLarge }

// Lacks reports whether a node's answer to question i lacks the value, for want of
// room beside others: [Batch.Outcome] asks for it again, alone.
func (b *Batch) Lacks(i int) bool { return b.lacks(&b.questions[i]) }

func (b *Batch) lacks(q *question) bool {
	if q.op != events.OpGet {
		return false
	}
	for i := q.first; i < q.first+q.n; i++ {
		if at := &b.slots[i]; at.group.answers != nil && hadNoRoom(&at.group.answers[at.index]) {
			return true
		}
	}
	return false
}

var errNoRoom = errors.New("no room for a value in time")

// fetch asks again, alone, for a value that had no room beside others.
func (b *Batch) fetch(q *question) error {
	if !b.takeWhole() {
		return errNoRoom
	}
	for i := range q.n {
		at := &b.slots[q.first+i]
		if at.group.answers == nil || !hadNoRoom(&at.group.answers[at.index]) {
			continue
		}
		if b.rewritten(q) {
			return fmt.Errorf("%w: the value was changed by somebody else before, and by this pipeline behind: "+
				"read it again", events.ErrBusy)
		}
		b.fetching = true
		*at = b.enqueue(at.group.node, events.OpGet, &q.req)
		b.Wait()
		b.fetching = false
	}
	return nil
}

// letWrite waits until a node may be sent so many more writes: meanwhile the caller
// is not served.
func (b *Batch) letWrite(g *group) bool {
	if g.await == nil {
		g.weight = 0
		for i := range g.reqs {
			g.weight++
			if g.reqs[i].Update == events.UpdateRename { // it reads, writes and deletes
				g.weight += 2
			}
		}
	}
	room := b.shared.budget.writes[g.node]
	if room.TryAcquire(g.weight) {
		return true
	}
	if err := room.Acquire(b.shared.Context, g.weight); err != nil {
		g.weight = 0
		return false
	}
	return true
}

// wrote gives back the room of a group of writes, which is answered.
func (g *group) wrote() {
	if g.op.Writes() && g.weight > 0 {
		g.batch.shared.budget.writes[g.node].Release(g.weight)
	}
	g.weight = 0
}
