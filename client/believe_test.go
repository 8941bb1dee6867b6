package client_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dht/client"
	"dht/events"
	"dht/nodes"
	"dht/nodes/nodetest"
	"dht/nodes/placement"
)

// once returns replies to the first question of op, and none afterwards.
func once(op events.Op, replies ...string) func(events.Op, string) []string {
	return func(asked events.Op, to string) []string {
		if asked != op || to != "" {
			return nil
		}
		defer func() { replies = nil }()
		return replies
	}
}

func (p *inProcess) count(op events.Op) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, sent := range p.sent {
		if sent == op {
			n++
		}
	}
	return n
}

// TestClient_OneAnswerDoesNotMoveTheClock has answers in the owner's name say that
// it is another time: a put is sent once, as by a clock that is right, afterwards.
func TestClient_OneAnswerDoesNotMoveTheClock(t *testing.T) {
	in := func(d time.Duration) int64 { return time.Now().Add(d).UnixMilli() }
	for name, forged := range map[string]events.Answer{
		"a version at the end of time": {Status: events.StatusSuperseded, Version: version(t, "ffffffff-ffff-7fff-bfff-ffffffffffff")},
		"a version in a minute":        {Status: events.StatusSuperseded, Version: events.NewClock(func() time.Time { return time.Now().Add(time.Minute) }).Next()},
		"a version of an hour ago":     {Status: events.StatusSuperseded, Version: events.NewClock(func() time.Time { return time.Now().Add(-time.Hour) }).Next()},
		"a clock in 2100":              {Status: events.StatusError, Code: events.ErrClockAhead, Time: 4_102_444_800_000},
		"a clock of 1970":              {Status: events.StatusError, Code: events.ErrLate, Time: 1},
		"a clock before 1970":          {Status: events.StatusError, Code: events.ErrLate, Time: -1 << 62},
		"a clock an hour ahead":        {Status: events.StatusError, Code: events.ErrLate, Time: in(time.Hour)},
		"a clock an hour behind":       {Status: events.StatusError, Code: events.ErrClockAhead, Time: in(-time.Hour)},
		"a clock half a minute behind": {Status: events.StatusError, Code: events.ErrClockAhead, Time: in(-30 * time.Second)},
		"no time":                      {Status: events.StatusError, Code: events.ErrClockAhead},
	} {
		t.Run(name, func(t *testing.T) {
			forged.Node, forged.Owner = "linux", 1
			for _, op := range []events.Op{events.OpPut, events.OpDelete, events.OpGet} {
				p := &inProcess{Cluster: nodetest.NewCluster(t, nodetest.Three(1, 1))}
				p.forge = once(op, string(events.AppendAnswers(nil, forged)))
				cl := client.New(p, client.Options{})
				switch op { // whether that succeeds, the forged answer may decide
				case events.OpPut:
					_, _ = cl.Put(t.Context(), []byte("l1"), nil)
				case events.OpDelete:
					_, _ = cl.Delete(t.Context(), []byte("l1"))
				default:
					_, _ = cl.Get(t.Context(), []byte("l1"))
				}
				before := p.count(events.OpPut)
				put, err := cl.Put(t.Context(), []byte("l2"), nil, client.TTL(time.Hour))
				if off := time.Since(put.Version.Time()); err != nil || off.Abs() > 500*time.Millisecond {
					t.Errorf("after a forged answer to a %s the next put is stamped %v off, %v", op, off, err)
				}
				if n := p.count(events.OpPut) - before; n != 1 {
					t.Errorf("after a forged answer to a %s the next put was sent %d times", op, n)
				}
			}
		})
	}
}

