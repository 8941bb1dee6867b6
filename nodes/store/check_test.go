package store_test

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

// harm damages a folder in a random way, and says how.
func harm(d *storetest.Disk, r *rand.Rand) string {
	files := slices.DeleteFunc(names(d), func(name string) bool { return filepath.Ext(name) != ".jsonl" })
	i := r.IntN(len(files))
	name := filepath.Join("data", files[i])
	content := d.Content(name)
	switch r.IntN(3) {
	case 0:
		for range 1 + r.IntN(3) {
			content[r.IntN(len(content))] ^= 1 << r.IntN(8)
		}
		d.SetContent(name, content)
		return "flipped bits of " + name
	case 1:
		d.SetContent(name, content[:r.IntN(len(content))])
		return "cut " + name
	}
	if err := d.Remove(name); err != nil {
		panic(err)
	}
	return "removed " + name
}

// TestRepair damages folders with several segments: after a repair nothing is
// bad any more, and the folder works.
func TestRepair(t *testing.T) {
	disk, may := segments(t)
	r := rand.New(rand.NewPCG(1, 1))
	now := storetest.NewHarness(t, nil).Now
	for range 200 {
		d := disk.Killed()
		how := harm(d, r)
		o := store.Options{Owner: owner, FS: d, Now: now}
		before, err := store.Repair("data", o)
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		after, err := store.Check("data", o)
		if err != nil || len(after.Damage) > 0 {
			t.Fatalf("%s: after a repair of %v: %v, %v", how, before.Damage, after.Damage, err)
		}
		j, err := store.Open("data", o)
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		h := storetest.NewHarness(t, j)
		for key := range may {
			if _, err := j.Get([]byte(key)); err != nil {
				t.Fatalf("%s: get %s after a repair: %v", how, key, err)
			}
		}
		h.Want(h.Put("new", "value"))
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCheck_Sound checks a folder without damage, and one that is none.
func TestCheck_Sound(t *testing.T) {
	disk, may := segments(t)
	o := store.Options{FS: disk, Now: storetest.NewHarness(t, nil).Now}
	live := 0
	for _, r := range may {
		if r[0].Live(o.Now()) {
			live++
		}
	}
	report, err := store.Check("data", o)
	if err != nil || report.Keys != live || report.Owner != owner || report.Segments < 3 {
		t.Fatalf("got %+v, %v, want %d keys", report, err, live)
	}
	disk.SetFault(func(s storetest.Step) error {
		if s.Op != "open" {
			t.Errorf("%s of %s", s.Op, s.Name)
		}
		return nil
	})
	dumped := 0
	err = store.Dump("data", o, func(r events.Record) error { dumped++; return nil })
	if err != nil || dumped != live {
		t.Fatalf("dumped %d keys, %v, want %d", dumped, err, live)
	}
	stop := errors.New("enough")
	if err := store.Dump("data", o, func(events.Record) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("dump until it is enough: %v", err)
	}
	if _, err := store.Check(t.TempDir(), store.Options{}); !errors.Is(err, events.ErrWrongFolder) {
		t.Fatalf("check of no data folder: %v", err)
	}
}

// TestDamage_Text says what is wrong so that one can go there.
func TestDamage_Text(t *testing.T) {
	d := store.Damage{File: "00000001.jsonl", Line: 7, Reason: "its checksum does not match", Key: []byte("greeting")}
	for _, part := range []string{"00000001.jsonl:7", "checksum", `"greeting"`} {
		if !strings.Contains(d.String(), part) {
			t.Errorf("%q does not say %q", d, part)
		}
	}
}

// FuzzSegment opens any bytes as a segment: what the first start finds, the
// second one finds too.
func FuzzSegment(f *testing.F) {
	disk, _ := segments(f)
	for _, name := range names(disk) {
		if strings.HasSuffix(name, ".jsonl") {
			f.Add(disk.Content(filepath.Join("data", name)))
		}
	}
	ownerContent := disk.Content(ownerFile)
	now := storetest.NewHarness(f, nil).Now
	f.Fuzz(func(t *testing.T, content []byte) {
		d := storetest.NewDisk()
		d.SetContent(ownerFile, ownerContent)
		d.SetContent(firstSegment, content)
		var first string
		for start := range 2 {
			j, err := store.Open("data", store.Options{Owner: owner, FS: d, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			keys, _, err := j.List(nil, nil, 1000)
			if err != nil && !errors.Is(err, events.ErrCorrupt) {
				t.Fatal(err)
			}
			if start == 1 && storetest.KeyText(keys) != first {
				t.Fatalf("first %q, then %q", first, storetest.KeyText(keys))
			}
			first = storetest.KeyText(keys)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
