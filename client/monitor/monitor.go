// Package monitor shows what goes over the bus: a monitor is a client that only
// listens.
//
// It reads requests and events, subject by subject; it decides nothing and
// changes nothing. It imports events and nats.go.
package monitor

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
)

// Sight is one line of what is seen: an entry of a request, or an event.
type Sight struct {
	Time    time.Time
	Subject string
	Event   events.EventType // of an event
	Op      events.Op        // of a request
	Node    string           // that tells, or that is asked; empty: everybody
	Key     []byte
	Version events.Version
	Bytes   int64 // of the value
}

// Reader makes sights of messages.
type Reader struct{ subjects events.Subjects }

// NewReader reads the messages of one cluster.
func NewReader(s events.Subjects) Reader { return Reader{s} }

// Read returns what one message shows: nothing when it is not of the cluster or
// cannot be read, as with replies.
func (r Reader) Read(subject string, data []byte, at time.Time) []Sight {
	if node, op, ok := r.subjects.Op(subject); ok {
		return readRequest(Sight{Time: at, Subject: subject, Op: op, Node: node}, data)
	}
	e, err := events.DecodeEvent(data)
	if err != nil || e.Type == "" {
		return nil
	}
	return []Sight{{Time: at, Subject: subject, Event: e.Type, Node: e.Node, Key: e.Key, Version: e.Version, Bytes: e.Bytes}}
}

func readRequest(s Sight, data []byte) (list []Sight) {
	reqs, err := events.DecodeRequests(data)
	if err != nil {
		return nil
	}
	for _, r := range reqs {
		s.Key, s.Version, s.Bytes = r.Key, r.Version, int64(len(r.Value))
		if s.Op == events.OpKeys {
			s.Key = r.Prefix
		}
		list = append(list, s)
	}
	return list
}

// queue is how many messages may wait for a slow reader before the newest are
// lost.
const queue = 65_536

// Watch calls show with everything seen on subjects that match pattern, until
// ctx ends or show fails. It returns how many messages were lost because show
// was too slow.
func Watch(ctx context.Context, conn *nats.Conn, s events.Subjects, pattern string, show func(Sight) error) (lost int, err error) {
	messages := make(chan *nats.Msg, queue)
	sub, err := conn.ChanSubscribe(pattern, messages)
	if err != nil {
		return 0, fmt.Errorf("watch %s: %w", pattern, err)
	}
	defer func() {
		lost, _ = sub.Dropped()
		_ = sub.Unsubscribe()
	}()
	reader := NewReader(s)
	for {
		select {
		case <-ctx.Done():
			return lost, nil
		case m := <-messages:
			for _, sight := range reader.Read(m.Subject, m.Data, time.Now()) {
				if err := show(sight); err != nil {
					return lost, err
				}
			}
		}
	}
}
