package store_test

import (
	"bytes"
	"errors"
	"testing"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

// TestHeal puts whole records from elsewhere over keys that damage hides, while the
// journal is open: a value, a tombstone, and one older than a line that is left of
// the key. What is not healed stays corrupt; a restart changes nothing.
func TestHeal(t *testing.T) {
	disk := storetest.NewDisk()
	j := open64(t, disk)
	h := storetest.NewHarness(t, j)
	older := events.Record{Key: []byte("older"), Value: []byte("elsewhere"), Version: h.Clock.Next()}
	value, gone := h.Put("value", "v"), h.Put("gone", "v")
	gone = events.Record{Key: gone.Key, Version: gone.Version, Deleted: true}
	h.Put("older", "newer, but perhaps not the newest")
	h.Put("lost", "v")
	h.Put("hit", "by a flipped bit")
	close64(t, j)
	flip(t, disk, "by a flipped bit")

	j = open64(t, disk)
	h = storetest.NewHarness(t, j)
	wantCorrupt(t, j, "value", "gone", "older", "lost", "hit", "never there")
	if some, more, err := j.Scan(nil, 10); len(some) > 0 || more || !errors.Is(err, events.ErrCorrupt) {
		t.Fatalf("before: %v are scanned, %v, %v", some, more, err)
	}
	damage := j.Damage()
	heal := []events.Record{gone, older, value}
	for _, r := range heal {
		if err := h.Apply(healing(t, r)); err != nil {
			t.Fatalf("heal %s: %v", r.Key, err)
		}
	}
	for range 2 {
		wantCorrupt(t, j, "lost", "hit", "never there")
		for _, r := range heal {
			h.Want(r)
		}
		some, more, err := j.Scan(nil, 10)
		if more || !errors.Is(err, events.ErrCorrupt) {
			t.Fatalf("after: more %v, %v", more, err)
		}
		wantSame(t, some, gone, older, value)
		if got := j.Damage(); len(got) != len(damage) || got[0] != damage[0] {
			t.Fatalf("damage is %q, was %q: not all is healed", got, damage)
		}
		close64(t, j)
		j = open64(t, disk)
		h.Store = j
	}
	close64(t, j)
}

// healing returns the change that installs r where damage hides what stands.
func healing(t *testing.T, r events.Record) events.Change {
	return events.Change{Key: r.Key, Blind: true, Decide: func(current events.Record) (events.Record, bool) {
		if !current.Corrupt {
			t.Errorf("%s: %v is said to stand", r.Key, current)
		}
		return r, true
	}}
}

func wantSame(t *testing.T, got []events.Record, want ...events.Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i, w := range want {
		if w.Value = nil; !storetest.Same(got[i], w) {
			t.Fatalf("got %v, want %v", got[i], w)
		}
	}
}

func wantCorrupt(t *testing.T, j *store.Journal, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if r, err := j.Get([]byte(key)); !errors.Is(err, events.ErrCorrupt) {
			t.Fatalf("%s: got %v, %v, want %v", key, r, err, events.ErrCorrupt)
		}
	}
}

// flip flips a bit of text in the first segment.
func flip(t *testing.T, disk *storetest.Disk, text string) {
	t.Helper()
	content := bytes.Clone(disk.Content(firstSegment))
	at := bytes.Index(content, []byte(text))
	if at < 0 {
		t.Fatalf("%q is not in the segment", text)
	}
	content[at] ^= 1
	disk.SetContent(firstSegment, content)
}
