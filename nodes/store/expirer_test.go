package store

import (
	"errors"
	"testing"
	"time"

	"dht/events"
)

// TestJournal_ExpiresNothingOnceClosed closes the journal after somebody has
// found that a key is due, and before it is taken out.
func TestJournal_ExpiresNothingOnceClosed(t *testing.T) {
	now := time.Now()
	j, err := Open(t.TempDir(), Options{Owner: Owner{Cluster: "three", Node: "linux"}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	r := events.Record{Key: []byte("k"), Version: events.Version{1}, Expires: now.Add(time.Hour).UnixMilli()}
	j.Apply([]events.Change{{Key: r.Key, Decide: func(events.Record) (events.Record, bool) { return r, true }}}, func(err error) { done <- err })
	if err := errors.Join(<-done, j.Close()); err != nil {
		t.Fatal(err)
	}
	if gone := j.expireSome(now.Add(2 * time.Hour)); len(gone) > 0 {
		t.Errorf("a closed journal notifies of %+v", gone)
	}
}
