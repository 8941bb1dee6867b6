package events

import (
	"encoding/json"
	"fmt"
)

// EventType is the last token of an event's subject.
type EventType string

const (
	EventPut    EventType = "put"    // a value was stored, durably
	EventDelete EventType = "delete" // a tombstone was written
	EventUp     EventType = "up"     // the node is ready
	EventDown   EventType = "down"   // the node is closing
)

// Event tells of a happening at a node. It travels as a CloudEvent 1.0 in
// structured JSON
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md),
// whose data are the fields from Node on.
type Event struct {
	ID      Version // when it happened, too
	Type    EventType
	Source  string // "/cluster/node"
	Node    string
	Key     []byte // nil when it is about none
	Version Version
	Expires int64 // unix milliseconds; 0 is never
	Bytes   int64 // of the value
}

// NewEvent describes a happening of type t at node of cluster, stamped id.
func NewEvent(cluster, node string, t EventType, id Version) Event {
	return Event{ID: id, Type: t, Source: "/" + cluster + "/" + node, Node: node}
}

// About says that the event is about r.
func (e Event) About(r Record) Event {
	e.Key, e.Version, e.Expires, e.Bytes = r.Key, r.Version, r.Expires, int64(len(r.Value))
	return e
}

// AppendTo appends the event as structured JSON. A key that is not UTF-8 stands
// as base64 under "key64". Written by hand: an event goes out with every put,
// watched or not.
func (e Event) AppendTo(dst []byte) []byte {
	h := head{buf: dst, sep: '{'}
	h.text("specversion", specVersion)
	h.buf = append(appendVersion(h.name("id"), e.ID), `,"time":"`...)
	h.buf = e.ID.Time().UTC().AppendFormat(h.buf, "2006-01-02T15:04:05.000Z")
	h.buf = append(h.buf, '"')
	h.text("type", string(e.Type))
	h.text("source", e.Source)
	h.text("datacontenttype", "application/json")
	data := head{buf: h.name("data"), sep: '{'}
	data.text("node", e.Node)
	data.bytes("key", e.Key)
	data.version(e.Version)
	data.integer("expires", e.Expires)
	data.integer("bytes", e.Bytes)
	return append(data.buf, "}}"...)
}

const specVersion = "1.0"

// DecodeEvent reads what [Event.AppendTo] wrote. Every failure is
// [ErrBadRequest].
func DecodeEvent(b []byte) (Event, error) {
	var in struct {
		SpecVersion string    `json:"specversion"`
		ID          Version   `json:"id"`
		Type        EventType `json:"type"`
		Source      string    `json:"source"`
		Data        struct {
			Node    string  `json:"node"`
			Key     string  `json:"key"`
			Key64   []byte  `json:"key64"`
			Version Version `json:"version"`
			Expires int64   `json:"expires"`
			Bytes   int64   `json:"bytes"`
		} `json:"data"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return Event{}, fmt.Errorf("%w: decode event: %v", ErrBadRequest, err)
	}
	if in.SpecVersion != specVersion {
		return Event{}, fmt.Errorf("%w: decode event: specversion is %q, not %q", ErrBadRequest, in.SpecVersion, specVersion)
	}
	key := in.Data.Key64
	if in.Data.Key != "" {
		key = []byte(in.Data.Key)
	}
	return Event{in.ID, in.Type, in.Source, in.Data.Node, key, in.Data.Version, in.Data.Expires, in.Data.Bytes}, nil
}
