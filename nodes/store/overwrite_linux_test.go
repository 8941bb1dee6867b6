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

// BenchmarkOverwrite puts values of 100 bytes under random ones of a million
// keys, from 50 callers with 16 at a time: first until most are there, then, as
// what is measured, over them. It tells the processor time of a put, how many
// bytes are written for one of lines, and the folder's size beside that of the
// keys and values.
func BenchmarkOverwrite(b *testing.B) {
	dir := b.TempDir()
	fs := &countingFS{FS: store.OS()}
	j := open(b, dir, store.Options{FS: fs})
	clock := events.NewClock(time.Now)
	overwriteRandom(b, j, clock, 2*million)
	b.ResetTimer()
	written, used := fs.written.Load(), processorTime(b)
	overwriteRandom(b, j, clock, b.N)
	b.StopTimer()
	b.ReportMetric(float64((processorTime(b)-used).Nanoseconds())/float64(b.N)/1e3, "cpu-µs/put")
	b.ReportMetric(float64(fs.written.Load()-written)/float64(b.N)/randomLine, "written/put")
	b.ReportMetric(float64(folderSize(b, dir))/float64(j.Stats().Bytes), "disk/live")
}

const (
	callers    = 50
	pipelined  = 16
	randomLine = float64(len(`{"key":"key:000000000000","version":"00000000-0000-0000-0000-000000000000","value":"","crc":"00000000"}`) + 101)
)

// overwriteRandom puts n times.
func overwriteRandom(b *testing.B, j *store.Journal, clock *events.Clock, n int) {
	value := []byte(fmt.Sprintf("%0100d", 7))
	var group sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	for range callers {
		group.Go(func() {
			done := make(chan error, 1)
			answer := func(err error) { done <- err }
			for left.Add(-pipelined) > -pipelined {
				changes := make([]events.Change, pipelined)
				for i := range changes {
					r := events.Record{Key: benchKey(rand.IntN(million)), Value: value, Version: clock.Next()}
					changes[i] = events.Change{Key: r.Key, Blind: true, Decide: func(current events.Record) (events.Record, bool) {
						return r, r.Version.Compare(current.Version) > 0
					}}
				}
				j.Apply(changes, answer)
				if err := <-done; err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
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

// countingFS counts the bytes written to files.
type countingFS struct {
	store.FS
	written atomic.Int64
}

func (c *countingFS) Create(name string) (store.File, error) {
	f, err := c.FS.Create(name)
	return countingFile{f, c}, err
}

type countingFile struct {
	store.File
	fs *countingFS
}

func (f countingFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.written.Add(int64(len(b)))
	return f.File.WriteAt(b, off)
}
