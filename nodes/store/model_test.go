package store_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the randomised tests")

// model is what a journal must hold: for each key the records that may stand,
// more than one only after a crash that some writes were not answered before.
type model struct {
	*storetest.Harness
	t       testing.TB
	rand    *rand.Rand
	disk    *storetest.Disk
	options store.Options
	journal *store.Journal
	may     map[string][]events.Record
	newest  events.Version // of what was answered
}

func newModel(t testing.TB, seed uint64) *model {
	m := &model{t: t, rand: rand.New(rand.NewPCG(seed, 0)), disk: storetest.NewDisk(), may: map[string][]events.Record{}}
	m.Harness = storetest.NewHarness(t, nil)
	m.options = store.Options{Owner: owner, Now: m.Now, Sealed: 2048, KeepDeleted: time.Minute}
	if seed%2 == 1 {
		m.options.Memory = 3000 // some values stay
	}
	m.open()
	t.Cleanup(func() { m.journal.Close() })
	return m
}

// newModelOn is a model over what is on d, with segments of at most sealed bytes.
func newModelOn(t testing.TB, d *storetest.Disk, sealed int64) *model {
	t.Helper()
	m := newModel(t, 2)
	if err := m.journal.Close(); err != nil {
		t.Fatal(err)
	}
	m.disk, m.options.Sealed = d, sealed
	m.open()
	return m
}

func (m *model) open() {
	m.t.Helper()
	m.options.FS = m.disk
	j, err := store.Open("data", m.options)
	if err != nil {
		m.t.Fatal(err)
	}
	m.journal, m.Store = j, j
}

func (m *model) key() string { return fmt.Sprintf("key-%d", m.rand.IntN(50)) }

// record invents a record to write.
func (m *model) record() events.Record {
	r := events.Record{Key: []byte(m.key()), Version: m.Clock.Next()}
	switch m.rand.IntN(10) {
	case 0, 1:
		r.Deleted = true
	case 2:
		r.Version = events.Version{} // drop
	case 3:
		r.Expires = m.Now().Add(time.Duration(m.rand.IntN(2000)) * time.Millisecond).UnixMilli()
		fallthrough
	default:
		r.Value = bytes.Repeat([]byte{byte(m.rand.IntN(256))}, m.rand.IntN(60))
	}
	return r
}

// write queues n records at once and waits for the answers.
func (m *model) write(n int) {
	type answer struct {
		record events.Record
		err    error
	}
	answers := make(chan answer, n)
	for range n {
		r := m.record()
		m.journal.Apply([]events.Change{storetest.Write(r)}, func(err error) { answers <- answer{r, err} })
	}
	for range n {
		a := <-answers
		key := string(a.record.Key)
		switch {
		case a.err == nil:
			m.may[key] = []events.Record{a.record}
			if a.record.Version.Compare(m.newest) > 0 {
				m.newest = a.record.Version
			}
		case errors.Is(a.err, events.ErrReadOnly), errors.Is(a.err, events.ErrBusy): // certainly not written
		case errors.Is(a.err, events.ErrStopped):
			m.may[key] = append(m.before(key), a.record)
		default:
			m.t.Fatalf("apply: %v", a.err)
		}
	}
}

// before is what may stand of key.
func (m *model) before(key string) []events.Record {
	if may, ok := m.may[key]; ok {
		return may
	}
	return []events.Record{{}}
}

// check compares every key, the listing and the counts.
func (m *model) check() {
	m.t.Helper()
	var listing []string
	var stats events.StoreStats
	for key := range m.may {
		got, err := m.journal.Get([]byte(key))
		if err != nil {
			m.t.Fatalf("get %s: %v", key, err)
		}
		if !slices.ContainsFunc(m.before(key), func(may events.Record) bool { return m.stands(got, may) }) {
			m.t.Fatalf("get %s: got %v, want one of %v", key, got, m.before(key))
		}
		m.may[key] = []events.Record{got}
		if got.Live(m.Now()) {
			listing = append(listing, key)
			stats.Keys++
			if got.Expires != 0 {
				stats.Expiring++
			}
			stats.Bytes += int64(len(key) + len(got.Value))
		}
	}
	slices.Sort(listing)
	keys, _, err := m.journal.List(nil, nil, 1000)
	if got := storetest.KeyText(keys); got != storetest.KeyText(infos(listing)) || err != nil {
		m.t.Fatalf("got keys %q, %v, want %q", got, err, listing)
	}
	if got := m.journal.Stats(); got != stats {
		m.t.Fatalf("got stats %v, want %v", got, stats)
	}
	if m.journal.Newest().Compare(m.newest) < 0 {
		m.t.Fatalf("newest is %v, but %v was answered", m.journal.Newest(), m.newest)
	}
}

