package store_test

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"dht/events"
	"dht/nodes/store/storetest"
)

// run is a short life of a journal with several segments and merges: writes in
// batches until there were n or the journal failed.
func run(m *model, n int) {
	for range n {
		if m.journal.Err() != nil {
			return
		}
		m.write(1 + m.rand.IntN(6))
	}
}

const runLength = 60

// steps is how many steps a run has, about.
func steps(t *testing.T) int {
	m := newModel(t, 1)
	run(m, runLength)
	if err := m.journal.Close(); err != nil {
		t.Fatal(err)
	}
	return m.disk.Steps()
}

// TestCrash lets the power go at each step of a run, in both ways, and again at
// a step of the start that follows.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	for last := range steps(t) {
		m := newModel(t, uint64(last))
		m.disk.SetFault(func(s storetest.Step) error {
			if s.N > last+10 {
				return storetest.ErrPower
			}
			return nil
		})
		run(m, runLength)
		m.crash()
		if last%2 == 0 {
			m.crashOnStart()
		}
		m.open()
		m.check()
		m.write(1) // on top of what the crash left
		m.crash()
		m.open()
		m.check()
		run(m, 5)
		m.check()
	}
}

// TestError fails one step of a run: a write, a sync, a rename, a removal, the
// making of a file. Nothing is answered as written after that unless it is, and
// a restart finds all that was.
func TestError(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	for failing := range steps(t) {
		m := newModel(t, uint64(failing))
		m.disk.SetFault(func(s storetest.Step) error {
			if s.N == failing+10 {
				return syscall.EIO
			}
			return nil
		})
		run(m, runLength)
		if err := m.journal.Err(); err != nil && !errors.Is(err, syscall.EIO) {
			t.Fatalf("step %d failed, but the journal says %v", failing, err)
		}
		m.crash()
		m.open()
		m.check()
	}
}

// TestSyncError fails a sync: the journal stops, and does not try again.
func TestSyncError(t *testing.T) {
	m := newModel(t, 1)
	want := m.Put("before", "v")
	syncs := 0
	m.disk.SetFault(func(s storetest.Step) error {
		if s.Op == "sync" {
			if syncs++; syncs == 1 {
				return syscall.EIO
			}
		}
		return nil
	})
	for range 3 {
		r := events.Record{Key: []byte("after"), Version: m.Clock.Next()}
		if err := m.Apply(storetest.Write(r)); !errors.Is(err, events.ErrStopped) || !errors.Is(err, syscall.EIO) {
			t.Fatalf("apply: got %v, want %v", err, events.ErrStopped)
		}
	}
	<-m.journal.Failed()
	if !errors.Is(m.journal.Err(), syscall.EIO) || syncs != 1 {
		t.Fatalf("%d syncs, %v", syncs, m.journal.Err())
	}
	m.Want(want)
	m.WantUnknown("after")
}

// TestFull fills the disk: writes are refused, reads go on, and when there is
// room again so do writes. What was refused does not come back.
func TestFull(t *testing.T) {
	m := newModel(t, 1)
	want := m.Put("before", "v")
	m.disk.SetRoom(0)
	var err error
	for n := 0; err == nil; n++ {
		err = m.Apply(storetest.Write(events.Record{Key: []byte("refused"), Value: make([]byte, 2000), Version: m.Clock.Next()}))
	}
	if !errors.Is(err, events.ErrReadOnly) || m.journal.Err() != nil {
		t.Fatalf("apply: got %v and %v, want %v", err, m.journal.Err(), events.ErrReadOnly)
	}
	m.Want(want)
	m.WantUnknown("refused")
	m.disk.SetRoom(-1)
	after := m.Put("after", "v")
	disk := m.disk.PowerLost(rand.New(rand.NewPCG(1, 1)))
	m.journal.Close()
	m.disk = disk
	m.open()
	m.Want(want)
	m.Want(after)
	m.WantUnknown("refused")
}

func names(d *storetest.Disk) []string {
	names, _ := d.Names("data")
	return names
}

// TestDurableFirst looks at the store from within the sync of a write: neither
// is the write visible yet, nor is it answered.
func TestDurableFirst(t *testing.T) {
	m := newModel(t, 2)
	old := m.Put("k", "old")
	answered, synced := false, 0
	m.disk.SetFault(func(s storetest.Step) error {
		if s.Op == "sync" {
			synced++
			got, err := m.journal.Get(old.Key)
			if err != nil || !storetest.Same(got, old) || m.Keys("") != "k" || m.journal.Newest() != old.Version || answered {
				t.Error("a write shows before it is durable")
			}
		}
		return nil
	})
	next := events.Record{Key: []byte("k"), Value: []byte("next"), Version: m.Clock.Next()}
	other := events.Record{Key: []byte("other"), Value: []byte("v"), Version: m.Clock.Next()}
	done := make(chan error, 1)
	m.journal.Apply([]events.Change{storetest.Write(next), storetest.Write(other)}, func(err error) { answered = true; done <- err })
	if err := <-done; err != nil || synced != 1 {
		t.Fatalf("%d syncs, %v", synced, err)
	}
	m.disk.SetFault(nil)
	m.Want(next)
}
