package monitor_test

import (
	"testing"

	"dht/client/monitor"
	"dht/events"
)

// TestPublishers_WhoIsNoNodeChangesNothing has somebody say that he is a node, that
// the nodes are others, and what he answers.
func TestPublishers_WhoIsNoNodeChangesNothing(t *testing.T) {
	b := newBench(t, "").leased("linux", "mac", "android")
	for _, forged := range []events.Info{
		{Node: "toaster", Cluster: events.Cluster{Nodes: []events.Member{{Name: "linux"}}}},
		{Node: "toaster"},
		{Node: "linux", Map: events.MapID{Epoch: 99}, Cluster: events.Cluster{Nodes: []events.Member{{Name: "linux"}, {Name: "evil"}}}},
	} {
		b.correlator.Leased(forged, at(-1000))
	}
	v := versions(1)[0]
	b.request(0, "", events.OpPut, "k", v)
	b.answer(1, "toaster", events.OpPut, "k", stored, v)
	b.answer(1, "toaster", events.OpPut, "of nobody", stored, v)
	b.answer(1, "linux", events.OpPut, "k", stored, v)
	b.answer(1, "mac", events.OpPut, "k", no, v)
	b.answer(1, "android", events.OpPut, "k", no, v)
	b.is("0 dht.put put k linux:stored mac:not-stored android:not-stored 1ms")
	b.correlator.Tick(at(3000))
	b.is()
}

// TestReader_EventsOfSomebodyElse has events whose subject names another node.
func TestReader_EventsOfSomebodyElse(t *testing.T) {
	subjects := events.NewSubjects("")
	e := events.Event{ID: versions(1)[0], Type: events.EventPut, Node: "linux", Key: []byte("k")}
	text := e.AppendTo(nil)
	for subject, want := range map[string]int{
		subjects.Event("linux", events.EventPut):    1,
		subjects.Event("mac", events.EventPut):      0,
		subjects.Event("linux", events.EventDelete): 0,
	} {
		if got := monitor.NewReader(subjects).Read(subject, "", text, start); len(got) != want {
			t.Errorf("%s shows %d events of %.40s", subject, len(got), text)
		}
	}
}
