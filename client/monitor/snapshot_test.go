package monitor_test

import (
	"testing"
	"time"

	"dht/client"
	"dht/client/monitor"
	"dht/events"
)

// status is a node that has put and got so often since its start.
func status(id events.Version, uptime time.Duration, puts, gets int64) client.NodeStatus {
	histogram := func(n int64, took time.Duration) events.Histogram {
		h := events.Histogram{Counts: make([]int64, events.Buckets)}
		h.Counts[events.BucketOf(took)] = n
		return h
	}
	return client.NodeStatus{Name: "linux", Up: true, Expected: 0.5, Info: events.Info{Node: "linux", ID: id, Keys: 3, UptimeMS: uptime.Milliseconds(),
		Load: events.Load{
			Requests: map[events.Op]map[events.Status]int64{events.OpPut: {events.StatusStored: puts}, events.OpGet: {events.StatusFound: gets}},
			Took:     map[events.Op]events.Histogram{events.OpPut: histogram(puts, 10*time.Millisecond), events.OpGet: histogram(gets, 100*time.Microsecond)},
		}}}
}

func TestSnapshot_Next(t *testing.T) {
	first, second := events.Version{1}, events.Version{2}
	down := client.NodeStatus{Name: "mac", Expected: 0.25, Info: events.Info{}}
	full := client.NodeStatus{Name: "android", Up: true, Expected: 0.25, Info: events.Info{ID: first, Keys: 1}}
	var snapshot monitor.Snapshot
	for _, step := range []struct {
		what          string
		node          client.NodeStatus
		reads, writes float64
		slow          bool // the median
	}{
		{"since its start", status(first, 10*time.Second, 20, 100), 10, 2, false},
		{"two seconds later", status(first, 12*time.Second, 30, 100), 0, 5, true},
		{"started anew", status(second, time.Second, 1, 4), 4, 1, false},
	} {
		snapshot = snapshot.Next([]client.NodeStatus{step.node, down, full})
		cards := snapshot.Cards
		linux, mac := cards[0], cards[1]
		if linux.Reads != step.reads || linux.Writes != step.writes {
			t.Errorf("%s: %v reads and %v writes a second", step.what, linux.Reads, linux.Writes)
		}
		if slow := linux.P50US > 1000; slow != step.slow || linux.P99US < 5000 && linux.Writes > 1 {
			t.Errorf("%s: median %v µs, p99 %v µs", step.what, linux.P50US, linux.P99US)
		}
		if linux.Share != 0.5625 || linux.Expected != 0.5 || mac.Up || mac.Share != 0 || mac.Expected != 0.25 {
			t.Errorf("%s: cards %+v", step.what, cards)
		}
	}
}
