package events_test

import (
	"testing"
	"time"

	"dht/events"
)

// TestBucketOf demands that every duration lies below its bucket's bound, and
// not below the one before.
func TestBucketOf(t *testing.T) {
	for d := time.Duration(0); d < 40*time.Second; d = d*9/8 + 1 {
		i := events.BucketOf(d)
		last := i == events.Buckets-1
		if i < 0 || i >= events.Buckets || d >= events.BucketBound(i) && !last || i > 0 && d < events.BucketBound(i-1) {
			t.Fatalf("%v is in bucket %d, below %v", d, i, events.BucketBound(i))
		}
	}
	if events.BucketOf(-1) != 0 {
		t.Error("a clock that is set back finds no bucket")
	}
}

func histogram(durations ...time.Duration) (h events.Histogram) {
	h.Counts = make([]int64, events.Buckets)
	for _, d := range durations {
		h.Counts[events.BucketOf(d)]++
		h.SumNS += d.Nanoseconds()
	}
	return h
}

func TestHistogram_Quantile(t *testing.T) {
	var thousand []time.Duration
	for i := range 1000 {
		thousand = append(thousand, time.Duration(i+1)*time.Microsecond)
	}
	h := histogram(thousand...)
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond, 1: time.Millisecond} {
		if got := h.Quantile(q); got < want*2/3 || got > want*3/2 {
			t.Errorf("quantile %v is %v, want about %v", q, got, want)
		}
	}
	if got := (events.Histogram{}).Quantile(0.5); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
}

func TestLoad_Since(t *testing.T) {
	load := func(puts int64, h events.Histogram) events.Load {
		return events.Load{
			Requests: map[events.Op]map[events.Status]int64{events.OpPut: {events.StatusStored: puts}},
			Took:     map[events.Op]events.Histogram{events.OpPut: h},
		}
	}
	one := histogram(time.Millisecond)
	both := one.Plus(histogram(time.Second))
	since := load(5, both).Since(load(3, one))
	if n := since.Requests[events.OpPut][events.StatusStored]; n != 2 {
		t.Errorf("from 3 to 5 puts are %d", n)
	}
	if h := since.Took[events.OpPut]; h.Count() != 1 || h.SumNS != time.Second.Nanoseconds() || h.Quantile(1) < 900*time.Millisecond {
		t.Errorf("what came in between is %+v", h)
	}
	// A node that was started anew counts from zero.
	since = load(1, one).Since(load(9, both))
	if since.Requests[events.OpPut][events.StatusStored] != 1 || since.Took[events.OpPut].Count() != 1 {
		t.Errorf("after a restart: %+v", since)
	}
}
