package store_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

// hearing is a journal whose events are written down.
type hearing struct {
	*storetest.Harness
	disk  *storetest.Disk
	clock *events.Clock

	mu   sync.Mutex // guards told
	told []events.Event
}

// open starts the journal, anew if need be.
func (h *hearing) open() *store.Journal {
	h.T.Helper()
	j, err := store.Open("data", store.Options{Owner: owner, FS: h.disk, Notify: func(e events.Event) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.told = append(h.told, e)
	}})
	if err != nil {
		h.T.Fatal(err)
	}
	h.Store = j
	return j
}

// write puts key, to expire when so much time has passed.
func (h *hearing) write(key string, expires time.Duration) {
	h.T.Helper()
	r := events.Record{Key: []byte(key), Value: []byte("12345"), Version: h.clock.Next(), Expires: time.Now().Add(expires).UnixMilli()}
	if err := h.Apply(storetest.Write(r)); err != nil {
		h.T.Fatal(err)
	}
}

// take returns what was told since the last time.
func (h *hearing) take() (told []events.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	told, h.told = h.told, nil
	return told
}

func newHearing(t *testing.T) *hearing {
	return &hearing{Harness: &storetest.Harness{T: t}, disk: storetest.NewDisk(), clock: events.NewClock(time.Now)}
}

// TestJournal_TellsOfWhatExpires tells of each expired key once, within half a
// second of its time, though nobody asks: whether its deadline was the next one
// when it was written or not. What expired while the journal was closed is not
// told of: it cannot be told from what was told of before.
func TestJournal_TellsOfWhatExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHearing(t)
		j := h.open()
		h.write("last", time.Hour)
		h.write("first", 2*time.Second)
		h.write("second", 2100*time.Millisecond)
		h.write("kept on", time.Second)
		h.write("kept on", 24*time.Hour)
		h.wantTold(1900*time.Millisecond, "")
		h.wantTold(600*time.Millisecond, "first second ")
		h.write("at once", time.Millisecond)
		h.wantTold(500*time.Millisecond, "at once ")
		h.wantTold(time.Hour, "last ")
		h.write("meanwhile", time.Second)
		h.write("soon", 2*time.Minute)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		h.wantTold(time.Minute, "")
		j = h.open()
		h.wantTold(30*time.Second, "")
		h.wantTold(time.Minute, "soon ")
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// wantTold lets time pass and wants these keys, in this order, told of.
func (h *hearing) wantTold(after time.Duration, want string) {
	h.T.Helper()
	time.Sleep(after) // of the bubble's clock
	synctest.Wait()
	got := ""
	for _, e := range h.take() {
		if e.Type != events.EventExpire || e.Bytes != 5 || e.Expires == 0 || e.Version.IsZero() {
			h.T.Errorf("told of %+v", e)
		}
		got += string(e.Key) + " "
	}
	if got != want {
		h.T.Errorf("after %v more told of %q, want %q", after, got, want)
	}
}

// TestJournal_TellsOfManyThatExpire has a deadline in every millisecond: each
// is told of in time, and once.
func TestJournal_TellsOfManyThatExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys = 3000
		h := newHearing(t)
		j := h.open()
		defer j.Close()
		begun := time.Now()
		changes := make([]events.Change, keys)
		for i := range changes { // the latest first: each is the next one when it is written
			changes[i] = storetest.Write(events.Record{Key: fmt.Append(nil, i), Version: h.clock.Next(),
				Expires: begun.Add(time.Duration(keys-i) * time.Millisecond).UnixMilli()})
		}
		for _, c := range changes {
			if err := h.Apply(c); err != nil {
				t.Fatal(err)
			}
		}
		told := 0
		for time.Since(begun) < (keys+600)*time.Millisecond {
			time.Sleep(100 * time.Millisecond) // of the bubble's clock
			synctest.Wait()
			told += len(h.take())
			if due := int(time.Since(begun).Milliseconds()) - 500; told < min(due, keys) {
				t.Fatalf("after %v only %d keys were told of", time.Since(begun), told)
			}
		}
		if told != keys || j.Stats().Keys != 0 {
			t.Errorf("%d of %d keys were told of", told, keys)
		}
	})
}

// TestJournal_TellsInOrder writes what has expired when it is written, while
// others look all the time, which takes out what has expired. Nobody hears that a
// record has expired before its writer is told that it stands.
func TestJournal_TellsInOrder(t *testing.T) {
	h := newHearing(t)
	j := h.open()
	defer j.Close()
	stop := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				j.Stats()
			}
		}
	})
	for range 40 {
		var written sync.WaitGroup
		for i := range 200 {
			r := events.Record{Key: fmt.Append(nil, i), Version: h.clock.Next(), Expires: 1}
			written.Add(1)
			j.Apply([]events.Change{storetest.Write(r)}, func(error) {
				defer written.Done()
				h.mu.Lock()
				defer h.mu.Unlock()
				h.told = append(h.told, events.Event{Type: events.EventPut}.About(r))
			})
		}
		written.Wait()
	}
	close(stop)
	looking.Wait()
	put := map[events.Version]bool{}
	for _, e := range h.take() {
		switch e.Type {
		case events.EventPut:
			put[e.Version] = true
		case events.EventExpire:
			if !put[e.Version] {
				t.Fatalf("%s is told to have expired before it is told to be there", e.Key)
			}
		}
	}
}
