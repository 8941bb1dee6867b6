package nodes

import (
	"sync/atomic"
	"time"

	"dht/events"
)

// meter counts what was answered. It costs a put less than a hundredth of its
// time, and so is always on.
type meter struct{ ops [5]opMeter }

type opMeter struct {
	requests [len(statuses) + 1]atomic.Int64 // the last one: of any other status
	took     [events.Buckets]atomic.Int64
	sumNS    atomic.Int64
}

// statuses are counted apart, the most frequent first.
var statuses = [...]events.Status{events.StatusFound, events.StatusStored, events.StatusNotStored, events.StatusAbsent,
	events.StatusDeleted, events.StatusSuperseded, events.StatusUnchanged, events.StatusListed,
	events.StatusCorrupt, events.StatusStaleMap, events.StatusBusy, events.StatusReadOnly}

var metered = [...]events.Op{events.OpPut, events.OpGet, events.OpDelete, events.OpUpdate, events.OpKeys}

func (m *meter) count(op events.Op, answers []events.Answer, took time.Duration) {
	for i := range metered {
		if metered[i] == op {
			m.ops[i].count(answers, took)
		}
	}
}

func (m *opMeter) count(answers []events.Answer, took time.Duration) {
	carriedOut := int64(0)
	for i := range answers {
		status := answers[i].Status
		switch {
		case answers[i].Node == "": // one key of a listing
			continue
		case status != events.StatusNotStored:
			carriedOut++
		}
		m.requests[indexOf(status)].Add(1)
	}
	if carriedOut > 0 {
		m.took[events.BucketOf(took)].Add(carriedOut)
		m.sumNS.Add(carriedOut * took.Nanoseconds())
	}
}

func indexOf(s events.Status) int {
	if s == "" { // the last answer of a listing
		s = events.StatusListed
	}
	for i := range statuses {
		if statuses[i] == s {
			return i
		}
	}
	return len(statuses)
}

// load is what was counted so far.
func (m *meter) load() events.Load {
	load := events.Load{Requests: map[events.Op]map[events.Status]int64{}, Took: map[events.Op]events.Histogram{}}
	for i := range m.ops {
		o := &m.ops[i]
		counts := o.counts()
		if len(counts) == 0 {
			continue
		}
		load.Requests[metered[i]] = counts
		if h := o.histogram(); len(h.Counts) > 0 {
			load.Took[metered[i]] = h
		}
	}
	return load
}

func (o *opMeter) counts() map[events.Status]int64 {
	counts := map[events.Status]int64{}
	for i := range o.requests {
		n := o.requests[i].Load()
		switch {
		case n == 0:
		case i == len(statuses):
			counts[events.StatusError] = n
		default:
			counts[statuses[i]] = n
		}
	}
	return counts
}

// histogram is what took how long, without the zeros at the end.
func (o *opMeter) histogram() (h events.Histogram) {
	h.SumNS = o.sumNS.Load()
	for i := range o.took {
		if n := o.took[i].Load(); n > 0 {
			h.Counts = append(h.Counts, make([]int64, i+1-len(h.Counts))...)
			h.Counts[i] = n
		}
	}
	return h
}
