package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"dht/client"
	"dht/events"
)

// crowd is a transport with one node, linux, that answers puts when so many have
// come, refuses the key "bad", and says nothing about "silent".
type crowd struct {
	scripted
	together sync.WaitGroup
	mu       sync.Mutex
	stored   int
}

func (s *crowd) Ask(ctx context.Context, to string, op events.Op, message []byte, take func([]byte) bool) (int, error) {
	if op == events.OpInfo {
		return s.scripted.Ask(ctx, to, op, message, take)
	}
	s.together.Done()
	s.together.Wait()
	reqs, err := events.DecodeRequests(message)
	if err != nil {
		return 0, err
	}
	a := events.Answer{Node: "linux", Status: events.StatusStored, Owner: 1, Version: reqs[0].Version}
	switch string(reqs[0].Key) {
	case "silent":
		return 1, nil
	case "bad":
		a = events.Answer{Node: "linux", Status: events.StatusError, Owner: 1, Code: events.ErrReadOnly}
	default:
		s.mu.Lock()
		s.stored++
		s.mu.Unlock()
	}
	take(events.AppendAnswers(nil, a))
	return 1, nil
}

// TestClient_LoadCountsWhatIsIn fails one of many puts that are under way at
// once: the others go in, and are counted.
func TestClient_LoadCountsWhatIsIn(t *testing.T) {
	const atOnce = 40
	for names, want := range map[string]string{"bad": "readonly", "bad silent": "; 1 more may be in or not", "silent": "; 1 more may be in or not"} {
		s := &crowd{}
		s.together.Add(atOnce)
		odd := strings.Fields(names)
		steps := 0
		loaded, err := client.New(s, client.Options{}).Load(t.Context(), numbered(atOnce, odd), func() { steps++ })
		if loaded != atOnce-len(odd) || loaded != s.stored || steps != loaded {
			t.Errorf("%s: %d are loaded, %d steps; the node stored %d", names, loaded, steps, s.stored)
		}
		if err == nil || want != "readonly" && !strings.HasSuffix(err.Error(), want) || want == "readonly" && (!errors.Is(err, events.ErrReadOnly) || strings.Contains(err.Error(), "more")) {
			t.Errorf("%s: %v, want %s", names, err, want)
		}
	}
}

// numbered are n items, the first of them called as odd says.
func numbered(n int, odd []string) iter.Seq2[client.Item, error] {
	return func(yield func(client.Item, error) bool) {
		for i := range n {
			key := fmt.Sprint("key ", i)
			if i < len(odd) {
				key = odd[i]
			}
			if !yield(client.Item{Key: []byte(key)}, nil) {
				return
			}
		}
	}
}
