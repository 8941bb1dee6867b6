package events

import (
	"encoding/json"
	"fmt"
	"time"
)

// Info is a node's answer to [OpInfo]: itself, and the whole cluster map it
// holds.
type Info struct {
	Node      string    `json:"node"`
	ID        Version   `json:"id"` // of this run of the process
	Rule      string    `json:"rule"`
	Map       MapID     `json:"map"`
	Cluster   Cluster   `json:"cluster"`
	Keys      int       `json:"keys"`
	Misplaced int       `json:"misplaced"`       // live keys held that belong to other nodes
	Clean     bool      `json:"settled"`         // no record held, a tombstone neither, belongs to another node
	Newest    Version   `json:"newest,omitzero"` // of all records it holds
	Bytes     int64     `json:"bytes"`
	Started   time.Time `json:"started"`
	UptimeMS  int64     `json:"uptime_ms"`         // by the node's own clock
	Time      int64     `json:"time"`              // the node's clock, unix milliseconds
	Unready   string    `json:"unready,omitempty"` // why it serves nothing now, or reads only
	Build     string    `json:"build"`
	OS        string    `json:"os"`
	Load
	Links []Link `json:"links,omitempty"`
}

// Link is a connection of a node to another, or to a NATS server.
type Link struct {
	To    string    `json:"to"`   // a node's name, or a server's URL
	Path  LinkPath  `json:"path"` // what goes over it
	State LinkState `json:"state"`
	Error string    `json:"error,omitempty"` // why it is down, as far as that is known
}

// LinkPath says what a link carries.
type LinkPath string

const (
	PathRoute LinkPath = "route" // between embedded NATS servers
	PathNATS  LinkPath = "nats"  // to outside NATS servers
	PathTCP   LinkPath = "tcp"   // forwarding, in the Redis protocol
)

// LinkState says whether a link works.
type LinkState string

const (
	LinkUp   LinkState = "up"
	LinkDown LinkState = "down"
	LinkIdle LinkState = "idle" // not needed so far, and so not tried
)

// Cluster is a cluster map as it travels and as it is hashed; package placement
// turns it into one that answers questions.
type Cluster struct {
	Name   string   `json:"name"`
	Epoch  uint64   `json:"epoch"`
	Copies Copies   `json:"copies"`
	Nodes  []Member `json:"nodes"`
}

// Member is one node of a cluster map.
type Member struct {
	Name string `json:"name"`
	Rule string `json:"rule"`
}

// Copies says how many owners a key has: 1, 2, 3 …, or [EveryMatch].
type Copies int

// EveryMatch makes every node whose rule claims a key an owner of it; its text
// is "every-match".
const EveryMatch Copies = -1

const everyMatchText = "every-match"

func (c Copies) String() string {
	if c == EveryMatch {
		return everyMatchText
	}
	return fmt.Sprint(int(c))
}

// MarshalJSON writes a number, or "every-match".
func (c Copies) MarshalJSON() ([]byte, error) {
	if c == EveryMatch {
		return json.Marshal(everyMatchText)
	}
	return json.Marshal(int(c))
}

// UnmarshalJSON reads what [Copies.MarshalJSON] wrote.
func (c *Copies) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("read copies: %w", err)
	}
	if n, ok := v.(float64); ok {
		v = int64(n)
	}
	got, err := ParseCopies(v)
	*c = got
	return err
}

// ParseCopies reads copies from a decoded configuration value: a whole number
// of at least 1, or the text "every-match". Anything else is [ErrConfig].
func ParseCopies(v any) (Copies, error) {
	switch v := v.(type) {
	case int64:
		if v >= 1 && v <= 1<<16 {
			return Copies(v), nil
		}
	case string:
		if v == everyMatchText {
			return EveryMatch, nil
		}
	}
	return 0, fmt.Errorf("%w: copies = %#v: write 1, 2, 3 … or %q", ErrConfig, v, everyMatchText)
}

// EncodeInfo writes the message that answers [OpInfo].
func EncodeInfo(i Info) ([]byte, error) {
	b, err := json.Marshal(i)
	if err != nil {
		return nil, fmt.Errorf("encode info of node %s: %w", i.Node, err)
	}
	return b, nil
}

// DecodeInfo reads what [EncodeInfo] wrote. Every failure is [ErrBadRequest].
func DecodeInfo(b []byte) (i Info, err error) {
	if err := json.Unmarshal(b, &i); err != nil {
		return Info{}, fmt.Errorf("%w: decode info: %v", ErrBadRequest, err)
	}
	if i.Node == "" {
		return Info{}, fmt.Errorf("%w: decode info: no node is named", ErrBadRequest)
	}
	if i.Cluster.Name == "" { // a refusal, maybe
		return Info{}, fmt.Errorf("%w: decode info: %s names no cluster", ErrBadRequest, i.Node)
	}
	return i, nil
}
