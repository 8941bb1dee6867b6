package nodes

import (
	"testing"
	"time"

	"dht/events"
	"dht/nodes/placement"
)

// inline is a store that finds nothing, and counts every change as done.
type inline struct{ Store }

func (inline) Apply(changes []events.Change, done func(error)) {
	for _, c := range changes {
		c.Decide(events.Record{})
	}
	done(nil)
}

func (inline) Scan([]byte, int) ([]events.Record, bool, error) { return nil, false, nil }
func (inline) Forget(time.Time)                                {}
func (inline) Stats() events.StoreStats                        { return events.StoreStats{} }
func (inline) Newest() events.Version                          { return events.Version{} }

// BenchmarkMeter measures what it costs to time and count a put, which a node
// always does, beside the whole put without its disk and its way there.
func BenchmarkMeter(b *testing.B) {
	law, err := placement.New(events.Cluster{Name: "one", Epoch: 1, Copies: 1,
		Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}})
	if err != nil {
		b.Fatal(err)
	}
	n, err := New(Options{Map: law, Name: "linux", Store: inline{}, Clock: events.NewClock(time.Now)})
	if err != nil {
		b.Fatal(err)
	}
	reqs := []events.Request{{Key: []byte("key:000000123456"), Value: make([]byte, 100)}}
	b.Run("put", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n.Do(events.OpPut, reqs, func([]events.Answer) {})
		}
	})
	answers := []events.Answer{n.at.Load().answer(events.StatusStored)}
	b.Run("meter", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n.answered(events.OpPut, reqs, answers, n.Clock.Now())
		}
	})
}

func TestMeter_CountsEveryPut(t *testing.T) {
	law, err := placement.New(events.Cluster{Name: "one", Epoch: 1, Copies: 1,
		Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_790_000_000_000)
	n, err := New(Options{Map: law, Name: "linux", Store: inline{}, Clock: events.NewClock(func() time.Time {
		now = now.Add(time.Millisecond)
		return now
	})})
	if err != nil {
		t.Fatal(err)
	}
	const puts = 100
	for range puts {
		n.Do(events.OpPut, []events.Request{{Key: []byte("lamp")}, {Key: nil}}, func([]events.Answer) {})
	}
	load := n.meter.load()
	if r := load.Requests[events.OpPut]; r[events.StatusStored] != puts || r[events.StatusError] != puts {
		t.Errorf("counted %v", r)
	}
	if h := load.Took[events.OpPut]; h.Count() != 2*puts || h.Quantile(0.5) < time.Millisecond ||
		h.Quantile(0.5) > 20*time.Millisecond {
		t.Errorf("took %v, half of them less than %v", h, h.Quantile(0.5))
	}
}
