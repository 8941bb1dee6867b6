package events

import (
	"bytes"
	"fmt"
)

// Request is one entry of a request. Its slices alias the message it was read
// from. Which fields count depends on the operation:
//
//	put     Key, Value, Version, Expires, Level
//	get     Key, Level, Head; Limit of a message's first entry
//	delete  Key, Version, Level
//	keys    Prefix, After, Limit
//	update  Key, Value, Expires, and what [Update] says
//	watch   Limit
type Request struct {
	Key      []byte
	Value    []byte
	Version  Version // zero: the first owner stamps
	Expires  int64   // unix milliseconds; 0 is never
	Level    Level
	Map      MapID // the cluster map the sender believes in; zero is any
	Deadline int64 // unix milliseconds; a node answers later requests "late"; 0 is none

	Prefix []byte // keys: only keys that begin so
	After  []byte // keys: only keys behind this one
	Limit  int    // keys: at most so many; watch: so many a second; get: bytes of values in all answers; 0 leaves it to the node
	Head   bool   // get: the answer gives the value's bytes, not the value

	Update  Update    // update: what becomes of the record
	If      Condition // update: only if this holds of it
	Keep    bool      // update: it keeps its expiry
	Old     bool      // update: the answer gives the value that stood before
	To      []byte    // update: rename's other key
	Settled bool      // update: no other node knows anything newer, from an earlier map

	// Owner is the place among the key's owners, from 1 on, of the node that the
	// request is handed to, when the hander has found it out; 0 leaves that to the
	// node. It never travels.
	Owner int
}

// AppendRequests appends the message that asks for all of reqs.
func AppendRequests(dst []byte, reqs ...Request) []byte {
	for i := range reqs {
		dst = reqs[i].appendTo(dst, i == len(reqs)-1)
	}
	return dst
}

func (r *Request) appendTo(dst []byte, last bool) []byte {
	h := head{buf: dst, sep: '{'}
	h.bytes("key", r.Key)
	h.bytes("prefix", r.Prefix)
	h.bytes("after", r.After)
	h.integer("limit", int64(r.Limit))
	h.flag("head", r.Head)
	h.version(r.Version)
	h.integer("expires", r.Expires)
	h.text("level", string(r.Level))
	h.mapID(r.Map)
	h.integer("deadline", r.Deadline)
	h.text("update", string(r.Update))
	h.text("if", string(r.If))
	h.flag("keep", r.Keep)
	h.flag("old", r.Old)
	h.bytes("to", r.To)
	h.flag("settled", r.Settled)
	return h.end(r.Value, last)
}

// MaxEntries is how many entries a message may have: their answers must fit one
// message too, and a message must not cost much more memory than it has bytes.
const MaxEntries = 256

// DecodeRequests reads a whole message; an empty one is a single empty request.
// Every failure is [ErrBadRequest], or [ErrTooLarge] past [MaxEntries], and then
// no request is returned: a message is carried out as a whole or not at all.
func DecodeRequests(msg []byte) (reqs []Request, err error) {
	if len(msg) == 0 {
		return []Request{{}}, nil
	}
	reqs = make([]Request, 0, min(1+bytes.Count(msg, []byte("\n")), MaxEntries))
	for len(msg) > 0 {
		if len(reqs) == MaxEntries {
			return nil, fmt.Errorf("%w: a message may have %d entries", ErrTooLarge, MaxEntries)
		}
		reqs = append(reqs, Request{})
		if msg, err = NextRequest(msg, &reqs[len(reqs)-1]); err != nil {
			return nil, err
		}
	}
	return reqs, nil
}

// OldValues counts the requests that change a value and want the old one: an answer
// without room for all of these must be refused before anything is done.
func OldValues(reqs []Request) (n int) {
	for i := range reqs {
		if reqs[i].Old {
			n++
		}
	}
	return n
}

// NextRequest reads the first entry of msg into r and returns what follows it.
// Every failure is [ErrBadRequest].
func NextRequest(msg []byte, r *Request) (rest []byte, err error) {
	*r = Request{}
	s := scanner{buf: msg}
	body := body{size: -1}
	err = s.object(func(name []byte) error { return r.field(&s, &body, name) })
	if err != nil {
		return nil, err
	}
	r.Value, rest, err = body.split(&s)
	return rest, err
}

func (r *Request) field(s *scanner, body *body, name []byte) (err error) {
	if s.null(name) {
		return nil
	}
	switch string(name) {
	case "key", "key64":
		if r.Key != nil {
			return fmt.Errorf("%w: the head has more than one key", ErrBadRequest)
		}
		r.Key, err = s.bytes(name)
	case "prefix", "prefix64":
		r.Prefix, err = s.bytes(name)
	case "after", "after64":
		r.After, err = s.bytes(name)
	case "limit":
		var n int64
		n, err = s.integer()
		r.Limit = int(n)
	case "head":
		r.Head, err = s.boolean()
	case "version":
		r.Version, err = s.version()
	case "expires":
		r.Expires, err = s.integer()
	case "level":
		r.Level, err = s.level()
	case "map":
		r.Map, err = s.mapID()
	case "deadline":
		r.Deadline, err = s.integer()
	default:
		return r.updateField(s, body, name)
	}
	return err
}
