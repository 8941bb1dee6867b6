package tcp

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"dht/events"
)

// What all connections together may hold is bounded before it is there: by the
// values that may come back, by the replies that nobody has taken, by the commands
// that have arrived in part, by the writes that wait for a disk. Each connection
// has a little of its own besides, so that none waits for others to do small
// things.
const (
	valuesRoom = 64 << 20  // for values that were asked for without waiting
	wholeRoom  = 32 << 20  // for those that had no room there: whoever holds some waits for nobody but its client
	unreadRoom = 128 << 20 // for replies that were not taken
	inputRoom  = 128 << 20 // for commands that have arrived in part
	hugeRoom   = 2         // commands of more than inputUnit that may arrive at a time
	inputUnit  = 3 << 20   // for one of them: the largest value fits
	writesRoom = 16_384    // writes that a node has waiting, each node

	groupRoom  = 1 << 20       // for the values of one message: any one fits
	leastRoom  = 32 << 10      // that it has in any case
	readsRoom  = 2 * groupRoom // for values of known size that are read behind writes
	maxRooms   = 4             // of groupRoom, for what one connection asks together
	unsureRoom = 16 << 10      // for a value whose size nobody knows, read behind a write
)

// rooms are what all connections share.
type rooms struct {
	values        budget
	whole, unread *semaphore.Weighted
	input, huge   *semaphore.Weighted
	writes        []*semaphore.Weighted // by place in the map
}

// budget is room that nobody waits for: what every get takes costs no lock. Safe
// for concurrent use.
type budget struct{ left atomic.Int64 }

// TryAcquire takes n, unless there is less.
func (b *budget) TryAcquire(n int64) bool {
	if b.left.Add(-n) >= 0 {
		return true
	}
	b.left.Add(n)
	return false
}

// Release gives n back.
func (b *budget) Release(n int64) { b.left.Add(n) }

func newRooms(nodes int) *rooms {
	r := &rooms{whole: semaphore.NewWeighted(wholeRoom), unread: semaphore.NewWeighted(unreadRoom),
		input: semaphore.NewWeighted(inputRoom), huge: semaphore.NewWeighted(hugeRoom)}
	r.values.left.Store(valuesRoom)
	for range nodes {
		r.writes = append(r.writes, semaphore.NewWeighted(writesRoom))
	}
	return r
}

// limit says how many bytes of values may come back to a group of gets.
func (s *session) limit(g *group) {
	room := leastRoom
	switch {
	case s.fetching:
		room = groupRoom
	case s.taken < maxRooms && s.rooms.values.TryAcquire(groupRoom):
		s.taken++
		room = groupRoom
	}
	if room == groupRoom && len(g.reqs) == 1 { // it fits anyway
		room = 0
	}
	g.reqs[0].Limit = room
}

// reserve makes sure that there is room for one more answer of any size that
// cannot be asked for again. It may answer first what was begun before.
func (s *session) reserve() {
	if s.taken < maxValues && s.rooms.values.TryAcquire(groupRoom) {
		s.taken++
		return
	}
	s.settle()
	s.untouch()
	s.answerBegun()
	s.release()
	s.takeWhole()
}

// takeWhole waits for room for one value of any size, as long as others need to
// take theirs. A connection for which there is none in time is given up.
func (s *session) takeWhole() bool {
	if s.holdsWhole || s.lost {
		return !s.lost
	}
	s.holdsWhole = s.waitFor(s.rooms.whole, groupRoom)
	if !s.holdsWhole {
		s.quit, s.lost = true, true
	}
	return s.holdsWhole
}

// release gives back the room for values that are answered.
func (s *batch) release() {
	if s.taken > 0 {
		s.rooms.values.Release(int64(s.taken) * groupRoom)
		s.taken = 0
	}
	if s.holdsWhole {
		s.rooms.whole.Release(groupRoom)
		s.holdsWhole = false
	}
}

