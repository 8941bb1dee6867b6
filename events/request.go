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
//
// and Map, Deadline, ID, Sent and Brief for each. A field that the operation does
// not take is refused by name, and so is one that nobody knows, unless its name
// begins with "x-": the sender had something in mind that would not be done.
type Request struct {
	Key      []byte
	Value    []byte
	Version  Version // zero: the first owner stamps
	Expires  int64   // unix milliseconds; 0 is never
	Level    Level
	Map      MapID  // the cluster map the sender believes in; zero is any
	Deadline int64  // unix milliseconds; a node answers later requests "late"; 0 is none
	ID       []byte // names the request, when it is sent again, too; at most [MaxID] bytes
	Sent     int64  // unix milliseconds, of its first sending, when it is sent again; 0: it is not

	Prefix []byte // keys: only keys that begin so
	After  []byte // keys: only keys behind this one
	Limit  int    // keys: at most so many; watch: so many a second; get: bytes of values in all answers; 0 leaves it to the node

	Update Update    // update: what becomes of the record
	If     Condition // update: only if this holds of it
	Before Version   // update: of what must stand, for [IfVersion]
	To     []byte    // update: rename's other key; "other" on the wire, where "to" is who coordinates

	// The flags and small numbers stand together: a connection copies each request
	// a few times, and four bytes here and there made it a tenth longer.
	Brief     bool // the answer may leave out reasons and owners
	Head      bool // get: the answer gives the value's bytes, not the value
	Keep      bool // update: it keeps its expiry
	Old       bool // update: the answer gives the value that stood before
	AlsoAsked bool // update: no other node knows anything newer, from an earlier map

	// Room is how many bytes the answer may have, heads included, by what carries
	// it; 0 leaves that to the node. It never travels.
	Room int32

	// Owner is the place among the key's owners, from 1 on, of the node that the
	// request is handed to, when the hander has found it out; 0 leaves that to the
	// node. It never travels.
	Owner int32
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
	if len(r.Prefix)|len(r.After)|r.Limit != 0 {
		h.bytes("prefix", r.Prefix)
		h.bytes("after", r.After)
		h.integer("limit", int64(r.Limit))
	}
	h.flag("head", r.Head)
	h.version(r.Version)
	h.integer("expires", r.Expires)
	h.text("level", string(r.Level))
	h.mapID(r.Map)
	h.integer("deadline", r.Deadline)
	if len(r.ID) > 0 || r.Sent != 0 || r.Brief {
		h.bytes("id", r.ID)
		h.integer("sent", r.Sent)
		h.flag("brief", r.Brief)
	}
	if r.Update != "" || r.If != "" || r.Keep || r.Old || r.AlsoAsked || len(r.To) > 0 {
		r.appendUpdate(&h)
	}
	return h.end(r.Value, last)
}

func (r *Request) appendUpdate(h *head) {
	h.text("update", string(r.Update))
	h.text("if", string(r.If))
	if !r.Before.IsZero() {
		h.buf = appendVersion(h.name("before"), r.Before)
	}
	h.flag("keep", r.Keep)
	h.flag("old", r.Old)
	h.bytes("other", r.To)
	h.flag("settled", r.AlsoAsked)
}

// MaxEntries is how many entries a message may have: their answers must fit one
// message too, and a message must not cost much more memory than it has bytes.
const MaxEntries = 256

// DecodeRequests reads a whole message; an empty one is a single empty request.
// Every failure is [ErrBadRequest], or [ErrTooLarge] past [MaxEntries], and then
// no request is returned: a message is carried out as a whole or not at all. What
// its fields mean together is not looked at, see [DecodeRequestsOf].
func DecodeRequests(msg []byte) ([]Request, error) { return DecodeRequestsOf("", msg) }

// DecodeRequestsOf is [DecodeRequests] of a message that asks for op: it refuses
// fields that op does not take.
func DecodeRequestsOf(op Op, msg []byte) (reqs []Request, err error) {
	if len(msg) == 0 {
		return []Request{{}}, nil
	}
	reqs = make([]Request, 0, min(1+bytes.Count(msg, []byte("\n")), MaxEntries))
	for len(msg) > 0 {
		if len(reqs) == MaxEntries {
			return nil, fmt.Errorf("%w: a message may have %d entries", ErrTooLarge, MaxEntries)
		}
		reqs = append(reqs, Request{})
		if msg, err = nextRequest(op, msg, &reqs[len(reqs)-1]); err != nil {
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
func NextRequest(msg []byte, r *Request) (rest []byte, err error) { return nextRequest("", msg, r) }

func nextRequest(op Op, msg []byte, r *Request) (rest []byte, err error) {
	*r = Request{}
	in := requestReader{r: r, s: scanner{buf: msg}, body: body{size: -1}}
	if err = in.s.object(in.field); err != nil {
		return nil, err
	}
	if err = in.check(op); err != nil {
		return nil, err
	}
	r.Value, rest, err = in.body.split(&in.s)
	return rest, err
}
