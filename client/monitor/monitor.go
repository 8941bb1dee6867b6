// Package monitor shows what goes over the bus: a monitor is a client that only
// listens.
//
// A [Reader] makes sights of messages, a [Correlator] makes lines of sights, and
// [Watch] brings both to a connection; a [Snapshot] is what nodes say of
// themselves. It changes nothing but that nodes publish their answers while it
// watches. It imports events, client and nats.go.
package monitor

import (
	"bytes"
	"time"

	"dht/events"
)

// Sight is one thing seen: an entry of a request, or an event.
type Sight struct {
	Time    time.Time
	Subject string
	Event   events.Event // its Type is empty for a request

	// Of a request:

	ID      []byte // the same in its answers; nil where neither the sender nor a reply subject gives one
	Op      events.Op
	Node    string // that it is addressed to; empty: every node
	Key     []byte // keys: the prefix
	Version events.Version
	Bytes   int64 // of the value
	Expires int64
	Fault   error // why it cannot be read
}

// Reader makes sights of messages.
type Reader struct{ subjects events.Subjects }

// NewReader reads the messages of one cluster.
func NewReader(s events.Subjects) Reader { return Reader{s} }

// Read returns what one message shows: nothing when it is not of the cluster.
// The sights keep nothing of data.
func (r Reader) Read(subject, reply string, data []byte, at time.Time) []Sight {
	if node, op, ok := r.subjects.Op(subject); ok {
		return readRequest(Sight{Time: at, Subject: subject, ID: events.ReplyID(reply), Op: op, Node: node}, data)
	}
	e, err := events.DecodeEvent(data)
	if err != nil || e.Type == "" || subject != r.subjects.Event(e.Node, e.Type) {
		return nil
	}
	return []Sight{{Time: at, Subject: subject, Event: e}}
}

func readRequest(s Sight, data []byte) (list []Sight) {
	if s.Op == events.OpInfo && bytes.Contains(data, []byte(`"x-from"`)) {
		return nil // nodes ask each other all the time who they are
	}
	if s.Op == events.OpInfo || s.Op == events.OpWatch {
		return []Sight{s}
	}
	reqs, err := events.DecodeRequests(data)
	if err != nil {
		s.Fault = err
		return []Sight{s}
	}
	byReply := s.ID
	for _, r := range reqs {
		if s.ID = byReply; len(r.ID) > 0 {
			s.ID = bytes.Clone(r.ID)
		}
		s.Key, s.Version, s.Bytes, s.Expires = bytes.Clone(r.Key), r.Version, int64(len(r.Value)), r.Expires
		if s.Op == events.OpKeys {
			s.Key = bytes.Clone(r.Prefix)
		}
		list = append(list, s)
	}
	return list
}
