package monitor_test

import (
	"fmt"
	"testing"

	"dht/events"
)

func TestCorrelator_LossIsCountedAndMemoryBounded(t *testing.T) {
	b := newBench(t, "").leased("linux")
	const flood = 100_000
	for i, v := range versions(flood) {
		b.request(0, "", events.OpPut, fmt.Sprint("k", i), v)
	}
	b.correlator.Tick(at(1))
	if len(b.shown) != 1 || b.lost == 0 {
		t.Fatalf("shown %.3q", b.shown)
	}
	b.correlator.Tick(at(2000))
	if shown := int64(len(b.shown) - 1); shown+b.lost != flood || shown > 20_000 {
		t.Errorf("%d lines and %d lost of %d requests", shown, b.lost, flood)
	}
	b.shown = nil
	b.event(2100, events.Event{Type: events.EventExpire, Node: "mac", Lost: 7})
	b.request(2100, "linux", events.OpGet, "k", events.Version{})
	b.event(2200, events.Event{Type: events.EventLost, Node: "linux", Lost: 2})
	b.event(2300, events.Event{Type: events.EventLost, Node: "mac", Lost: 3})
	b.correlator.Tick(at(2900))
	b.is("2100 dht.event.mac.expire expire@mac ")
	b.correlator.Tick(at(3200)) // what linux did not publish is no silence, and counted already
	b.is("3200    lost 2 (linux answered more than it publishes)", "3200    lost 10 (mac answered more than it publishes)")
}

// Of a request that all were asked a line is shown when all have published theirs,
// whatever they have not published beside.
func TestCorrelator_OnlyWholeLines(t *testing.T) {
	b, v := newBench(t, "").leased("linux", "mac", "android"), versions(3)
	for i, published := range [][]string{{"linux", "mac", "android"}, {"linux", "android"}, nil} {
		b.request(i, "", events.OpPut, fmt.Sprint("k", i), v[i])
		for _, node := range published {
			b.answer(i+1, node, events.OpPut, fmt.Sprint("k", i), stored, v[i])
		}
	}
	b.event(100, events.Event{Type: events.EventLost, Node: "mac", Lost: 2})
	b.event(101, events.Event{Type: events.EventLost, Node: "linux", Lost: 1})
	b.correlator.Tick(at(2000))
	b.is("0 dht.put put k0 linux:stored mac:stored android:stored 1ms",
		"2000    lost 1 (linux answered more than it publishes)", "2000    lost 2 (mac answered more than it publishes)")
}

// Who looks at one node is shown its losses alone.
func TestCorrelator_LossOfOneNode(t *testing.T) {
	for _, pattern := range []string{"dht.event.linux.>", "dht.node.linux.>"} {
		b := newBench(t, pattern)
		for _, node := range []string{"linux", "mac"} {
			b.event(0, events.Event{Type: events.EventLost, Node: node, Lost: 5})
		}
		b.correlator.Tick(at(2000))
		b.is("2000    lost 5 (linux answered more than it publishes)")
	}
}

// What one node has not published hides neither the silence of another, nor what it
// has published all the same.
func TestCorrelator_LossElsewhere(t *testing.T) {
	b, v := newBench(t, "").leased("linux", "mac", "android"), versions(1)
	b.request(0, "linux", events.OpGet, "k", events.Version{})
	b.request(1, "", events.OpPut, "k", v[0])
	b.answer(2, "linux", events.OpPut, "k", stored, v[0])
	b.event(3, events.Event{Type: events.EventLost, Node: "mac", Lost: 1})
	b.answer(4, "mac", events.OpPut, "k", no, v[0])
	b.correlator.Tick(at(1500))
	b.is("0 dht.node.linux.get get@linux k linux:silent", "1 dht.put put k linux:stored mac:not-stored android:silent 3ms",
		"1500    lost 1 (mac answered more than it publishes)")
}
