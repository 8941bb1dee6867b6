package events

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// EventType is the last token of an event's subject. Answers are published only while
// somebody watches; of what expires while a node is down nothing is.
type EventType string

const (
	EventPut         EventType = "put"          // a value was stored, durably
	EventDelete      EventType = "delete"       // a tombstone was written
	EventExpire      EventType = "expire"       // a value's time passed less than a second ago
	EventAnswer      EventType = "answer"       // an entry of a request was answered; see [OpWatch]
	EventUp          EventType = "up"           // the node is ready
	EventDrain       EventType = "drain"        // the node takes no new requests and answers what is in flight
	EventDown        EventType = "down"         // the node is closing
	EventMerge       EventType = "merge"        // segments of the journal were merged into one
	EventCorrupt     EventType = "corrupt"      // damage was found on disk
	EventMapMismatch EventType = "map-mismatch" // somebody believes in another cluster map
	EventLost        EventType = "lost"         // Lost answers are not published: nobody asked for so many
)

// EventTypes returns every type of event that a node publishes.
func EventTypes() []EventType {
	return []EventType{EventPut, EventDelete, EventExpire, EventAnswer, EventUp, EventDrain, EventDown,
		EventMerge, EventCorrupt, EventMapMismatch, EventLost}
}

// Event is something that happened at a node. It travels as a CloudEvent 1.0 in
// structured JSON
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md),
// whose data are the fields from Node on, named as the package says; those that
// are zero are left out.
// Events are published at most once: what cannot be is counted in Lost.
type Event struct {
	ID      Version // when it happened, too
	Type    EventType
	Source  string // see [Source]
	Node    string
	Key     []byte // nil when it is about none
	Version Version
	Expires int64         // unix milliseconds; 0 is never
	Bytes   int64         // of the value; merge: that the disk got back
	Op      Op            // answer: what was asked
	Status  Status        // answer
	Took    time.Duration // answer: from when the node had the request until its answer; whole microseconds
	Detail  string        // why an answer is a refusal; what was merged; where the damage is; who differs
	Request []byte        // put, delete, answer: the id of the request, see [Request] and [ReplyID]
	Lost    int64         // how many events of this node were not published since the one before, see [EventLost]
}

// About says that the event is about r.
func (e Event) About(r Record) Event {
	e.Key, e.Version, e.Expires, e.Bytes = r.Key, r.Version, r.Expires, int64(len(r.Value))
	return e
}

// From says where and when the event happened.
func (e Event) From(cluster, node string, id Version) Event {
	e.ID, e.Node, e.Source = id, node, Source(cluster, node)
	return e
}

// Source is the source of a node's events.
func Source(cluster, node string) string { return "/" + cluster + "/" + node }

// ReplyID is the id of a request on the bus whose sender gave it none: who asks
// has a reply subject of his own for each, which all that hear the request hear as
// well, so that an id costs no byte of a message. It is nil where no reply is wanted.
//
// Whoever reads events must not learn where an answer would be believed: the id is
// a hash. Only the last two tokens count, which are the sender's own: NATS puts
// others in front on the way to another cluster.
func ReplyID(reply string) []byte {
	if reply == "" {
		return nil
	}
	last := strings.LastIndexByte(reply, '.')
	sum := sha256.Sum256([]byte(reply[strings.LastIndexByte(reply[:max(0, last)], '.')+1:]))
	return base64.RawURLEncoding.AppendEncode(nil, sum[:9])
}

// AppendTo appends the event as structured JSON. A key that is not UTF-8 stands
// as base64 under "key64". Written by hand: an event goes out with every put,
// watched or not.
func (e *Event) AppendTo(dst []byte) []byte {
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
	data.text("op", string(e.Op))
	data.text("status", string(e.Status))
	data.integer("us", e.Took.Microseconds())
	data.text("detail", e.Detail)
	data.bytes("request", e.Request)
	data.integer("lost", e.Lost)
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
			Op      Op      `json:"op"`
			Status  Status  `json:"status"`
			US      int64   `json:"us"`
			Detail  string  `json:"detail"`
			Request string  `json:"request"`
			ID64    []byte  `json:"request64"`
			Lost    int64   `json:"lost"`
		} `json:"data"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return Event{}, fmt.Errorf("%w: decode event: %v", ErrBadRequest, err)
	}
	if in.SpecVersion != specVersion {
		return Event{}, fmt.Errorf("%w: decode event: specversion is %q, not %q", ErrBadRequest,
			in.SpecVersion, specVersion)
	}
	key, request := in.Data.Key64, in.Data.ID64
	if in.Data.Key != "" {
		key = []byte(in.Data.Key)
	}
	if in.Data.Request != "" {
		request = []byte(in.Data.Request)
	}
	return Event{
		ID: in.ID, Type: in.Type, Source: in.Source,
		Node: in.Data.Node, Key: key, Version: in.Data.Version, Expires: in.Data.Expires, Bytes: in.Data.Bytes,
		Op: in.Data.Op, Status: in.Data.Status, Took: time.Duration(in.Data.US) * time.Microsecond,
		Detail: in.Data.Detail, Request: request, Lost: in.Data.Lost,
	}, nil
}
