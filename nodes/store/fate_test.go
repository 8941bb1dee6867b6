package store_test

import (
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

var errnos = []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EMFILE, syscall.ENFILE}

// failing fails the k-th step of one kind.
type failing struct {
	op    string
	k     int64
	errno syscall.Errno
	seen  atomic.Int64
}

func (f *failing) step(s storetest.Step) error {
	if s.Op == f.op && f.seen.Add(1) == f.k {
		return f.errno
	}
	return nil
}

func (f *failing) fired() bool { return f.seen.Load() >= f.k }

// TestFate fails each step of each kind of a run, with every error that matters:
// nothing is lost, nothing is answered as written once a sync has failed, and what
// was refused does not come back, whatever the crash that follows leaves.
func TestFate(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	for _, op := range []string{"create", "write", "truncate", "sync", "rename", "remove", "syncdir"} {
		for _, errno := range errnos {
			t.Run(fmt.Sprint(op, "/", errno), func(t *testing.T) {
				k := int64(1)
				for failOnce(t, &failing{op: op, k: k, errno: errno}) {
					k += 1 + k/8
				}
				if k < 5 && op != "remove" { // those depend on when a merge comes
					t.Fatalf("there were less than %d steps to fail", k)
				}
			})
		}
	}
}

// failOnce reports whether the step was reached.
func failOnce(t *testing.T, f *failing) bool {
	t.Helper()
	m := newModel(t, uint64(f.k))
	m.disk.SetFault(f.step)
	for range runLength / 2 {
		failed := m.journal.Err() != nil
		m.write(1 + m.rand.IntN(6))
		if failed {
			m.refuses()
			break
		}
	}
	m.stopsOnly(f)
	may := maps.Clone(m.may) // what a failed sync refused stays unknown until the crash
	m.check()
	m.may = may
	m.crash()
	m.open()
	m.check()
	m.write(1)
	m.crash()
	m.open()
	m.check()
	return f.fired()
}

// refuses checks that nothing is acknowledged any more.
func (m *model) refuses() {
	m.t.Helper()
	err := m.Apply(storetest.Write(events.Record{Key: []byte("never"), Version: m.Clock.Next()}))
	if !errors.Is(err, events.ErrStopped) || !errors.Is(m.journal.Ready(), events.ErrStopped) {
		m.t.Fatalf("after a failure: %v, %v, want %v", err, m.journal.Ready(), events.ErrStopped)
	}
	<-m.journal.Failed() // the process is asked to end
}

// stopsOnly checks that only what cannot be gone on with stopped the journal.
func (m *model) stopsOnly(f *failing) {
	m.t.Helper()
	transient := f.errno != syscall.EIO && (f.op == "create" || f.op == "write" || f.op == "rename")
	if err := m.journal.Err(); err != nil && (transient || !f.fired()) {
		m.t.Fatalf("%s %d, %v: the journal stopped: %v", f.op, f.k, f.errno, err)
	}
}

// TestFate_Sync: a failed sync is final whatever it says, is not tried again, and
// what it refused is gone when the process is killed.
func TestFate_Sync(t *testing.T) {
	for _, errno := range errnos {
		t.Run(fmt.Sprint(errno), func(t *testing.T) {
			m := newModel(t, 1)
			want := m.Put("before", "v")
			syncs := &failing{op: "sync", k: 1, errno: errno}
			m.disk.SetFault(syncs.step)
			r := events.Record{Key: []byte("refused"), Value: make([]byte, 500), Version: m.Clock.Next()}
			if err := m.Apply(storetest.Write(r)); !errors.Is(err, events.ErrStopped) || errors.Is(err, events.ErrReadOnly) {
				t.Fatalf("apply: %v, want %v", err, events.ErrStopped)
			}
			m.refuses()
			if n := syncs.seen.Load(); n != 1 {
				t.Fatalf("%d syncs, want 1", n)
			}
			disk := m.disk.Killed()
			m.journal.Close()
			m.disk = disk
			m.open()
			m.Want(want)
			m.WantUnknown("refused")
		})
	}
}