func infos(keys []string) (infos []events.KeyInfo) {
	for _, key := range keys {
		infos = append(infos, events.KeyInfo{Key: []byte(key)})
	}
	return infos
}

// stands reports whether got may be found where may was written: a tombstone
// goes in time, and what has expired becomes one.
func (m *model) stands(got, may events.Record) bool {
	if !may.Known() || !may.Live(m.Now()) {
		tombstone := events.Record{Key: may.Key, Version: may.Version, Deleted: true}
		return !got.Known() || storetest.Same(got, may) || storetest.Same(got, tombstone)
	}
	return storetest.Same(got, may)
}

// crash ends the journal's process at once, in one of two ways, and starts anew.
func (m *model) crash() {
	next := m.disk.Killed
	if m.rand.IntN(2) == 0 {
		next = func() *storetest.Disk { return m.disk.PowerLost(m.rand) }
	}
	disk := next()
	m.journal.Close()
	m.disk = disk
}

// crashLater lets the power go after a few more steps, in the middle of writes.
func (m *model) crashLater() {
	last := m.disk.Steps() + m.rand.IntN(40)
	m.disk.SetFault(func(s storetest.Step) error {
		if s.N > last {
			return storetest.ErrPower
		}
		return nil
	})
	for m.journal.Err() == nil {
		m.write(1 + m.rand.IntN(8))
	}
	m.crash()
}

// crashOnStart lets the power go while a journal starts.
func (m *model) crashOnStart() {
	last := m.rand.IntN(6)
	m.disk.SetFault(func(s storetest.Step) error {
		if s.N > last {
			return storetest.ErrPower
		}
		return nil
	})
	m.options.FS = m.disk
	if j, err := store.Open("data", m.options); err == nil {
		m.journal = j
	}
	m.crash()
}

// fill lets the disk run full, and have room again.
func (m *model) fill() {
	m.disk.SetRoom(int64(m.rand.IntN(3000)))
	if m.rand.IntN(2) == 0 { // as where even writing over a file takes room
		m.disk.SetRoom(-1)
		full := rand.New(rand.NewPCG(m.rand.Uint64(), 0))
		m.disk.SetFault(func(s storetest.Step) error {
			if s.Op == "write" && full.IntN(2) == 0 {
				return syscall.ENOSPC
			}
			return nil
		})
	}
	for range 20 {
		m.write(1 + m.rand.IntN(4))
	}
	m.check()
	if m.rand.IntN(2) == 0 {
		m.disk.SetRoom(-1)
		m.disk.SetFault(nil)
	} else {
		m.crash()
		m.open()
		m.check()
	}
}

// TestModel runs random operations, restarts, crashes, full disks and merges
// against a map. A failing run is repeated with -seed.
func TestModel(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	for _, seed := range []uint64{*seed, *seed + 1} { // with and without a bound on memory
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { testModel(t, seed) })
	}
}

func testModel(t *testing.T, seed uint64) {
	m := newModel(t, seed)
	for step := range 50_000 {
		switch n := m.rand.IntN(2000); {
		case n == 0:
			m.crash()
			m.open()
			m.check()
		case n == 1:
			m.crashLater()
			if m.rand.IntN(2) == 0 {
				m.crashOnStart()
			}
			m.open()
			m.check()
		case n == 2:
			if err := m.journal.Close(); err != nil {
				t.Fatal(err)
			}
			m.open()
			m.check()
		case n == 3:
			m.fill()
		case n == 4:
			m.journal.Forget(m.Now().Add(-time.Second))
		case n < 20:
			m.Advance(time.Duration(m.rand.IntN(5000)) * time.Millisecond)
		case n < 60:
			m.check()
		case n < 1000:
			key := m.key()
			if got, err := m.journal.Get([]byte(key)); err != nil || !m.stands(got, m.before(key)[0]) {
				t.Fatalf("step %d: get %s: got %v, %v, want %v", step, key, got, err, m.before(key))
			}
		default:
			m.write(1)
		}
	}
	m.check()
}
