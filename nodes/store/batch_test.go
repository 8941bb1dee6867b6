package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

// TestJournal_LargeValuesTogether queues many large values while the writing
// goroutine is held up. What it then takes together is bounded in bytes, for it
// is in memory a second time.
func TestJournal_LargeValuesTogether(t *testing.T) {
	const many, most = 24, 16<<20 + 2<<20
	fs := &meteredFS{FS: storetest.NewDisk()}
	j := open(t, "data", store.Options{FS: fs})
	clock, value := events.NewClock(time.Now), bytes.Repeat([]byte("a"), events.MaxValue)
	done, queued := make(chan error, many+1), make(chan struct{})
	put := func(key string, wait <-chan struct{}) {
		r := events.Record{Key: []byte(key), Value: value, Version: clock.Next()}
		j.Apply([]events.Change{{Key: r.Key, Blind: true, Decide: func(events.Record) (events.Record, bool) {
			<-wait
			return r, true
		}}}, func(err error) { done <- err })
	}
	put("first", queued)
	for i := range many {
		put(fmt.Sprint(i), queued)
	}
	close(queued)
	var err error
	for range many + 1 {
		err = errors.Join(err, <-done)
	}
	if err != nil {
		t.Fatal(err)
	}
	if stats := j.Stats(); stats.Keys != many+1 {
		t.Errorf("%d keys, want %d", stats.Keys, many+1)
	}
	if n := fs.largest.Load(); n > most {
		t.Errorf("%d bytes are written at once, at most %d are allowed", n, most)
	}
}