func version(t *testing.T, text string) events.Version {
	t.Helper()
	v, err := events.ParseVersion([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// info is what a node of law says of itself.
func info(t *testing.T, node string, law events.Cluster, at time.Time) string {
	t.Helper()
	m, err := placement.New(law)
	if err != nil {
		t.Fatal(err)
	}
	message, err := events.EncodeInfo(events.Info{Node: node, Map: m.ID(), Cluster: law, Time: at.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	return string(message)
}

// TestClient_OneInfoDoesNotDecide has the first word that a client ever hears be
// a forged one.
func TestClient_OneInfoDoesNotDecide(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	evil := events.Cluster{Name: "three", Epoch: 99, Copies: 1, Nodes: []events.Member{{Name: "evil", Rule: "otherwise"}}}
	both := events.Cluster{Name: "three", Epoch: 99, Copies: 1, Nodes: []events.Member{{Name: "linux", Rule: `prefix "x"`}, {Name: "evil", Rule: "otherwise"}}}
	unlike := nodetest.Three(1, 1)
	unlike.Nodes[0].Rule = "otherwise"
	other := nodetest.Three(1, 1)
	other.Name = "other"
	for name, forged := range map[string]string{
		"a map of its own":         info(t, "evil", evil, time.Now()),
		"a newer map":              info(t, "linux", both, time.Now()),
		"a map of the same epoch":  info(t, "linux", unlike, time.Now()),
		"another cluster":          info(t, "linux", other, time.Now()),
		"no node of its map":       info(t, "toaster", nodetest.Three(1, 1), time.Now()),
		"another time":             info(t, "linux", nodetest.Three(1, 1), time.Now().Add(-30*time.Second)),
		"another time, far away":   info(t, "linux", nodetest.Three(1, 1), time.Now().Add(time.Hour)),
		"a map that is none":       `{"node":"linux","map":"99-0123456789abcdef","cluster":{"name":"three","epoch":99,"copies":1,"nodes":[]}}`,
		"a map under another name": `{"node":"linux","map":"99-0123456789abcdef","cluster":{"name":"three","epoch":1,"copies":1,"nodes":[{"name":"linux","rule":"otherwise"}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			p := &inProcess{Cluster: nodetest.NewCluster(t, nodetest.Three(1, 1)), forge: once(events.OpInfo, forged)}
			cl := client.New(p, client.Options{})
			put, err := cl.Put(t.Context(), []byte("a1"), []byte("v"))
			if off := time.Since(put.Version.Time()); err != nil || put.Node != "android" || off.Abs() > 500*time.Millisecond {
				t.Errorf("put: %+v, %v off, %v", put, off, err)
			}
			if m, err := cl.Map(t.Context()); err != nil || m.ID() != p.Map.ID() {
				t.Errorf("the client believes in map %v, %v", m, err)
			}
			if p.count(events.OpPut) != 1 {
				t.Errorf("it was sent %d times", p.count(events.OpPut))
			}
		})
	}
}

// TestClient_ComesBackFromAForgedMap has somebody forge everything for a while.
func TestClient_ComesBackFromAForgedMap(t *testing.T) {
	for _, nodes := range [][]events.Member{
		{{Name: "evil", Rule: "otherwise"}},
		{{Name: "linux", Rule: `prefix "x"`}, {Name: "evil", Rule: "otherwise"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			law := events.Cluster{Name: "three", Epoch: 99, Copies: 1, Nodes: nodes}
			var forged []string
			for _, n := range nodes {
				forged = append(forged, info(t, n.Name, law, time.Now()))
			}
			p := &inProcess{Cluster: nodetest.NewCluster(t, nodetest.Three(1, 1))}
			p.forge = func(op events.Op, to string) []string {
				if op == events.OpInfo {
					return forged
				}
				return nil
			}
			cl := client.New(p, client.Options{})
			if m, err := cl.Map(t.Context()); err != nil || m.Epoch() != 99 {
				t.Fatalf("the client is not deceived: %v, %v", m, err)
			}
			p.forge = nil
			_, _ = cl.Put(t.Context(), []byte("a1"), []byte("v"))
			if put, err := cl.Put(t.Context(), []byte("a1"), []byte("v")); err != nil || put.Node != "android" {
				t.Errorf("the second put afterwards: %+v, %v", put, err)
			}
		})
	}
}

// TestClient_OneNodeHasTheOldMap raises the epoch everywhere but at one node: a
// get gives the value or says why it cannot, and never that there is none.
func TestClient_OneNodeHasTheOldMap(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	law := example(2, 1)
	law.Nodes = slices.Insert(law.Nodes, 2, events.Member{Name: "tablet", Rule: "sha256 % 4 == 0"})
	before, after := nodetest.NewCluster(t, example(1, 1)), nodetest.NewCluster(t, law)
	writer := client.New(&inProcess{Cluster: after}, client.Options{})
	for i := range 500 {
		if _, err := writer.Put(t.Context(), fmt.Append(nil, i), fmt.Append(nil, "value ", i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, last := range []string{"linux", "mac", "android"} {
		mixed := &inProcess{Cluster: after, other: map[string]*nodes.Node{last: before.Nodes[last]}}
		all := &inProcess{Cluster: after, other: before.Nodes, silent: "tablet"}
		old := client.New(all, client.Options{}) // it has the old map
		if m, err := old.Map(t.Context()); err != nil || m.Epoch() != 1 {
			t.Fatalf("%v, %v", m, err)
		}
		all.other, all.silent = mixed.other, ""
		for name, cl := range map[string]*client.Client{"new": client.New(mixed, client.Options{}), "old": old} {
			found, stale := 0, 0
			for i := range 500 {
				got, err := cl.Get(t.Context(), fmt.Append(nil, i))
				switch {
				case err == nil && string(got.Value) == fmt.Sprint("value ", i):
					found++
				case errors.Is(err, events.ErrStaleMap):
					stale++
				default:
					t.Fatalf("%s has the old map, a client that is %s gets %q, %v", last, name, got.Value, err)
				}
			}
			if found == 0 || stale == 0 {
				t.Errorf("%s has the old map, a client that is %s: %d found, %d stale-map", last, name, found, stale)
			}
		}
	}
}
