package coordinator

import (
	"hash/maphash"

	"dht/events"
)

// A pipeline sees what it wrote before, and nothing that it writes behind, without
// waiting for the disk in between: a get of a key that an earlier command changes
// goes the way of the writes, see [events.UpdateRead]. Other gets do not wait for
// any disk.

// ordered is a key that a command of the pipeline is about.
type ordered struct {
	hash     uint64
	question int // of the command
	write    bool
	size     int  // of the value that a write leaves, as far as that is known; else unsure
	unsure   bool // a read behind a write that may lack its value
}

const (
	unsure = -1
	number = len("-9223372036854775808") // unless what stood was none, and still stands
	// bytes by which a value may be longer than was written: somebody else may write, too
	slack = 256
)

var hashSeed = maphash.MakeSeed()

// order says how a request is asked so that it comes behind what this connection
// asked before. remote says that some other node owns the key. It may wait for
// earlier commands, and answer them.
func (b *Batch) order(op events.Op, r *events.Request, remote bool) events.Op {
	if r.Update == events.UpdateRead { // another node has ordered it
		return op
	}
	t := ordered{hash: maphash.Bytes(hashSeed, r.Key), question: len(b.questions)}
	if op != events.OpGet {
		b.orderWrite(t.hash, remote)
		t.write, t.size = true, left(op, r)
		b.note(t)
		return op
	}
	size, behind := b.lastWrite(t.hash)
	if !behind && !(remote && b.mixed) {
		b.note(t)
		return op
	}
	r.Update = events.UpdateRead
	switch {
	case r.Head:
	case behind && size != unsure && (remote || size != number) && b.expected+size+slack <= readsRoom:
		r.Limit = size + slack
		b.expected += r.Limit
	case !remote && b.taken < MaxValues && b.shared.budget.values.tryAcquire(groupRoom):
		b.taken++
		r.Limit = events.MaxValue
	default:
		r.Limit, t.unsure = unsureRoom, true
		b.expected += r.Limit
		b.note(t)
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
func (b *Batch) orderWrite(hash uint64, remote bool) {
	if b.reads == 0 {
		return
	}
	if !remote {
		if g := b.open[b.shared.self]; g != nil && g.op == events.OpGet {
			b.send(g)
		}
	}
	for i := len(b.keys) - 1; i >= 0; i-- {
		t := &b.keys[i]
		if t.write || t.hash != hash || !remote && !t.unsure && !b.lacks(&b.questions[t.question]) {
			continue
		}
		b.mixed = b.mixed || remote
		b.catchUp()
		return
	}
}

// WaitForWrites waits for everything that was asked before where some of it writes.
func (b *Batch) WaitForWrites() {
	if b.writes > 0 {
		b.Wait()
		b.forgetKeys()
	}
}

// catchUp answers all earlier commands.
func (b *Batch) catchUp() {
	b.Wait()
	b.answerEarlier()
	b.forgetKeys()
	b.release()
}

// Order waits for earlier commands about key where the order matters to a
// message that is handed on as it is.
func (b *Batch) Order(key []byte, write bool) {
	t := ordered{hash: maphash.Bytes(hashSeed, key), question: len(b.questions), write: write, size: unsure}
	if write {
		b.orderWrite(t.hash, true)
	} else if _, behind := b.lastWrite(t.hash); behind {
		b.catchUp()
	}
	b.note(t)
}

// lastWrite is how long the value is that an earlier command leaves, if one
// changes the key.
func (b *Batch) lastWrite(hash uint64) (size int, ok bool) {
	if b.writes == 0 {
		return 0, false
	}
	for i := len(b.keys) - 1; i >= 0; i-- {
		if t := &b.keys[i]; t.write && t.hash == hash {
			return t.size, true
		}
	}
	return 0, false
}

// rewritten reports whether a command behind q, which was begun already, changes
// its key.
func (b *Batch) rewritten(q *question) bool {
	hash := maphash.Bytes(hashSeed, q.req.Key)
	for i := range b.keys {
		t := &b.keys[i]
		begun := t.question < len(b.questions) // a rename orders its keys before it is asked
		if begun && t.write && t.hash == hash && b.questions[t.question].first > q.first {
			return true
		}
	}
	return false
}

func (b *Batch) note(t ordered) {
	b.keys = append(b.keys, t)
	if t.write {
		b.writes++
	} else {
		b.reads++
	}
}

// forgetKeys forgets the keys: everything about them is answered.
func (b *Batch) forgetKeys() { b.keys, b.reads, b.writes = b.keys[:0], 0, 0 }
