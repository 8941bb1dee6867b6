package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

// lineBytes is about how many bytes the line of a record with a value of 100 takes.
const lineBytes = 200

// overwrite puts random ones of n keys again and again, many at a time.
func overwrite(t *testing.T, h *storetest.Harness, r *rand.Rand, n, times int, each func()) {
	value := fmt.Sprintf("%0100d", 7)
	for range times / 100 {
		var changes []events.Change
		for range 100 {
			changes = append(changes, storetest.Write(events.Record{
				Key: fmt.Appendf(nil, "key:%06d", r.IntN(n)), Value: []byte(value), Version: h.Clock.Next()}))
		}
		if err := h.Apply(changes...); err != nil {
			t.Fatal(err)
		}
		each()
	}
}

// TestMerge_DiskUse overwrites 20,000 keys for long: the folder stays below 2.5
// times what the lines of the live records take, and a start reads little more
// than those.
func TestMerge_DiskUse(t *testing.T) {
	const keys = 20_000
	d := storetest.NewDisk()
	var back int64 // that the disk got back
	o := store.Options{Owner: owner, FS: d, Notify: func(e events.Event) {
		if e.Type == events.EventMerge && e.Detail != "" {
			back += e.Bytes
		}
	}}
	j, err := store.Open("data", o)
	if err != nil {
		t.Fatal(err)
	}
	h := storetest.NewHarness(t, j)
	r := rand.New(rand.NewPCG(1, 1))
	overwrite(t, h, r, keys, 2*keys, func() {})
	most, live := int64(0), int64(keys*lineBytes)
	overwrite(t, h, r, keys, 6*keys, func() { most = max(most, d.Size()) })
	if most > live*5/2 {
		t.Fatalf("the folder takes up to %d bytes for %d that live", most, live)
	}
	t.Logf("at most %.2f times what lives", float64(most)/float64(live))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if written := int64(8 * keys * lineBytes); back < written/2 || back > written {
		t.Errorf("told that %d bytes came back of %d written", back, written)
	}
	report, err := store.Check("data", o)
	if err != nil || report.Bytes > live*5/2 {
		t.Fatalf("check: %+v, %v", report, err)
	}
}

// TestMerge_TombstonesGo deletes everything: once it may, all of it goes.
func TestMerge_TombstonesGo(t *testing.T) {
	d := storetest.NewDisk()
	m := newModel(t, 2)
	m.journal.Close()
	m.disk, m.options.Sealed = d, 1024
	m.open()
	for i := range 100 {
		m.Put(fmt.Sprint(i), "value")
	}
	for i := range 100 {
		m.Delete(fmt.Sprint(i))
	}
	m.Put("last", "value")
	m.Advance(2 * time.Minute)
	m.journal.Forget(m.Now())
	for i := 0; d.Size() > 4096; i++ { // merges go on beside
		m.Put("last", fmt.Sprint(i))
		m.Advance(time.Minute)
		if i > 100_000 {
			t.Fatalf("%d bytes are left", d.Size())
		}
	}
	m.WantUnknown("7")
	if err := m.journal.Close(); err != nil {
		t.Fatal(err)
	}
	m.open()
	m.WantUnknown("7")
	if s := m.journal.Stats(); s.Keys != 1 {
		t.Fatalf("%d keys", s.Keys)
	}
}

// TestMerge_KeepsTombstones restarts and merges without leave to forget: a
// tombstone stays.
func TestMerge_KeepsTombstones(t *testing.T) {
	m := newModel(t, 2)
	want := m.Delete("gone")
	for i := range 2000 {
		m.Put("other", fmt.Sprint(i))
		m.Advance(time.Minute)
	}
	m.Want(want)
	if err := m.journal.Close(); err != nil {
		t.Fatal(err)
	}
	m.open()
	m.Want(want)
}
