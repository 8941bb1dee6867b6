package store_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	if testing.Short() {
		t.Skip("takes long")
	}
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
	m := newModelOn(t, d, 1024)
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

// pausingFS stops the first merge at one step, "create" or "rename", until it may
// go on.
type pausingFS struct {
	*storetest.Disk
	op     string
	paused chan struct{}
	goOn   chan struct{}
	once   *sync.Once
}

func newPausingFS(op string) pausingFS {
	return pausingFS{storetest.NewDisk(), op, make(chan struct{}), make(chan struct{}), new(sync.Once)}
}

func (p pausingFS) step(op, name string) {
	if op == p.op && strings.HasSuffix(name, ".jsonl.new") {
		p.once.Do(func() { close(p.paused); <-p.goOn })
	}
}

func (p pausingFS) Create(name string) (store.File, error) {
	p.step("create", name)
	return p.Disk.Create(name)
}

func (p pausingFS) Rename(from, to string) error {
	p.step("rename", from)
	return p.Disk.Rename(from, to)
}

// await calls each until the merge is paused.
func (p pausingFS) await(each func()) {
	for {
		select {
		case <-p.paused:
			return
		default:
			each()
		}
	}
}

// TestMerge_RefusesDamage damages a sealed segment that is about to be merged, in
// a line that lives and in one that does not: it stays as it is, and a check names
// the damage.
func TestMerge_RefusesDamage(t *testing.T) {
	for name, key := range map[string]string{"live": "stays", "dead": "again"} {
		t.Run(name, func(t *testing.T) {
			fs := newPausingFS("create")
			o := store.Options{Owner: owner, Sealed: 4096, FS: fs}
			j := open(t, "data", o)
			h := storetest.NewHarness(t, j)
			put := func(key string) { // behind another in its batch: such a line is copied as it is
				first := storetest.Write(events.Record{Key: []byte("first"), Version: h.Clock.Next()})
				if err := h.Apply(first, storetest.Write(events.Record{Key: []byte(key), Version: h.Clock.Next()})); err != nil {
					t.Fatal(err)
				}
			}
			put("stays")
			fs.await(func() { put("again") })
			content := fs.Content(firstSegment)
			at := bytes.Index(content, []byte(key))
			content[at+20] ^= 1
			fs.SetContent(firstSegment, content)
			close(fs.goOn)
			for range 200 {
				put("again")
			}
			close64(t, j)
			report, err := store.Check("data", o)
			if err != nil || len(report.Damage) != 1 || report.Damage[0].File != "00000001.jsonl" ||
				report.Damage[0].Offset != int64(bytes.LastIndexByte(content[:at], '\n')+1) {
				t.Fatalf("check: %+v, %v", report, err)
			}
		})
	}
}

// TestMerge_EveryKindOfLine merges lines with and without a mark, of values and
// keys that are not text, with escapes, tombstones and dropped keys: all is as
// before, and lines that need not change are copied as they are.
func TestMerge_EveryKindOfLine(t *testing.T) {
	d := storetest.NewDisk()
	m := newModelOn(t, d, 4096)
	write := func(r events.Record) events.Record {
		r.Version = m.Clock.Next()
		return r
	}
	want := []events.Record{
		write(events.Record{Key: []byte("text"), Value: []byte("plain")}),
		write(events.Record{Key: []byte("a \"quoted\" key\n"), Value: []byte("\\ and \t")}),
		write(events.Record{Key: []byte{0xff, 0}, Value: []byte{1, 2, 3}}),
		write(events.Record{Key: []byte("a mark?"), Value: []byte(`,"synced":7`)}),
		write(events.Record{Key: []byte("empty")}),
		write(events.Record{Key: []byte("with time"), Value: []byte("v"), Expires: m.Now().Add(time.Hour).UnixMilli()}),
		write(events.Record{Key: []byte("deleted"), Deleted: true}),
	}
	for _, r := range want[:2] { // each the first of its batch, with a mark
		if err := m.Apply(storetest.Write(r)); err != nil {
			t.Fatal(err)
		}
	}
	var changes []events.Change
	for _, r := range want[2:] {
		changes = append(changes, storetest.Write(r))
	}
	m.Put("dropped", "v")
	changes = append(changes, storetest.Write(events.Record{Key: []byte("dropped")}))
	if err := m.Apply(changes...); err != nil {
		t.Fatal(err)
	}
	lines := slices.Collect(bytes.Lines(d.Content(firstSegment)))
	for i := 0; !bytes.HasPrefix(d.Content(firstSegment), []byte(`{"segment":1,`)); i++ {
		m.Put("again", fmt.Sprint(i))
		if i > 100_000 {
			t.Fatal("nothing is merged")
		}
	}
	merged := d.Content(firstSegment)
	for _, line := range lines[4:8] {
		if !bytes.Contains(merged, line) {
			t.Errorf("the merged segment lacks %s", line)
		}
	}
	if bytes.Contains(merged, []byte(`,"synced":`)) {
		t.Error("a merged segment has a mark of where it came from")
	}
	for range 2 {
		for _, r := range want {
			m.Want(r)
		}
		m.WantUnknown("dropped")
		if err := m.journal.Close(); err != nil {
			t.Fatal(err)
		}
		m.open()
	}
}