// answerBegun replies to all commands but the one that is being begun, and forgets
// their values.
func (s *session) answerBegun() {
	last := len(s.calls) - 1
	if last < 0 {
		return
	}
	s.replyTo(last)
	if last == 0 {
		return
	}
	for _, q := range s.questions[:s.calls[last].first] {
		for _, slot := range s.slots[q.first : q.first+q.n] {
			slot.group.forget(slot.index)
		}
	}
}

// forget lets go of an answer.
func (g *group) forget(i int) {
	g.reply = nil
	if i < len(g.answers) {
		g.answers[i].Value = nil
	}
}

// hadNoRoom reports whether the answer to a get lacks a value that it would have.
func hadNoRoom(a *events.Answer) bool { return a.Bytes > 0 && a.Code == events.ErrTooLarge }

// lacking reports whether a node's answer to q lacks the value.
func (s *session) lacking(q *question) bool {
	if q.op != events.OpGet {
		return false
	}
	for i := q.first; i < q.first+q.n; i++ {
		if at := &s.slots[i]; at.group.answers != nil && hadNoRoom(&at.group.answers[at.index]) {
			return true
		}
	}
	return false
}

var errNoRoom = errors.New("no room for a value in time")

// fetch asks again, alone, for a value that had no room beside others.
func (s *session) fetch(q *question) error {
	if !s.takeWhole() {
		return errNoRoom
	}
	for i := range q.n {
		at := &s.slots[q.first+i]
		if at.group.answers == nil || !hadNoRoom(&at.group.answers[at.index]) {
			continue
		}
		if s.rewritten(q) {
			return fmt.Errorf("%w: the value was changed by somebody else before, and by this pipeline behind: read it again", events.ErrBusy)
		}
		s.fetching = true
		*at = s.enqueue(at.group.place, events.OpGet, &q.req)
		s.settle()
		s.fetching = false
	}
	return nil
}

// grow takes room for a command that is to take so many bytes, or gives it back: a
// unit at once for whatever is not small, so that nobody waits for more while he
// holds some; and for what is more than that one of a few places, whose holders
// wait for nobody.
func (s *session) grow(bytes int) error {
	switch large, huge := bytes > 0, bytes > inputUnit; {
	case huge && !s.huge:
		s.huge = s.waitFor(s.rooms.huge, 1)
		return s.noInput(s.huge)
	case large && !s.large:
		s.large = s.waitFor(s.rooms.input, inputUnit)
		return s.noInput(s.large)
	case large:
		return nil
	}
	if s.large {
		s.rooms.input.Release(inputUnit)
	}
	if s.huge {
		s.rooms.huge.Release(1)
	}
	s.large, s.huge = false, false
	return nil
}

func (s *session) noInput(took bool) error {
	if took {
		return nil
	}
	return errors.New("no room for so large a command: too many clients send large ones")
}

// waitFor takes room that others must give back first, if they do in time.
func (s *session) waitFor(room *semaphore.Weighted, n int64) bool {
	if room.TryAcquire(n) {
		return true
	}
	ctx, cancel := context.WithTimeout(s.server.ctx, s.server.Slow)
	defer cancel()
	return room.Acquire(ctx, n) == nil
}

// letWrite waits until a node may be sent so many more writes: meanwhile nothing
// is read from this client.
func (s *session) letWrite(g *group) bool {
	g.weight = 0
	for i := range g.reqs {
		g.weight++
		if g.reqs[i].Update == events.UpdateRename { // it reads, writes and deletes
			g.weight += 2
		}
	}
	if g.raw != nil {
		g.weight = int64(max(1, g.entries))
	}
	room := s.rooms.writes[g.place]
	if room.TryAcquire(g.weight) {
		return true
	}
	if err := room.Acquire(s.server.ctx, g.weight); err != nil {
		g.weight = 0
		return false
	}
	return true
}

// wrote gives back the room of a group of writes, which is answered.
func (g *group) wrote() {
	if g.weight > 0 {
		g.batch.rooms.writes[g.place].Release(g.weight)
		g.weight = 0
	}
}
