package store_test

import (
	"fmt"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

// TestJournal_TellsOfWhatExpires tells of each expired key once.
func TestJournal_TellsOfWhatExpires(t *testing.T) {
	now := time.UnixMilli(1_790_000_000_000)
	var told []string
	j, err := store.Open("data", store.Options{Owner: owner, FS: storetest.NewDisk(),
		Now: func() time.Time { return now },
		Notify: func(e events.Event) {
			told = append(told, fmt.Sprint(e.Type, " ", string(e.Key), " ", e.Expires-now.UnixMilli(), " ", e.Bytes))
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	clock := events.NewClock(func() time.Time { return now })
	write := func(key string, expires int64) {
		done := make(chan error)
		j.Apply([]events.Change{storetest.Write(events.Record{Key: []byte(key), Value: []byte("12345"), Version: clock.Next(), Expires: expires})},
			func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	write("stays", 0)
	write("goes", now.UnixMilli()+1000)
	write("lasts", now.UnixMilli()+9000)
	now = now.Add(2 * time.Second)
	for range 2 {
		if keys := j.Stats().Keys; keys != 2 {
			t.Errorf("%d keys live", keys)
		}
	}
	if len(told) != 1 || told[0] != "expire goes -1000 5" {
		t.Errorf("told %q", told)
	}
}
