package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/store"
)

// BenchmarkOverwrite puts values of 100 bytes under random keys, from 50 callers
// with 16 at a time: first until nearly all are there, then, as what is measured,
// over them. It tells the processor time of a put, how many bytes are written for
// one of lines, and the folder's largest size beside that of the keys and values.
func BenchmarkOverwrite(b *testing.B) {
	for _, keys := range []int{10_000, 100_000, million} {
		b.Run(fmt.Sprint("keys=", keys), func(b *testing.B) { benchmarkOverwrite(b, keys) })
	}
}

func benchmarkOverwrite(b *testing.B, keys int) {
	fs := &meteredFS{FS: store.OS()}
	o := overwriter{b: b, dir: b.TempDir(), clock: events.NewClock(time.Now), keys: keys}
	o.journal = open(b, o.dir, store.Options{FS: fs})
	o.put(3 * keys)
	o.largest.Store(0)
	b.ResetTimer()
	written, used := fs.written.Load(), processorTime(b)
	o.put(b.N)
	b.StopTimer()
	b.ReportMetric(float64((processorTime(b)-used).Nanoseconds())/float64(b.N)/1e3, "cpu-µs/put")
	b.ReportMetric(float64(fs.written.Load()-written)/float64(b.N)/overwriteLine, "written/line")
	b.ReportMetric(float64(o.largest.Load())/float64(o.journal.Stats().Bytes), "most/live")
}

const (
	callers       = 50
	pipelined     = 16
	overwriteLine = 204 // bytes of a line
)

// overwriter puts over random keys.
type overwriter struct {
	b       *testing.B
	dir     string
	journal *store.Journal
	clock   *events.Clock
	keys    int
	largest atomic.Int64 // size of the folder
}

// put puts n times.
func (o *overwriter) put(n int) {
	var group sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	for range callers {
		group.Go(func() {
			done := make(chan error, 1)
			for at := left.Add(-pipelined); at > -pipelined; at = left.Add(-pipelined) {
				if at/pipelined%64 == 0 {
					o.measure()
				}
				o.journal.Apply(o.changes(), func(err error) { done <- err })
				if err := <-done; err != nil {
					o.b.Error(err)
				}
			}
		})
	}
	group.Wait()
}

var overwriteValue = []byte(fmt.Sprintf("%0100d", 7))

func (o *overwriter) changes() []events.Change {
	changes := make([]events.Change, pipelined)
	for i := range changes {
		r := events.Record{Key: benchKey(rand.IntN(o.keys)), Value: overwriteValue, Version: o.clock.Next()}
		changes[i] = events.Change{Key: r.Key, Blind: true, Decide: func(current events.Record) (events.Record, bool) {
			return r, r.Version.Compare(current.Version) > 0
		}}
	}
	return changes
}

// measure notes the folder's size.
func (o *overwriter) measure() {
	size := folderSize(o.b, o.dir)
	for old := o.largest.Load(); size > old && !o.largest.CompareAndSwap(old, size); {
		old = o.largest.Load()
	}
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// folderSize is what the files of a folder take.
func folderSize(b *testing.B, dir string) (n int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil { // else merged meanwhile
			n += info.Size()
		}
	}
	return n
}
