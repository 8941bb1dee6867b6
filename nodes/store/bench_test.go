package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

const benchKeys = 100_000

func benchKey(i int) []byte { return fmt.Appendf(nil, "key:%012d", i) }

// BenchmarkPut puts values of 100 bytes from 64 callers, each waiting for its
// put to be durable. Compare it with BenchmarkSync in the same run: the disk is
// in both.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			benchmarkPut(b, writers)
		})
	}
}

func benchmarkPut(b *testing.B, writers int) {
	j := open(b, b.TempDir(), store.Options{})
	clock := events.NewClock(time.Now)
	value := []byte(fmt.Sprintf("%0100d", 7))
	keys := make([][]byte, benchKeys)
	for i := range keys {
		keys[i] = benchKey(i)
	}
	b.ResetTimer()
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			done := make(chan error, 1)
			for i := w; i < b.N; i += writers {
				r := events.Record{Key: keys[i%benchKeys], Value: value, Version: clock.Next()}
				j.Apply([]events.Change{{Key: r.Key, Blind: true, Decide: func(current events.Record) (events.Record, bool) {
					return r, r.Version.Compare(current.Version) > 0
				}}}, func(err error) { done <- err })
				if err := <-done; err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
}

// BenchmarkSync is what the disk can do: append the lines of as many records as
// there are writers, sync, repeat.
func BenchmarkSync(b *testing.B) {
	for _, writers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			lines := make([]byte, 210*writers)
			for i := 0; i < b.N; i += writers {
				if _, err := f.Write(lines); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
		})
	}
}

func filled(b *testing.B, o store.Options) *store.Journal {
	j := open(b, b.TempDir(), o)
	h := storetest.NewHarness(b, j)
	value := []byte(fmt.Sprintf("%0100d", 7))
	for i := 0; i < benchKeys; i += 1000 {
		var changes []events.Change
		for n := range 1000 {
			changes = append(changes, storetest.Write(events.Record{Key: benchKey(i + n), Value: value, Version: h.Clock.Next()}))
		}
		if err := h.Apply(changes...); err != nil {
			b.Fatal(err)
		}
	}
	return j
}

// BenchmarkGet reads values from memory, and as a miss, with no memory for
// them, from a segment that the system has in its own.
func BenchmarkGet(b *testing.B) {
	for name, memory := range map[string]int64{"hit": 0, "miss": 1} {
		b.Run(name, func(b *testing.B) { benchmarkGet(b, memory) })
	}
}

func benchmarkGet(b *testing.B, memory int64) {
	j := filled(b, store.Options{Memory: memory})
	keys := make([][]byte, benchKeys)
	for i := range keys {
		keys[i] = benchKey(i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if r, err := j.Get(keys[rand.IntN(benchKeys)]); err != nil || len(r.Value) != 100 {
				b.Errorf("got %v, %v", r, err)
			}
		}
	})
}

func BenchmarkList(b *testing.B) {
	j := filled(b, store.Options{})
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if keys, _, err := j.List([]byte("key:00000005"), nil, 100); err != nil || len(keys) != 100 {
			b.Fatalf("got %d keys, %v", len(keys), err)
		}
	}
}
