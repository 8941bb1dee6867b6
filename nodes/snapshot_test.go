package nodes

import (
	"sync"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/placement"
)

// TestNode_AnOperationGoesByOneMap sets two maps in turn while requests are
// answered: each message is answered by one of them throughout.
func TestNode_AnOperationGoesByOneMap(t *testing.T) {
	law := func(epoch uint64, linux, mac string) *placement.Map {
		m, err := placement.New(events.Cluster{Name: "two", Epoch: epoch, Copies: 1,
			Nodes: []events.Member{{Name: "mac", Rule: mac}, {Name: "linux", Rule: linux}}})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	mine, others := law(3, `otherwise`, `prefix "m"`), law(4, `prefix "l"`, `otherwise`)
	n, err := New(Options{Map: mine, Name: "linux", Store: inline{}, Clock: events.NewClock(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for m, next := others, mine; ; m, next = next, m {
			select {
			case <-done:
				return
			default:
			}
			if err := n.setMap(m); err != nil {
				t.Error(err)
			}
		}
	})
	reqs := []events.Request{{Key: []byte("a")}, {Key: []byte("b")}, {Key: []byte("c")}, {Key: []byte("d")}}
	want := map[events.MapID]events.Status{mine.ID(): events.StatusStored, others.ID(): events.StatusNotStored}
	seen := map[events.MapID]int{}
	for seen[mine.ID()] < 100 || seen[others.ID()] < 100 {
		n.Do(events.OpPut, reqs, func(answers []events.Answer) {
			seen[answers[0].Map]++
			for _, a := range answers {
				if a.Map != answers[0].Map || a.Status != want[a.Map] {
					t.Errorf("one message is answered %s by map %s and %s by map %s",
						answers[0].Status, answers[0].Map, a.Status, a.Map)
				}
			}
		})
		if i := n.Info(); i.Map.Epoch != i.Cluster.Epoch {
			t.Errorf("info of map %s with the cluster of epoch %d", i.Map, i.Cluster.Epoch)
		}
	}
	close(done)
	all.Wait()
}

// TestNode_SetMapRefusesAMapWithoutTheNode, and goes on with the one it has.
func TestNode_SetMapRefusesAMapWithoutTheNode(t *testing.T) {
	c := events.Cluster{Name: "two", Epoch: 1, Copies: 1, Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}}
	m, err := placement.New(c)
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(Options{Map: m, Name: "linux", Store: inline{}, Clock: events.NewClock(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	c.Epoch, c.Nodes[0].Name = 2, "mac"
	other, err := placement.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.setMap(other); events.CodeOf(err) != events.ErrConfig || n.Info().Map != m.ID() {
		t.Errorf("%v, and it goes by map %s", err, n.Info().Map)
	}
}
