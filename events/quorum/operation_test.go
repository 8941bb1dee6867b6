package quorum_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"dht/events"
	"dht/events/quorum"
)

// asked describes an ask: "get head linux+mac".
func asked(a *quorum.Ask) string {
	words := []string{string(a.Op)}
	if a.Request.Head {
		words = append(words, "head")
	}
	if a.Request.Update != "" {
		words = append(words, string(a.Request.Update))
	}
	if a.Request.AlsoAsked {
		words = append(words, "again")
	}
	if a.Request.Expires != 0 {
		words = append(words, fmt.Sprint("expires=", a.Request.Expires))
	}
	return strings.Join(append(words, strings.Join(a.Nodes, "+")), " ")
}

// TestOperation drives operations at one owner, linux: each step is what is asked,
// and behind → what is answered to it.
func TestOperation(t *testing.T) {
	for name, tt := range map[string]struct {
		op        events.Op
		broadcast bool
		steps     []string
		want      string
		err       error
	}{
		"get":                         {events.OpGet, false, []string{"get linux → linux found@1"}, "found linux", nil},
		"get, others may know":        {events.OpGet, false, []string{"get linux → linux found@1?mac", "get mac → mac found@2"}, "found mac", nil},
		"get, all have heard it":      {events.OpGet, true, []string{"get linux → linux found@1?mac, mac found@2"}, "found mac", nil},
		"get, another is silent":      {events.OpGet, false, []string{"get linux → linux absent?mac", "get mac → "}, "", events.ErrOwnerOffline},
		"put":                         {events.OpPut, false, []string{"put linux → linux stored@1"}, "stored linux", nil},
		"delete":                      {events.OpDelete, false, []string{"delete linux → linux absent"}, "absent linux", nil},
		"delete, another holds it":    {events.OpDelete, false, []string{"delete linux → linux absent?mac", "get head linux+mac → linux deleted@2, mac found@1"}, "deleted linux", nil},
		"delete, no other holds it":   {events.OpDelete, true, []string{"delete linux → linux absent?mac", "get head linux+mac → linux deleted@2, mac absent"}, "absent linux", nil},
		"update":                      {events.OpUpdate, false, []string{"update add linux → linux stored@1"}, "stored linux", nil},
		"update, nothing was there":   {events.OpUpdate, false, []string{"update add linux → linux absent"}, "absent linux", nil},
		"update, no other knows more": {events.OpUpdate, false, []string{"update add linux → linux absent?mac", "get linux+mac → linux absent, mac absent", "update add again linux → linux stored@2"}, "stored linux", nil},
		"update, the owner's is newer": {events.OpUpdate, false, []string{"update add linux → linux absent?mac", "get linux+mac → linux found@2, mac found@1",
			"update add again linux → linux stored@2"}, "stored linux", nil},
		"update, another's is newer": {events.OpUpdate, true, []string{"update add linux → linux absent?mac", "get linux+mac → linux absent, mac found@1",
			"update adopt linux → linux stored@1", "update add again linux → linux stored@2"}, "stored linux", nil},
		"update, another knows a delete": {events.OpUpdate, true, []string{"update add linux → linux absent?mac", "get linux+mac → linux found@1?mac, mac deleted@2",
			"update adopt expires=1 linux → linux stored@2", "update add again linux → linux stored@2"}, "stored linux", nil},
		"update, something newer came": {events.OpUpdate, false, []string{"update add linux → linux absent?mac", "get linux+mac → linux absent, mac found@1",
			"update adopt linux → linux superseded@2", "update add again linux → linux unchanged"}, "unchanged linux", nil},
		"update, another is silent": {events.OpUpdate, false, []string{"update add linux → linux absent?mac", "get linux+mac → linux absent"}, "", events.ErrOwnerOffline},
		"update, the owner goes":    {events.OpUpdate, false, []string{"update add linux → linux absent?mac", "get linux+mac → linux absent, mac found@1", "update adopt linux → "}, "", events.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			r := events.Request{Key: []byte("k")}
			if tt.op == events.OpUpdate {
				r.Update = events.UpdateAdd
			}
			o := quorum.Begin(quorum.Question{Op: tt.op, Nodes: nodes, Owners: []string{"linux"}, Broadcast: tt.broadcast}, r)
			for i, more := 0, true; more; i, more = i+1, o.Next() {
				if i == len(tt.steps) {
					t.Fatalf("asks for more: %s", asked(o.Ask()))
				}
				want, reply, _ := strings.Cut(tt.steps[i], " → ")
				if got := asked(o.Ask()); got != want {
					t.Fatalf("step %d: asks %q, want %q", i, got, want)
				}
				for _, a := range answers(reply) {
					o.Tally().Add(a)
				}
				if i == len(tt.steps)-1 {
					defer func() {
						if got := o.Outcome(); !errors.Is(got.Err, tt.err) || tt.err == nil && fmt.Sprint(got.Status, " ", got.Winner.Node) != tt.want {
							t.Errorf("comes to %s of %s (%v), want %s (%v)", got.Status, got.Winner.Node, got.Err, tt.want, tt.err)
						}
					}()
				}
			}
		})
	}
}

// Why the only owner did not answer is the error; of several, that they did not.
func TestTally_NoAnswer(t *testing.T) {
	why := fmt.Errorf("%w: nothing was done", events.ErrOwnerOffline)
	for _, op := range []events.Op{events.OpPut, events.OpGet} {
		tally := quorum.New(quorum.Question{Op: op, Nodes: nodes, Owners: []string{"linux"}})
		tally.NoAnswer("mac", events.ErrInternal)
		tally.NoAnswer("linux", why)
		if err := tally.Outcome().Err; err != why {
			t.Errorf("%s: %v, want %v", op, err, why)
		}
		tally = quorum.New(quorum.Question{Op: op, Nodes: nodes, Owners: []string{"linux", "mac"}})
		tally.NoAnswer("linux", why)
		if err := tally.Outcome().Err; errors.Is(err, why) {
			t.Errorf("%s of two owners: %v", op, err)
		}
	}
}
