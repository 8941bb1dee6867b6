package store_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ storetest.Store = (*store.Journal)(nil)
	_ storetest.Store = (*storetest.Memory)(nil)
)

var owner = store.Owner{Cluster: "three", Node: "linux", Map: events.MapID{Epoch: 1, Hash: 0xabc}}

func TestMemory(t *testing.T) {
	storetest.Test(t, func(t *testing.T, now func() time.Time) storetest.Store {
		return storetest.NewMemory(now)
	})
}

func TestJournal(t *testing.T) {
	storetest.Test(t, func(t *testing.T, now func() time.Time) storetest.Store {
		return open(t, t.TempDir(), store.Options{Now: now})
	})
}

// TestJournal_NoMemory reads every value from disk.
func TestJournal_NoMemory(t *testing.T) {
	storetest.Test(t, func(t *testing.T, now func() time.Time) storetest.Store {
		return open(t, t.TempDir(), store.Options{Now: now, Memory: 1})
	})
}

func open(t testing.TB, dir string, o store.Options) *store.Journal {
	t.Helper()
	if o.Owner == (store.Owner{}) {
		o.Owner = owner
	}
	j, err := store.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}
