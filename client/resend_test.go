package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"dht/client"
	"dht/events"
	"dht/nodes/placement"
)

// scripted is a transport with one node, linux, that answers as told.
type scripted struct {
	sent   int
	answer events.Answer
	asked  int
}

func (s *scripted) Ask(_ context.Context, _ string, op events.Op, _ []byte, take func([]byte) bool) (int, error) {
	if op == events.OpInfo {
		law := events.Cluster{Name: "one", Epoch: 1, Copies: 1, Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}}
		m, err := placement.New(law)
		if err != nil {
			return 0, err
		}
		message, err := events.EncodeInfo(events.Info{Node: "linux", Map: m.ID(), Time: time.Now().UnixMilli(), Cluster: law})
		take(message)
		return 1, err
	}
	s.asked++
	take(events.AppendAnswers(nil, s.answer))
	return s.sent, nil
}

func (s *scripted) MaxMessage() int { return 1 << 20 }
func (s *scripted) Close() error    { return nil }

// TestClient_ResentWriteIsNotStampedAnew: a put that was sent twice may have been
// applied the first time. Stamped anew it would undo what came in between.
func TestClient_ResentWriteIsNotStampedAnew(t *testing.T) {
	refusals := map[string]events.Answer{
		"superseded":  {Node: "linux", Status: events.StatusSuperseded, Owner: 1, Version: events.NewClock(time.Now).Next()},
		"clock ahead": {Node: "linux", Status: events.StatusError, Owner: 1, Code: events.ErrClockAhead, Time: time.Now().UnixMilli()},
		"late":        {Node: "linux", Status: events.StatusError, Owner: 1, Code: events.ErrLate, Time: time.Now().UnixMilli()},
	}
	for name, refusal := range refusals {
		s := &scripted{sent: 2, answer: refusal}
		cl := client.New(s, client.Options{})
		if _, err := cl.Put(t.Context(), []byte("k"), nil); !errors.Is(err, events.ErrUnknown) || s.asked != 1 {
			t.Errorf("%s: %v after %d requests, want unknown after one", name, err, s.asked)
		}
		s = &scripted{sent: 2, answer: refusal}
		if _, err := client.New(s, client.Options{}).Get(t.Context(), []byte("k")); errors.Is(err, events.ErrUnknown) {
			t.Errorf("%s: a get is %v", name, err)
		}
	}
}
