package monitor

import (
	"encoding/json"
	"time"

	"dht/client"
	"dht/events"
)

// Line is one thing that a monitor shows: a request with what every node
// answered (Op is set), something else that happened at a node (Event is set),
// a loss (Lost is set), or how the connection to the bus is (only Detail is).
type Line struct {
	Time    time.Time // when it was seen here; of a request, its beginning
	Subject string    // of the message; of a request that came over TCP and so was no message, empty
	Op      events.Op
	Event   events.EventType
	Node    string // that the request is addressed to, empty for all; at which the event happened
	Key     []byte // keys: the prefix
	Version events.Version
	Bytes   int64 // of the value
	Expires int64 // unix milliseconds; 0 is never
	Answers []Answer
	Took    time.Duration // of a request: until the last answer was seen here
	Detail  string        // of an event; of a request that cannot be read; of a loss, why
	Lost    int64         // how many messages or lines cannot be shown
}

// Answer is what one node answered to one entry of a request.
type Answer struct {
	Node   string
	Status events.Status // silent: it was expected to publish an answer and has not
	Detail string        // why it refused
	Took   time.Duration // by the node's own measure
}

type lineJSON struct {
	Time    string           `json:"time"`
	Subject *string          `json:"subject,omitempty"`
	Event   events.EventType `json:"event,omitempty"`
	Op      events.Op        `json:"op,omitempty"`
	Node    string           `json:"node,omitempty"`
	client.KeyText
	Version events.Version `json:"version,omitzero"`
	Bytes   int64          `json:"bytes,omitempty"`
	Expires int64          `json:"expires,omitempty"`
	Answers []answerJSON   `json:"answers,omitempty"`
	US      int64          `json:"us,omitempty"`
	Detail  string         `json:"detail,omitempty"`
	Lost    int64          `json:"lost,omitempty"`
}

type answerJSON struct {
	Node   string        `json:"node"`
	Status events.Status `json:"status"`
	Detail string        `json:"detail,omitempty"`
	US     int64         `json:"us,omitempty"`
}

// MarshalJSON writes the line as `dht monitor --json` prints it. Fields that are
// zero are left out, but for the subject of a request; a key that is not UTF-8
// stands as base64 under "key64".
func (l Line) MarshalJSON() ([]byte, error) {
	out := lineJSON{
		Time: l.Time.UTC().Format("2006-01-02T15:04:05.000Z"), Event: l.Event, Op: l.Op, Node: l.Node,
		KeyText: client.TextOf(l.Key), Version: l.Version,
		Bytes: l.Bytes, Expires: l.Expires, US: l.Took.Microseconds(), Detail: l.Detail, Lost: l.Lost,
	}
	if l.Op != "" || l.Event != "" {
		out.Subject = &l.Subject
	}
	for _, a := range l.Answers {
		out.Answers = append(out.Answers, answerJSON{a.Node, a.Status, a.Detail, a.Took.Microseconds()})
	}
	return json.Marshal(out)
}
