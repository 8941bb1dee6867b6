package store_test

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

// TestList_BesideWrites lists while others put new keys and drop some of them: a
// listing is in order, without repetition, and has every key that was there
// when it began and stays.
func TestList_BesideWrites(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	const writers, each = 4, 1500
	h := storetest.NewHarness(t, open(t, "data", store.Options{FS: storetest.NewDisk()}))
	var written [writers]atomic.Int64
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				key := func(i int) []byte { return fmt.Appendf(nil, "%03d/%d", i*7919%1000, i*writers+w) }
				changes := []events.Change{storetest.Write(events.Record{Key: key(i), Version: h.Clock.Next()})}
				if i%3 == 2 { // drops the one before, which was never waited for
					changes = append(changes, storetest.Write(events.Record{Key: key(i - 1)}))
				}
				if err := h.Apply(changes...); err != nil {
					t.Error(err)
					return
				}
				if i%3 != 1 {
					written[w].Add(1)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		least := int64(0)
		for w := range writers {
			least += written[w].Load()
		}
		keys, _, err := h.Store.List(nil, nil, 1<<30)
		if err != nil || int64(len(keys)) < least {
			t.Fatalf("%d keys are listed, %v, and %d are there for certain", len(keys), err, least)
		}
		sorted := slices.IsSortedFunc(keys, func(a, b events.KeyInfo) int {
			return max(-1, 2*bytes.Compare(a.Key, b.Key)-1) // the same key twice is out of order
		})
		if !sorted || ended && int64(len(keys)) != least {
			t.Fatalf("%d keys are listed, of %d; in order: %v", len(keys), least, sorted)
		}
	}
}
