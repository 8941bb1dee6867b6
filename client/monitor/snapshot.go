package monitor

import (
	"time"

	"dht/client"
	"dht/events"
)

// Card is one node at a glance, as `dht status --json`, `dht top` and the page
// show it.
type Card struct {
	Name      string        `json:"name"`
	Up        bool          `json:"up"`
	Rule      string        `json:"rule"`
	Keys      int           `json:"keys"`
	Misplaced int           `json:"misplaced"`
	Bytes     int64         `json:"bytes"`
	Share     float64       `json:"share"`             // of all keys, as it is
	Expected  float64       `json:"expected"`          // of all keys, as the rules say
	Pinned    bool          `json:"pinned"`            // its rule is a prefix: Expected says nothing
	Unready   string        `json:"unready,omitempty"` // why it serves nothing now, or reads only
	OS        string        `json:"os,omitempty"`
	Build     string        `json:"build,omitempty"`
	UptimeMS  int64         `json:"uptime_ms,omitempty"`
	Map       events.MapID  `json:"map,omitzero"` // the cluster map that it holds
	Links     []events.Link `json:"links,omitempty"`

	Requests map[events.Op]map[events.Status]int64 `json:"requests,omitempty"` // answered since its start

	// Since the snapshot before; since the node's start in the first one.
	Reads  float64 `json:"reads_per_s"`
	Writes float64 `json:"writes_per_s"`
	P50US  float64 `json:"p50_us"` // of the requests that it carried out
	P99US  float64 `json:"p99_us"`
}

// Sum is the cluster at a glance.
type Sum struct {
	Nodes, Up       int
	Keys, Misplaced int
	Bytes           int64
	Reads, Writes   float64 // a second
	P50US, P99US    float64
}

// Snapshot is what nodes said of themselves when they were asked together. The
// zero one is from before anybody was asked.
type Snapshot struct {
	Cards []Card // of all nodes, in map order
	infos map[string]events.Info
	took  events.Histogram // by all nodes, since the snapshot before
}

// Next is the snapshot that follows s.
func (s Snapshot) Next(nodes []client.NodeStatus) Snapshot {
	// At every-match keys live several times: the shares add up to as much as
	// the expected ones do. What a node that is down keeps is not known, and
	// taken to be what is expected.
	total, expected := 0, 0.0
	for _, n := range nodes {
		if n.Up {
			total += n.Info.Keys
			expected += n.Expected
		}
	}
	next := Snapshot{Cards: make([]Card, 0, len(nodes)), infos: map[string]events.Info{}}
	for _, n := range nodes {
		c := Card{Name: n.Name, Up: n.Up, Rule: n.Rule, Expected: n.Expected, Pinned: n.Prefix}
		if n.Up {
			next.took = next.took.Plus(c.fill(n.Info, s.infos[n.Name]))
			next.infos[n.Name] = n.Info
		}
		if total > 0 {
			c.Share = expected * float64(n.Info.Keys) / float64(total)
		}
		next.Cards = append(next.Cards, c)
	}
	return next
}

// Sum adds up the cards.
func (s Snapshot) Sum() Sum {
	sum := Sum{Nodes: len(s.Cards), P50US: micros(s.took.Quantile(0.5)), P99US: micros(s.took.Quantile(0.99))}
	for _, c := range s.Cards {
		if c.Up {
			sum.Up++
		}
		sum.Keys, sum.Misplaced, sum.Bytes = sum.Keys+c.Keys, sum.Misplaced+c.Misplaced, sum.Bytes+c.Bytes
		sum.Reads, sum.Writes = sum.Reads+c.Reads, sum.Writes+c.Writes
	}
	return sum
}

// fill takes what a node says of itself, and said before. It returns how long
// the requests between took.
func (c *Card) fill(now, before events.Info) (took events.Histogram) {
	c.Keys, c.Misplaced, c.Bytes = now.Keys, now.Misplaced, now.Bytes
	c.Unready, c.OS, c.Build, c.UptimeMS, c.Map, c.Links =
		now.Unready, now.OS, now.Build, now.UptimeMS, now.Map, now.Links
	c.Requests = now.Requests
	since := now.UptimeMS
	if now.ID == before.ID { // the same run of the process
		since -= before.UptimeMS
	} else {
		before = events.Info{}
	}
	load := now.Load.Since(before.Load)
	reads, writes := int64(0), int64(0)
	for op, h := range load.Took {
		took = took.Plus(h)
		if op.Writes() {
			writes += h.Count()
		} else {
			reads += h.Count()
		}
	}
	if since > 0 {
		c.Reads, c.Writes = float64(reads)*1000/float64(since), float64(writes)*1000/float64(since)
	}
	c.P50US, c.P99US = micros(took.Quantile(0.5)), micros(took.Quantile(0.99))
	return took
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
