package store_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

const million = 1_000_000

// millionKey is 16 bytes long, and in no order.
func millionKey(i int) []byte { return fmt.Appendf(nil, "%016x", uint64(i)*0x9e3779b97f4a7c15) }

// BenchmarkMillion is a million keys of 16 bytes with values of 100, in a process
// of their own: how long a start takes, how much of the process is in memory
// then, what a page of a listing costs.
func BenchmarkMillion(b *testing.B) {
	dir := b.TempDir()
	fillMillion(b, dir)
	b.ResetTimer()
	for b.Loop() {
		child := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkMillionChild$", "-test.benchtime=1x")
		child.Env = append(os.Environ(), millionDir+"="+dir)
		out, err := child.Output()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		fields := bytes.Fields(out[bytes.Index(out, []byte("\nBenchmarkMillionChild")):])
		for i := 4; i+1 < len(fields) && string(fields[i]) != "PASS"; i += 2 {
			n, err := strconv.ParseFloat(string(fields[i]), 64)
			if err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			b.ReportMetric(n, string(fields[i+1]))
		}
	}
}

// millionDir names the folder for the child process, in its environment.
const millionDir = "DHT_TEST_MILLION"

func BenchmarkMillionChild(b *testing.B) {
	dir := os.Getenv(millionDir)
	if dir == "" {
		return // only BenchmarkMillion means it
	}
	start := time.Now()
	j := open(b, dir, store.Options{})
	b.ReportMetric(time.Since(start).Seconds(), "start-s")
	b.ReportMetric(float64(resident(b))/million, "resident-B/key")
	start = time.Now()
	if keys, _, err := j.List([]byte("abc"), nil, 100); err != nil || len(keys) != 100 {
		b.Fatalf("listed %d keys, %v", len(keys), err)
	}
	b.ReportMetric(float64(time.Since(start).Microseconds()), "list100-µs")
}

func fillMillion(b *testing.B, dir string) {
	j := open(b, dir, store.Options{})
	h := storetest.NewHarness(b, j)
	value := bytes.Repeat([]byte("v"), 100)
	for i := 0; i < million; i += 1000 {
		var changes []events.Change
		for n := range 1000 {
			changes = append(changes, storetest.Write(events.Record{Key: millionKey(i + n), Value: value, Version: h.Clock.Next()}))
		}
		if err := h.Apply(changes...); err != nil {
			b.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}

// resident is the size of this process in memory, 0 where /proc does not tell.
func resident(b *testing.B) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	n, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	if err != nil {
		b.Fatal(err)
	}
	return n << 10
}