// TestMerge_ChangesMeanwhile changes keys between the moment when a merge has
// copied their lines and the one when it counts: the changes stand, in what is
// read from disk, after more merges and after a restart.
func TestMerge_ChangesMeanwhile(t *testing.T) {
	fs := newPausingFS("rename")
	o := store.Options{Owner: owner, Sealed: 4096, FS: fs, Memory: 1}
	j := open(t, "data", o)
	h := storetest.NewHarness(t, j)
	var want []events.Record
	for i := range 10 {
		want = append(want, h.Put(fmt.Sprint("key ", i), "before"))
	}
	again := func() { want[9] = h.Put("key 9", "again and again") }
	fs.await(again)
	want[0] = h.Put("key 0", "after")
	want[1] = h.Delete("key 1")
	if err := h.Apply(storetest.Write(events.Record{Key: []byte("key 2")})); err != nil {
		t.Fatal(err)
	}
	close(fs.goOn)
	check := func() {
		t.Helper()
		for _, r := range slices.Delete(slices.Clone(want), 2, 3) {
			h.Want(r)
		}
		h.WantUnknown("key 2")
	}
	check()
	for range 500 {
		again()
	}
	check()
	close64(t, j)
	h.Store = open(t, "data", o)
	check()
}

// openToForget opens a journal that h drives, and that may forget all tombstones
// which are old enough.
func openToForget(t *testing.T, h *storetest.Harness, o store.Options) *store.Journal {
	t.Helper()
	j, err := store.Open("data", o)
	if err != nil {
		t.Fatal(err)
	}
	j.Forget(time.UnixMilli(1<<48 - 1))
	h.Store = j
	return j
}

// TestMerge_KeysThatComeAndGo puts and deletes ever new keys beside many that
// stay, in segments that nothing is ever gained from: the tombstones go all the
// same, and a restart brings nothing back.
func TestMerge_KeysThatComeAndGo(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	const stay, goes = 20_000, 100_000
	d := storetest.NewDisk()
	h := storetest.NewHarness(t, nil)
	o := store.Options{Owner: owner, FS: d, Now: h.Now, KeepDeleted: time.Minute}
	j := openToForget(t, h, o)
	value := bytes.Repeat([]byte("v"), 100)
	var changes []events.Change
	write := func(r events.Record) {
		r.Version = h.Clock.Next()
		if changes = append(changes, storetest.Write(r)); len(changes) < 1000 {
			return
		}
		if err := h.Apply(changes...); err != nil {
			t.Fatal(err)
		}
		changes = nil
	}
	for i := range stay {
		write(events.Record{Key: fmt.Appendf(nil, "stay:%06d", i), Value: value})
	}
	most, live := int64(0), int64(stay*lineBytes)
	for i := range goes {
		write(events.Record{Key: fmt.Appendf(nil, "goes:%06d", i), Value: value})
		write(events.Record{Key: fmt.Appendf(nil, "goes:%06d", i), Deleted: true})
		if i%1000 != 0 {
			continue
		}
		h.Advance(10 * time.Second)
		most = max(most, d.Size())
		if i%(goes/4) == 0 {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = openToForget(t, h, o)
		}
	}
	if most > live*4 { // nobody holds the writes back while the merger is busy
		t.Errorf("the folder takes up to %d bytes for %d that live", most, live)
	}
	t.Logf("at most %.2f times what lives", float64(most)/float64(live))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = openToForget(t, h, o)
	defer j.Close()
	if s := j.Stats(); s.Keys != stay {
		t.Errorf("%d keys, want %d", s.Keys, stay)
	}
}

// TestMerge_ExpiredValuesGo lets records expire without leave to forget them: what
// stays of each is a tombstone, without its value.
func TestMerge_ExpiredValuesGo(t *testing.T) {
	const count, size = 100, 2000
	d := storetest.NewDisk()
	m := newModelOn(t, d, 4096)
	for i := range count {
		m.PutUntil(fmt.Sprint(i), strings.Repeat("v", size), time.Minute)
	}
	m.Advance(time.Hour)
	for i := 0; d.Size() > count*size/4; i++ { // merges go on beside
		m.Put("last", fmt.Sprint(i))
		if i > 100_000 {
			t.Fatalf("%d bytes are left of %d", d.Size(), count*size)
		}
	}
	got, err := m.journal.Get([]byte("7"))
	if err != nil || !got.Deleted {
		t.Errorf("got %v, %v, want a tombstone", got, err)
	}
}

// TestMerge_OldRecordsStayHidden deletes a few of many keys whose records are in
// old segments that nothing is worth merging for, and merges the tombstones: they
// do not go as long as those are there.
func TestMerge_OldRecordsStayHidden(t *testing.T) {
	d := storetest.NewDisk()
	h := storetest.NewHarness(t, nil)
	var merges atomic.Int64
	o := store.Options{Owner: owner, FS: d, Now: h.Now, KeepDeleted: time.Minute, Sealed: 4096, Notify: func(e events.Event) {
		if e.Type == events.EventMerge {
			merges.Add(1)
		}
	}}
	j := openToForget(t, h, o)
	const stay = 1000
	for i := range stay {
		h.Put(fmt.Sprint("stay:", i), strings.Repeat("v", 100))
	}
	for i := 0; i < stay; i += 20 {
		h.Delete(fmt.Sprint("stay:", i))
	}
	for round := range 20 {
		h.Advance(2 * time.Minute)
		for i, until := 0, merges.Load()+5; i < 200 || merges.Load() < until; i++ { // the tombstones' segments are merged for these
			key := fmt.Sprint("goes:", round, i)
			h.Put(key, strings.Repeat("v", 100))
			h.Delete(key)
			if i > 100_000 {
				t.Fatal("nothing is merged")
			}
		}
		o.FS = d.Killed()
		d = o.FS.(*storetest.Disk)
		j.Close() // on a disk without power
		j = openToForget(t, h, o)
		if s := j.Stats(); s.Keys != stay-stay/20 {
			t.Fatalf("round %d: %d keys, want %d", round, s.Keys, stay-stay/20)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
