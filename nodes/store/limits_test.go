package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/index"
	"dht/nodes/store/segment"
	"dht/nodes/store/storetest"
)

// TestLimits_MemoryForKeys puts keys until there is no memory for more: one more is
// refused before anything of it is written, all else goes on, and the folder opens
// again.
func TestLimits_MemoryForKeys(t *testing.T) {
	disk := storetest.NewDisk()
	options := store.Options{FS: disk, Owner: owner}.WithPages(2)
	j := open(t, "data", options)
	h := storetest.NewHarness(t, j)
	key := func(i int) string { return fmt.Sprintf("%0*d", events.MaxKey, i) }
	write := func(key string) events.Change {
		return storetest.Write(events.Record{Key: []byte(key), Version: h.Clock.Next(), Value: []byte("v")})
	}
	n, err := 0, error(nil)
	for ; err == nil && n < 10_000; n++ {
		err = h.Apply(write(key(n)))
	}
	if n--; !errors.Is(err, events.ErrReadOnly) || !errors.Is(err, index.ErrFull) || n < 1500 {
		t.Fatalf("after %d keys: %v", n, err)
	}
	before := h.Put(key(0), "once more")
	batch := []events.Change{write(key(0)), write(key(n))}
	if err := h.Apply(batch...); !errors.Is(err, index.ErrFull) {
		t.Fatalf("one key that is there and one that is not: %v", err)
	}
	h.Want(before)
	h.WantUnknown(key(n))
	for _, name := range names(disk) {
		if bytes.Contains(disk.Content(filepath.Join("data", name)), []byte(key(n))) {
			t.Fatalf("what was refused is in %s", name)
		}
	}
	if err := h.Apply(storetest.Write(events.Record{Key: []byte(key(n))}), write(key(1))); err != nil {
		t.Fatalf("a drop of what is not there, and a key that is: %v", err)
	}
	h.Drop(key(2))
	last := h.Put(key(n), "in the place of another")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	h.Store = open(t, "data", options)
	h.Want(last)
	h.Want(before)
	if got := h.Store.Stats().Keys; got != n {
		t.Fatalf("%d keys are there, want %d", got, n)
	}
	if err := h.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open("data", options.WithPages(1)); !errors.Is(err, index.ErrFull) {
		t.Fatalf("open with less memory: got %v, want %v", err, index.ErrFull)
	}
}

// TestLimits_Value refuses a value that no line may have.
func TestLimits_Value(t *testing.T) {
	h := storetest.NewHarness(t, open(t, "data", store.Options{FS: storetest.NewDisk()}))
	long := events.Record{Key: []byte("k"), Version: h.Clock.Next(), Value: make([]byte, events.MaxValue+1)}
	first := events.Record{Key: []byte("first"), Version: h.Clock.Next()}
	if err := h.Apply(storetest.Write(first), storetest.Write(long)); !errors.Is(err, events.ErrTooLarge) {
		t.Fatalf("got %v, want %v", err, events.ErrTooLarge)
	}
	h.WantUnknown("k")
	h.WantUnknown("first")
	h.Want(h.Put("k", strings.Repeat("v", events.MaxValue)))
}

// TestLimits_SegmentNumbers opens a folder whose last segment has the highest number:
// none is added under a number that comes first.
func TestLimits_SegmentNumbers(t *testing.T) {
	disk := storetest.NewDisk()
	h := storetest.NewHarness(t, open(t, "data", store.Options{FS: disk}))
	h.Put("k", "v")
	if err := h.Store.Close(); err != nil {
		t.Fatal(err)
	}
	content := disk.Content(firstSegment)
	seal := segment.SealLine(int64(len(content)), math.MaxUint32)
	disk.SetContent(filepath.Join("data", segment.Name(math.MaxUint32)), seal.AppendTo(bytes.Clone(content)))
	before := len(names(disk))
	_, err := store.Open("data", store.Options{FS: disk, Owner: owner})
	if err == nil || !strings.Contains(err.Error(), "no number for another segment") {
		t.Fatalf("got %v", err)
	}
	if got := names(disk); len(got) != before {
		t.Fatalf("files are %v", got)
	}
}
