package store_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

// change is something that somebody does to a folder while no node uses it.
type change func(d *storetest.Disk, files []string)

func content(d *storetest.Disk, file string) []byte { return d.Content(filepath.Join("data", file)) }

// without is content without its lines from the i-th to the j-th.
func without(b []byte, i, j int) []byte {
	lines := bytes.SplitAfter(b, []byte("\n"))
	return bytes.Join(slices.Delete(lines, i, j), nil)
}

func lines(b []byte) int { return bytes.Count(b, []byte("\n")) }

// changes is every line gone, every end gone, every segment gone, empty, or another.
func changes(disk *storetest.Disk, files []string) (all []change) {
	set := func(file string, b []byte) {
		all = append(all, func(d *storetest.Disk, _ []string) { d.SetContent(filepath.Join("data", file), b) })
	}
	for _, file := range files {
		b := content(disk, file)
		for i := range lines(b) {
			set(file, without(b, i, i+1))
			set(file, without(b, i, lines(b)))
		}
		for _, other := range files {
			if other != file {
				set(file, content(disk, other))
			}
		}
		set(file, nil)
		set(file, append(slices.Clone(b), b...))
		set(file, append(slices.Clone(b), without(b, 1, lines(b))...))
	}
	for i := range files {
		all = append(all, func(d *storetest.Disk, files []string) {
			for _, file := range files[i:] {
				if err := d.Remove(filepath.Join("data", file)); err != nil {
					panic(err)
				}
			}
		})
	}
	return all
}

// TestEnd changes a folder after a clean stop, in every way that leaves whole lines:
// nothing answers with an older value nor as absent, it is said that there is
// damage, that does not go by writing, and a repair mends it.
func TestEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	disk, may := segments(t)
	now := storetest.NewHarness(t, nil).Now
	files := slices.DeleteFunc(names(disk), func(name string) bool { return filepath.Ext(name) != ".jsonl" })
	for i, change := range changes(disk, files) {
		d := disk.Killed()
		change(d, files)
		o := store.Options{Owner: owner, FS: d, Now: now}
		if r, err := store.Check("data", o); err != nil || len(r.Damage) == 0 {
			t.Fatalf("change %d: %+v, %v", i, r, err)
		}
		for start := range 3 {
			if err := intact(d, now, may); err != nil {
				t.Fatalf("change %d, start %d: %v", i, start, err)
			}
			if err := stillCorrupt(d, o, string(rune('a'+start))); err != nil {
				t.Fatalf("change %d, start %d: %v", i, start, err)
			}
		}
		if _, err := store.Repair("data", o); err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
		if r, err := store.Check("data", o); err != nil || len(r.Damage) > 0 {
			t.Fatalf("change %d, repaired: %+v, %v", i, r, err)
		}
	}
}

// stillCorrupt writes a key, which stands, and finds that others stay corrupt.
func stillCorrupt(d *storetest.Disk, o store.Options, key string) error {
	j, err := store.Open("data", o)
	if err != nil {
		return err
	}
	h := storetest.NewHarness(nil, j)
	h.Clock.Observe(j.Newest())
	r := events.Record{Key: []byte("written/" + key), Value: []byte("v"), Version: h.Clock.Next()}
	err = h.Apply(storetest.Write(r))
	if got, failed := j.Get(r.Key); err == nil && (failed != nil || !storetest.Same(got, r)) {
		err = errors.New("what was written behind the damage is not there")
	}
	if _, failed := j.Get([]byte("never there")); err == nil && !errors.Is(failed, events.ErrCorrupt) {
		err = errors.New("an unknown key is not corrupt")
	}
	return errors.Join(err, j.Close())
}

// TestEnd_Old opens a folder as it was written before the end was noted.
func TestEnd_Old(t *testing.T) {
	disk, may := segments(t)
	now := storetest.NewHarness(t, nil).Now
	noted := disk.Content(ownerFile)
	at := bytes.Index(noted, []byte(`,"end":`))
	if at < 0 {
		t.Fatalf("no end in %s", noted)
	}
	disk.SetContent(ownerFile, append(bytes.Clone(noted[:at]), "}\n"...))
	r, err := store.Check("data", store.Options{FS: disk, Now: now})
	if err != nil || len(r.Damage) > 0 {
		t.Fatalf("check: %+v, %v", r, err)
	}
	if err := intact(disk, now, may); err != nil {
		t.Fatal(err)
	}
	if got := disk.Content(ownerFile); !bytes.Equal(got, noted) && !bytes.Contains(got, []byte(`"end"`)) {
		t.Fatalf("after a start and a clean stop: %s", got)
	}
}

// TestEnd_GoesOn stops and starts a journal many times: that is no damage.
func TestEnd_GoesOn(t *testing.T) {
	m := newModel(t, 3)
	for range 30 {
		run(m, 5)
		if err := m.journal.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := store.Check("data", store.Options{FS: m.disk, Now: m.Now})
		if err != nil || len(r.Damage) > 0 || r.Torn > 0 {
			t.Fatalf("check: %+v, %v", r, err)
		}
		m.open()
		m.check()
		m.Advance(time.Second)
	}
}
