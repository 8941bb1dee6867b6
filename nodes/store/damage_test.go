package store_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/segment"
	"dht/nodes/store/storetest"
)

// journal64 is a segment of about 64 KiB, and the records in it, one a line.
type journal64 struct {
	owner   []byte // node.json
	content []byte
	records []events.Record
	ends    []int // of each line, with its newline
}

var (
	ownerFile    = filepath.Join("data", "node.json")
	firstSegment = filepath.Join("data", "00000001.jsonl")
)

// write64 writes a journal of size bytes in batches of one to four lines.
func write64(t *testing.T, size int) *journal64 {
	d := storetest.NewDisk()
	j := open64(t, d)
	h := storetest.NewHarness(t, j)
	r := rand.New(rand.NewPCG(1, 2))
	f := &journal64{owner: d.Content(ownerFile)}
	for bytes.LastIndexByte(d.Content(firstSegment), '\n') < size { // zeros may follow
		var changes []events.Change
		for range 1 + r.IntN(4) {
			rec := events.Record{Key: fmt.Appendf(nil, "key %d", r.IntN(20)), Version: h.Clock.Next()}
			if r.IntN(8) == 0 {
				rec.Deleted = true
			} else {
				rec.Value = bytes.Repeat([]byte(" text @"), []int{1, 20, 150, 650}[r.IntN(4)])
			}
			f.records = append(f.records, rec)
			changes = append(changes, storetest.Write(rec))
		}
		if err := h.Apply(changes...); err != nil {
			t.Fatal(err)
		}
		if len(f.records) > 1000 {
			t.Fatal("does not grow")
		}
	}
	close64(t, j)
	f.content = d.Content(firstSegment)
	for at := 0; at < len(f.content); {
		at += bytes.IndexByte(f.content[at:], '\n') + 1
		f.ends = append(f.ends, at)
	}
	if len(f.ends) != len(f.records) {
		t.Fatalf("%d lines for %d records", len(f.ends), len(f.records))
	}
	return f
}

