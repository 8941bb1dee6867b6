package tcp

import (
	"hash/maphash"

	"dht/events"
)

// A pipeline sees what it wrote before, and nothing that it writes behind, without
// waiting for the disk in between: a get of a key that an earlier command changes
// goes the way of the writes, see [events.UpdateRead]. Other gets do not wait for
// any disk.

// touched is a key that a command of the pipeline is about.
type touched struct {
	hash     uint64
	question int // of the command
	write    bool
	size     int  // of the value that a write leaves, as far as that is known; else unsure
	unsure   bool // a read behind a write that may lack its value
}

const (
	unsure = -1
	number = len("-9223372036854775808") // unless what stood was none, and still stands
	slack  = 256                         // bytes by which a value may be longer than was written: somebody else may write, too
)

var hashSeed = maphash.MakeSeed()

// order says how a request is asked so that it comes behind what this connection
// asked before. remote says that some other node owns the key. It may wait for
// earlier commands, and answer them.
func (s *session) order(op events.Op, r *events.Request, remote bool) events.Op {
	if r.Update == events.UpdateRead { // another node has ordered it
		return op
	}
	t := touched{hash: maphash.Bytes(hashSeed, r.Key), question: len(s.questions)}
	if op != events.OpGet {
		s.orderWrite(t.hash, remote)
		t.write, t.size = true, left(op, r)
		s.note(t)
		return op
	}
	size, behind := s.lastWrite(t.hash)
	if !behind && !(remote && s.mixed) {
		s.note(t)
		return op
	}
	r.Update = events.UpdateRead
	switch {
	case r.Head:
	case behind && size != unsure && (remote || size != number) && s.expected+size+slack <= readsRoom:
		r.Limit = size + slack
		s.expected += r.Limit
	case !remote && s.taken < maxValues && s.rooms.values.TryAcquire(groupRoom):
		s.taken++
		r.Limit = events.MaxValue
	default:
		r.Limit, t.unsure = unsureRoom, true
		s.expected += r.Limit
		s.note(t)
	}
	return events.OpUpdate
}

// left is how long the value is that a write leaves.
func left(op events.Op, r *events.Request) int {
	switch {
	case op == events.OpPut, r.Update == events.UpdateSet && r.If == "":
		return len(r.Value)
	case op == events.OpDelete, r.Update == events.UpdateDelete:
		return 0
	case r.Update == events.UpdateAdd:
		return number
	}
	return unsure
}

// orderWrite lets earlier reads of what is to be written be done first: one at
// another node is on a connection of its own, and one that lacks its value is to
// be asked again.
func (s *session) orderWrite(hash uint64, remote bool) {
	if s.reads == 0 {
		return
	}
	if !remote {
		if g := s.open[s.server.self]; g != nil && g.op == events.OpGet {
			s.send(g)
		}
	}
	for i := len(s.touched) - 1; i >= 0; i-- {
		t := &s.touched[i]
		if t.write || t.hash != hash || !remote && !t.unsure && !s.lacking(&s.questions[t.question]) {
			continue
		}
		s.mixed = s.mixed || remote
		s.catchUp()
		return
	}
}

// catchUp answers all earlier commands.
func (s *session) catchUp() {
	s.settle()
	s.answerBegun()
	s.untouch()
	s.release()
}

// touchKey waits for earlier commands about key where the order matters to a
// message that is handed on as it is.
func (s *session) touchKey(key []byte, write bool) {
	t := touched{hash: maphash.Bytes(hashSeed, key), question: len(s.questions), write: write, size: unsure}
	if write {
		s.orderWrite(t.hash, true)
	} else if _, behind := s.lastWrite(t.hash); behind {
		s.catchUp()
	}
	s.note(t)
}

// lastWrite is how long the value is that an earlier command leaves, if one
// changes the key.
func (b *batch) lastWrite(hash uint64) (size int, ok bool) {
	if b.writes == 0 {
		return 0, false
	}
	for i := len(b.touched) - 1; i >= 0; i-- {
		if t := &b.touched[i]; t.write && t.hash == hash {
			return t.size, true
		}
	}
	return 0, false
}

// rewritten reports whether a command behind q, which was begun already, changes
// its key.
func (s *session) rewritten(q *question) bool {
	hash := maphash.Bytes(hashSeed, q.req.Key)
	for i := range s.touched {
		t := &s.touched[i]
		begun := t.question < len(s.questions) // a rename touches its keys before it is asked
		if begun && t.write && t.hash == hash && s.questions[t.question].first > q.first {
			return true
		}
	}
	return false
}

func (b *batch) note(t touched) {
	b.touched = append(b.touched, t)
	if t.write {
		b.writes++
	} else {
		b.reads++
	}
}

// untouch forgets the keys: everything about them is answered.
func (b *batch) untouch() { b.touched, b.reads, b.writes = b.touched[:0], 0, 0 }
