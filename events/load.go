package events

import (
	"math/bits"
	"time"
)

// Load counts what a node has answered since it started. Two of them, taken one
// after the other, give rates.
type Load struct {
	Requests map[Op]map[Status]int64 `json:"requests,omitempty"` // entries answered
	Took     map[Op]Histogram        `json:"took,omitempty"`     // of those that this node carried out
}

// Since is what was counted between earlier and l. A node that was started anew
// meanwhile counts from its start.
func (l Load) Since(earlier Load) Load {
	since := Load{Requests: map[Op]map[Status]int64{}, Took: map[Op]Histogram{}}
	for op, counts := range l.Requests {
		since.Requests[op] = map[Status]int64{}
		for status, n := range counts {
			since.Requests[op][status] = growth(n, earlier.Requests[op][status])
		}
	}
	for op, h := range l.Took {
		since.Took[op] = h.since(earlier.Took[op])
	}
	return since
}

func growth(now, before int64) int64 {
	if now < before {
		return now
	}
	return now - before
}

// Histogram counts durations by buckets that grow by halves and thirds: two to
// an octave, from 256 ns to 17 s.
type Histogram struct {
	Counts []int64 `json:"counts"` // by [BucketOf]; zeros at the end may be left out
	SumNS  int64   `json:"sum_ns"`
}

const (
	shortest = 8 // 256 ns, as a power of two
	octaves  = 26

	// Buckets is how many there are; the last one takes all that is longer.
	Buckets = 1 + 2*octaves + 1
)

// BucketOf is the bucket that counts d.
func BucketOf(d time.Duration) int {
	if d < 1<<shortest {
		return 0
	}
	n := bits.Len64(uint64(d))
	upperHalf := int(d>>(n-2)) & 1
	return min(1+2*(n-1-shortest)+upperHalf, Buckets-1)
}

// BucketBound is what the durations in bucket i stay below; what is in the last
// one may be longer.
func BucketBound(i int) time.Duration {
	octave := time.Duration(1) << (shortest + i/2)
	if i%2 == 1 {
		return octave * 3 / 2
	}
	return octave
}

// Count is how many durations were counted.
func (h Histogram) Count() (n int64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Quantile estimates what a share q of all durations stays below, 0 without
// any. It is off by less than half.
func (h Histogram) Quantile(q float64) time.Duration {
	rank, below := q*float64(h.Count()), 0.0
	for i, c := range h.Counts {
		if c == 0 || below+float64(c) < rank {
			below += float64(c)
			continue
		}
		lower := time.Duration(0)
		if i > 0 {
			lower = BucketBound(i - 1)
		}
		return lower + time.Duration((rank-below)/float64(c)*float64(BucketBound(i)-lower))
	}
	return 0
}

// Plus counts what both have counted.
func (h Histogram) Plus(other Histogram) Histogram {
	if len(h.Counts) < len(other.Counts) {
		h, other = other, h
	}
	sum := Histogram{Counts: append([]int64(nil), h.Counts...), SumNS: h.SumNS + other.SumNS}
	for i, c := range other.Counts {
		sum.Counts[i] += c
	}
	return sum
}

func (h Histogram) since(earlier Histogram) Histogram {
	if h.Count() < earlier.Count() {
		return h
	}
	since := Histogram{Counts: append([]int64(nil), h.Counts...), SumNS: h.SumNS - earlier.SumNS}
	for i, c := range earlier.Counts {
		if i < len(since.Counts) {
			since.Counts[i] -= c
		}
	}
	return since
}