func open64(t *testing.T, d *storetest.Disk) *store.Journal {
	t.Helper()
	j, err := store.Open("data", store.Options{Owner: owner, FS: d})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func close64(t *testing.T, j *store.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// with returns a disk that holds content in place of the segment.
func (f *journal64) with(content []byte) *storetest.Disk {
	d := storetest.NewDisk()
	d.SetContent(ownerFile, f.owner)
	d.SetContent(firstSegment, content)
	return d
}

// last is the line of the last record of each key among the first n lines.
func (f *journal64) last(n int) map[string]int {
	last := map[string]int{}
	for i, r := range f.records[:n] {
		last[string(r.Key)] = i
	}
	return last
}

// parallel calls work for every i below n.
func parallel(n int, work func(i int)) {
	var group sync.WaitGroup
	procs := runtime.GOMAXPROCS(0)
	for p := range procs {
		group.Go(func() {
			for i := p; i < n; i += procs {
				work(i)
			}
		})
	}
	group.Wait()
}

// TestCut cuts the journal at every byte (see thin): what is left is an
// exact prefix.
func TestCut(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	f := write64(t, 64<<10)
	parallel(len(f.content), func(cut int) {
		if cut%thin != 0 {
			return
		}
		n := 0
		for n < len(f.ends) && f.ends[n]-1 <= cut { // the newline may be missing
			n++
		}
		if err := f.isPrefix(f.with(f.content[:cut]), n); err != nil && !t.Failed() {
			t.Errorf("cut at %d: %v", cut, err)
		}
	})
}

func (f *journal64) isPrefix(d *storetest.Disk, n int) error {
	got, last := 0, f.last(n)
	err := store.Dump("data", store.Options{FS: d}, func(r events.Record) error {
		got++
		if want := f.records[last[string(r.Key)]]; !storetest.Same(r, want) {
			return fmt.Errorf("got %v, want %v", r.Version, want.Version)
		}
		return nil
	})
	want := 0
	for _, i := range last {
		if !f.records[i].Deleted {
			want++
		}
	}
	if err == nil && got != want {
		err = fmt.Errorf("got %d keys, want %d", got, want)
	}
	return err
}

// With -flips the journal is opened for every bit that is flipped: three minutes.
var everyFlip = flag.Bool("flips", false, "open the journal for every flipped bit")

// TestFlip flips every bit of the journal. A bad line is never taken for a good
// one nor for what a crash left; the journal is opened for some bits of every
// line, and for all that touch the end of one.
func TestFlip(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	f := write64(t, 64<<10)
	lines := make([]int, len(f.content)) // the line that a byte is in
	for at, n := 0, 0; at < len(lines); at++ {
		if lines[at] = n; at+1 == f.ends[n] {
			n++
		}
	}
	parallel(len(f.content), func(at int) {
		if at%thin != 0 && at != f.ends[lines[at]]-1 {
			return
		}
		content := bytes.Clone(f.content)
		for bit := range 8 {
			content[at] ^= 1 << bit
			ends := f.content[at] == '\n' || content[at] == '\n'
			err := f.flipLine(content, at, lines[at])
			if err == nil && (*everyFlip || ends || (at*8+bit)%997 == 0 || at+1 == len(content)) {
				err = f.flipped(content, lines[at])
			}
			if err != nil && !t.Failed() {
				t.Errorf("bit %d of byte %d flipped: %v", bit, at, err)
			}
			content[at] ^= 1 << bit
		}
	})
}

// flipLine checks that the line of a flipped bit is neither good nor torn.
func (f *journal64) flipLine(content []byte, at, n int) error {
	start := 0
	if n > 0 {
		start = f.ends[n-1]
	}
	if at == f.ends[n]-1 {
		return nil // the newline: the line itself is as before
	}
	for raw := range bytes.SplitSeq(content[start:f.ends[n]-1], []byte("\n")) {
		if segment.Parse(raw, &segment.Line{}) == nil {
			return errors.New("the line is still good")
		}
		if segment.Holed(raw, int64(start)) {
			return errors.New("the line seems torn")
		}
		start += len(raw) + 1
	}
	return nil
}

// flipped opens a journal with damage in line n: every key with a record behind
// it is as before, every other one corrupt or as before, and none absent.
func (f *journal64) flipped(content []byte, n int) error {
	j, err := store.Open("data", store.Options{Owner: owner, FS: f.with(content)})
	if err != nil {
		return err
	}
	defer j.Close()
	next := n + 1 // a line whose newline is gone takes the next one with it
	for key, i := range f.last(len(f.records)) {
		got, err := j.Get([]byte(key))
		switch {
		case err == nil && !storetest.Same(got, f.records[i]):
			return fmt.Errorf("get %s: got %v, want %v", key, got.Version, f.records[i].Version)
		case err != nil && !errors.Is(err, events.ErrCorrupt):
			return err
		case err != nil && i > next:
			return fmt.Errorf("get %s: %w, though its record is behind the damage", key, err)
		}
	}
	if _, err := j.Get([]byte("never there")); err == nil && j.Stats().Keys != f.live() {
		return errors.New("get of an unknown key: absent, though damage hides something")
	}
	return nil
}

func (f *journal64) live() (n int) {
	for _, i := range f.last(len(f.records)) {
		if !f.records[i].Deleted {
			n++
		}
	}
	return n
}

// TestCorrupt follows a damaged folder: what it answers, what can be written to
// it, what a check says, and what a repair leaves.
func TestCorrupt(t *testing.T) {
	f := write64(t, 4<<10)
	content := bytes.Clone(f.content)
	content[f.ends[0]+len(`{"key":"`)+1] ^= 1 // the key of the second record
	d := f.with(content)
	j := open64(t, d)
	h := storetest.NewHarness(t, j)
	if _, err := j.Get([]byte("new")); !errors.Is(err, events.ErrCorrupt) {
		t.Fatalf("get of an unknown key: %v, want %v", err, events.ErrCorrupt)
	}
	var saw events.Record
	r := events.Record{Key: []byte("new"), Value: []byte("v")}
	err := h.Apply(events.Change{Key: r.Key, Decide: func(current events.Record) (events.Record, bool) {
		saw = current
		h.Clock.Observe(current.Version)
		r.Version = h.Clock.Next()
		return r, true
	}})
	if err != nil || !saw.Corrupt || saw.Live(h.Now()) || saw.Version != j.Newest() && saw.Version.IsZero() {
		t.Fatalf("decide saw %v, %v", saw, err)
	}
	h.Want(r)
	if _, _, err := j.List(nil, nil, 1); !errors.Is(err, events.ErrCorrupt) {
		t.Fatalf("list: %v, want %v", err, events.ErrCorrupt)
	}
	close64(t, j)

	report, err := store.Check("data", store.Options{FS: d})
	if err != nil || len(report.Damage) != 1 || report.Damage[0].Line != 2 || report.Damage[0].File != "00000001.jsonl" {
		t.Fatalf("check: %+v, %v", report, err)
	}
	if _, err = store.Repair("data", store.Options{FS: d}); err != nil {
		t.Fatal(err)
	}
	bad := d.Content(filepath.Join("data", "00000001.bad"))
	if want := content[f.ends[0]:f.ends[1]]; !bytes.Equal(bad, want) {
		t.Fatalf("set aside: %q, want %q", bad, want)
	}
	report, err = store.Check("data", store.Options{FS: d})
	if err != nil || len(report.Damage) != 0 {
		t.Fatalf("check after repair: %+v, %v", report, err)
	}
	j = open64(t, d)
	defer close64(t, j)
	h.Store = j
	h.Want(r)
	h.WantUnknown("never there")
}

// segments returns a disk with sealed, merged and open segments, closed cleanly,
// and what it holds.
func segments(t testing.TB) (*storetest.Disk, map[string][]events.Record) {
	m := newModel(t, 4)
	m.options.Sealed = 700
	for len(names(m.disk)) < 7 || len(m.may) < 20 {
		m.write(1 + m.rand.IntN(3))
	}
	if err := m.journal.Close(); err != nil {
		t.Fatal(err)
	}
	return m.disk.Killed(), m.may
}

// intact checks that a damaged folder answers with what was last written of each
// key, or that it is corrupt.
func intact(d *storetest.Disk, now func() time.Time, may map[string][]events.Record) error {
	j, err := store.Open("data", store.Options{Owner: owner, FS: d, Now: now})
	if err != nil {
		return err
	}
	defer j.Close()
	for key, want := range may {
		got, err := j.Get([]byte(key))
		switch {
		case err != nil && !errors.Is(err, events.ErrCorrupt):
			return err
		case err == nil && !storetest.Same(got, want[0]) && (got.Known() || want[0].Known()):
			return fmt.Errorf("get %s: got %v, want %v", key, got, want[0])
		}
	}
	return nil
}

// TestDamage_Segments flips bits of, and cuts, every file of a folder with
// several segments: after a clean stop the last one, too, is not cut short without
// notice.
func TestDamage_Segments(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	disk, may := segments(t)
	now := storetest.NewHarness(t, nil).Now
	all := names(disk)
	files := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return filepath.Ext(name) != ".jsonl" })
	damaged := func(name string, change func([]byte) []byte) error {
		d := storetest.NewDisk()
		for _, n := range all {
			d.SetContent(filepath.Join("data", n), disk.Content(filepath.Join("data", n)))
		}
		d.SetContent(name, change(disk.Content(name)))
		return intact(d, now, may)
	}
	for _, file := range files {
		name := filepath.Join("data", file)
		size := len(disk.Content(name))
		parallel(size*8, func(bit int) {
			if bit%23 != 0 {
				return
			}
			err := damaged(name, func(b []byte) []byte { b[bit/8] ^= 1 << (bit % 8); return b })
			if err == nil {
				err = damaged(name, func(b []byte) []byte { return b[:bit/8] })
			}
			if err != nil && !t.Failed() {
				t.Errorf("%s, bit %d: %v", file, bit, err)
			}
		})
	}
}

