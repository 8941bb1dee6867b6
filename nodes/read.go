package nodes

import (
	"fmt"

	"dht/events"
)

// read answers an operation that changes nothing.
func (n *Node) read(op events.Op, reqs []events.Request) []events.Answer {
	switch op {
	case events.OpGet:
		answers := make([]events.Answer, len(reqs))
		for i := range reqs {
			answers[i] = n.get(&reqs[i])
		}
		return answers
	case events.OpKeys:
		if len(reqs) == 1 {
			return n.keys(&reqs[0])
		}
		return []events.Answer{n.Refuse(fmt.Errorf("%w: one listing a message: its answer has many entries already", events.ErrBadRequest))}
	}
	return []events.Answer{n.Refuse(fmt.Errorf("%w: no operation %q", events.ErrBadRequest, op))}
}

// get answers from what is stored here. A node that is no owner still tells what
// it knows of the key, deleted or not: an earlier map may have put it there.
func (n *Node) get(r *events.Request) events.Answer {
	if err := n.admit(events.OpGet, r); err != nil {
		return n.Refuse(err)
	}
	verdict := n.Map.Judge(n.place, r.Key)
	if verdict.Owner == 0 && n.settled {
		return n.notStored(verdict)
	}
	record, err := n.Store.Get(r.Key)
	switch {
	case err != nil:
		return n.Refuse(fmt.Errorf("get %q: %w", r.Key, err))
	case verdict.Owner == 0 && !record.Known():
		return n.notStored(verdict)
	}
	return n.recorded(record, verdict.Owner)
}

// recorded tells what stands here. An owner names the nodes that may know
// something newer: rules that change, and change back, leave an old record at
// an owner and a newer one elsewhere.
func (n *Node) recorded(r events.Record, owner int) events.Answer {
	a := n.answer(events.StatusAbsent)
	a.Owner, a.Version = owner, r.Version
	switch {
	case r.Live(n.Clock.Now()):
		a.Status, a.Value, a.Expires = events.StatusFound, r.Value, r.Expires
	case r.Known(): // an expired record counts as a tombstone
		a.Status = events.StatusDeleted
	}
	if owner > 0 {
		a.Ask = n.peers.unsettled(n)
	}
	return a
}

const (
	maxListKeys  = 1000
	maxListBytes = 128 << 10 // of keys in one answer: escaped, six times that, and the bus carries 1 MiB
)

// keys lists what is stored here, misplaced keys included; where damage hides
// some, the last answer says so and the others are those that are certain.
func (n *Node) keys(r *events.Request) []events.Answer {
	if err := n.current(events.OpKeys, r); err != nil {
		return []events.Answer{n.Refuse(err)}
	}
	limit := maxListKeys
	if r.Limit > 0 && r.Limit < limit {
		limit = r.Limit
	}
	keys, more, err := n.Store.List(r.Prefix, r.After, limit)
	last := n.answer("")
	if err != nil {
		last = n.Refuse(fmt.Errorf("list keys: %w", err))
	}
	answers, room := make([]events.Answer, 0, len(keys)+1), maxListBytes
	for _, k := range keys {
		if room -= len(k.Key); room < 0 {
			more = true
			break
		}
		answers = append(answers, events.Answer{Key: k.Key, Version: k.Version, Expires: k.Expires, Bytes: k.Bytes})
	}
	last.More = more
	return append(answers, last)
}