// TestFate_TakeBackFails: when what a full disk cut short cannot be taken back, the
// journal stops, though the disk is only full.
func TestFate_TakeBackFails(t *testing.T) {
	for _, op := range []string{"truncate", "sync"} {
		m := newModel(t, 1)
		m.Put("before", "v")
		m.disk.SetFault(func(s storetest.Step) error {
			if s.Op == op || s.Op == "write" {
				return syscall.ENOSPC
			}
			return nil
		})
		r := events.Record{Key: []byte("refused"), Value: make([]byte, 500), Version: m.Clock.Next()}
		if err := m.Apply(storetest.Write(r)); !errors.Is(err, events.ErrStopped) {
			t.Fatalf("apply: %v, want %v", err, events.ErrStopped)
		}
		m.refuses()
	}
}

// TestFate_ReadOnly: a full disk is said to be full by whatever error, and as soon
// as there is room the journal is ready again, without anybody writing.
func TestFate_ReadOnly(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		synctest.Test(t, func(t *testing.T) {
			m := newModel(t, 1)
			want := m.Put("before", "v")
			var full atomic.Bool
			full.Store(true)
			m.disk.SetFault(func(s storetest.Step) error {
				if s.Op == "write" && full.Load() {
					return errno
				}
				return nil
			})
			r := events.Record{Key: []byte("refused"), Value: []byte("v"), Version: m.Clock.Next()}
			if err := m.Apply(storetest.Write(r)); !errors.Is(err, events.ErrReadOnly) {
				t.Fatalf("apply: %v, want %v", err, events.ErrReadOnly)
			}
			time.Sleep(5 * time.Second) // of the bubble's clock
			if err := m.journal.Ready(); !errors.Is(err, events.ErrReadOnly) || !errors.Is(err, errno) {
				t.Fatalf("ready: %v, want %v because of %v", err, events.ErrReadOnly, errno)
			}
			m.Want(want)
			full.Store(false)
			time.Sleep(5 * time.Second)
			if err := m.journal.Ready(); err != nil {
				t.Fatalf("with room again: %v", err)
			}
			m.WantUnknown("refused")
			if err := m.journal.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestFate_NoDescriptor: as long as there is no descriptor for the next segment,
// the one that is appended to grows, and nothing is refused.
func TestFate_NoDescriptor(t *testing.T) {
	m := newModelOn(t, storetest.NewDisk(), 1024)
	m.disk.SetFault(func(s storetest.Step) error {
		if s.Op == "create" || s.Op == "open" {
			return syscall.EMFILE
		}
		return nil
	})
	for i := range 100 {
		m.Put(fmt.Sprint(i), "value")
	}
	if n := len(names(m.disk)); n != 2 { // node.json is the other
		t.Fatalf("%d files", n)
	}
	m.disk.SetFault(nil)
	m.Put("last", "value")
	m.Put("last", "value")
	if n := len(names(m.disk)); n < 3 || m.journal.Ready() != nil {
		t.Fatalf("%d files, %v", n, m.journal.Ready())
	}
}

// TestFate_Open fails each step of a start: it either works or says why, changes no
// records, and works the next time.
func TestFate_Open(t *testing.T) {
	for _, op := range []string{"open", "create", "write", "truncate", "sync", "rename", "remove", "syncdir"} {
		for _, errno := range errnos {
			for k := int64(1); ; k++ {
				m := newModel(t, uint64(k))
				run(m, 20)
				m.crash()
				f := &failing{op: op, k: k, errno: errno}
				m.disk.SetFault(f.step)
				m.options.FS = m.disk
				j, err := store.Open("data", m.options)
				if err == nil {
					m.journal = j
				} else if !errors.Is(err, errno) {
					t.Fatalf("%s %d, %v: %v", op, k, errno, err)
				}
				m.crash()
				m.open()
				m.check()
				if !f.fired() {
					break
				}
			}
		}
	}
}