// TestZeroedSector zeroes each sector of a journal: before the last batch that is
// damage, though it looks like what a power loss leaves.
func TestZeroedSector(t *testing.T) {
	f := write64(t, 16<<10)
	last := bytes.LastIndex(f.content, []byte(`,"synced":`))
	batch := bytes.LastIndexByte(f.content[:last], '\n') + 1
	for at := 0; at+512 <= batch; at += 512 {
		content := bytes.Clone(f.content)
		clear(content[at : at+512])
		n := 0
		for f.ends[n] < at+512 {
			n++
		}
		if err := f.flipped(content, n); err != nil {
			t.Fatalf("sector at %d: %v", at, err)
		}
	}
}

// TestMissingSegment removes a segment: what stood before is not trusted.
func TestMissingSegment(t *testing.T) {
	disk, may := segments(t)
	now := storetest.NewHarness(t, nil).Now
	for _, name := range names(disk) {
		if filepath.Ext(name) != ".jsonl" || name == "00000001.jsonl" {
			continue
		}
		d := disk.Killed()
		if err := d.Remove(filepath.Join("data", name)); err != nil {
			t.Fatal(err)
		}
		if err := intact(d, now, may); err != nil {
			t.Fatalf("without %s: %v", name, err)
		}
		staysCorrupt(t, d)
	}
}

// staysCorrupt writes to a damaged folder until much of it was merged: what is
// not certain does not become so.
func staysCorrupt(t *testing.T, d *storetest.Disk) {
	t.Helper()
	m := newModelOn(t, d, 700)
	run(m, 200)
	if err := m.journal.Close(); err != nil {
		t.Fatal(err)
	}
	m.open()
	if _, err := m.journal.Get([]byte("never there")); !errors.Is(err, events.ErrCorrupt) {
		t.Fatalf("after merges an unknown key is: %v", err)
	}
}
