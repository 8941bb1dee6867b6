package events

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// EventType is the last token of an event's subject.
type EventType string

const (
	EventPut    EventType = "put"    // a value was stored, durably
	EventDelete EventType = "delete" // a tombstone was written
	EventUp     EventType = "up"     // the node is ready
	EventDown   EventType = "down"   // the node is closing
)

// Event tells of a happening at a node as a CloudEvent 1.0 in structured JSON
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
type Event struct {
	SpecVersion string    `json:"specversion"`
	ID          Version   `json:"id"`
	Source      string    `json:"source"` // "/cluster/node"
	Type        EventType `json:"type"`
	Time        time.Time `json:"time"`
	ContentType string    `json:"datacontenttype"`
	Data        EventData `json:"data"`
}

// EventData is what an event is about.
type EventData struct {
	Node    string  `json:"node"`
	Key     string  `json:"key,omitempty"`
	Key64   []byte  `json:"key64,omitempty"` // instead of Key, when it is not UTF-8
	Version Version `json:"version,omitzero"`
	Expires int64   `json:"expires,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
}

// NewEvent describes a happening of type t at node of cluster, stamped id.
func NewEvent(cluster, node string, t EventType, id Version) Event {
	return Event{
		SpecVersion: "1.0",
		ID:          id,
		Source:      "/" + cluster + "/" + node,
		Type:        t,
		Time:        id.Time().UTC(),
		ContentType: "application/json",
		Data:        EventData{Node: node},
	}
}

// SetRecord says that the event is about r.
func (e *Event) SetRecord(r Record) {
	if utf8.Valid(r.Key) {
		e.Data.Key = string(r.Key)
	} else {
		e.Data.Key64 = r.Key
	}
	e.Data.Version, e.Data.Expires, e.Data.Bytes = r.Version, r.Expires, int64(len(r.Value))
}

// KeyBytes is the key that the event is about, nil when it is about none.
func (d *EventData) KeyBytes() []byte {
	if d.Key != "" {
		return []byte(d.Key)
	}
	return d.Key64
}

// Encode writes the event as structured JSON.
func (e Event) Encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.Type, err)
	}
	return b, nil
}

// DecodeEvent reads what [Event.Encode] wrote. Every failure is [ErrBadRequest].
func DecodeEvent(b []byte) (e Event, err error) {
	if err := json.Unmarshal(b, &e); err != nil {
		return Event{}, fmt.Errorf("%w: decode event: %v", ErrBadRequest, err)
	}
	return e, nil
}
