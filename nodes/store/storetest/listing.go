package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"dht/events"
)

func testListPages(t *testing.T, h *Harness) {
	for i := range 100 {
		h.Put(fmt.Sprintf("b/%02d", i*37%100), "v")
	}
	h.Put("a", "v")
	h.Put("b", "v")
	h.Put("b0", "v")
	h.Put("c", "v")
	var after []byte
	for page := 0; ; page++ {
		keys, more, err := h.Store.List([]byte("b/"), after, 30)
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range keys {
			if want := fmt.Sprintf("b/%02d", page*30+i); string(k.Key) != want || k.Bytes != 1 {
				t.Fatalf("page %d: got %s with %d bytes, want %s", page, k.Key, k.Bytes, want)
			}
		}
		if more != (page < 3) || len(keys) == 0 {
			t.Fatalf("page %d: %d keys, more %v", page, len(keys), more)
		}
		if !more {
			break
		}
		after = keys[len(keys)-1].Key
	}
	if keys, more, _ := h.Store.List([]byte("b/"), []byte("a"), 200); len(keys) != 100 || more {
		t.Fatalf("behind a: %d keys, more %v", len(keys), more)
	}
	if keys, more, _ := h.Store.List([]byte("b/"), []byte("c"), 200); len(keys) != 0 || more {
		t.Fatalf("behind c: %d keys, more %v", len(keys), more)
	}
	if keys, more, _ := h.Store.List(nil, nil, 0); len(keys) != 0 || !more {
		t.Fatalf("none: %d keys, more %v", len(keys), more)
	}
}

func testListLiveOnly(t *testing.T, h *Harness) {
	h.Put("a", "v")
	h.PutUntil("b", "v", time.Second)
	h.Put("c", "v")
	h.Delete("c")
	h.Put("d", "v")
	r := h.PutUntil("e", "vvv", 2*time.Second)
	keys, _, _ := h.Store.List([]byte("e"), nil, 1)
	if len(keys) != 1 || keys[0].Version != r.Version || keys[0].Expires != r.Expires || keys[0].Bytes != 3 {
		t.Fatalf("got %v, want what %v says", keys, r)
	}
	for _, want := range []string{"a b d e", "a d e", "a d"} {
		if got := h.Keys(""); got != want {
			t.Fatalf("got keys %q, want %q", got, want)
		}
		h.Advance(time.Second)
	}
	h.Want(r)
}

// testScan demands everything that is recorded, and exactly so, without values.
func testScan(t *testing.T, h *Harness) {
	want := []events.Record{h.Put("live", "v"), h.PutUntil("expired", "v", time.Second), h.PutUntil("later", "v", time.Hour)}
	h.Put("deleted", "v")
	want = append(want, h.Delete("deleted"), h.Delete("never put"))
	h.Put("dropped", "v")
	h.Drop("dropped")
	h.Delete("dropped tombstone")
	h.Drop("dropped tombstone")
	h.Delete("again")
	want = append(want, h.Put("again", "v"))
	for range 2 {
		got, more, err := h.Store.Scan(nil, 1<<30)
		if err != nil || more {
			t.Fatalf("scan: more %v, %v", more, err)
		}
		wantScanned(t, got, want)
		h.Advance(time.Minute) // what has expired stays
		h.Store.Stats()
	}
}

func wantScanned(t *testing.T, got, want []events.Record) {
	t.Helper()
	slices.SortFunc(want, func(a, b events.Record) int { return bytes.Compare(a.Key, b.Key) })
	if len(got) != len(want) {
		t.Fatalf("%d records are scanned, want %d", len(got), len(want))
	}
	for i, w := range want {
		if w.Value = nil; !Same(got[i], w) {
			t.Fatalf("record %d: got %v, want %v", i, got[i], w)
		}
	}
}

// testScanPages goes through everything in pages, while what was passed already and
// what is still to come changes: all that stays is there once.
func testScanPages(t *testing.T, h *Harness) {
	const keys = 3000
	key := func(i int) string { return fmt.Sprintf("%04d", i) }
	var want, got []events.Record
	for i := range keys {
		switch n := i * 7 % keys; n % 3 {
		case 0:
			want = append(want, h.Put(key(n), "v"))
		case 1:
			want = append(want, h.Delete(key(n)))
		}
	}
	var after []byte
	for page := 0; ; page++ {
		some, more, err := h.Store.Scan(after, 700)
		if err != nil || len(some) > 700 || more != (page < 2) {
			t.Fatalf("page %d: %d records, more %v, %v", page, len(some), more, err)
		}
		if got = append(got, some...); !more {
			break
		}
		after = some[len(some)-1].Key
		h.Put("0000a", "behind the place")
		h.Delete("0000b")
	}
	wantScanned(t, got, want)
	if some, more, err := h.Store.Scan(nil, 0); len(some) != 0 || !more || err != nil {
		t.Fatalf("none: %d records, more %v, %v", len(some), more, err)
	}
}

func testStatsExpiry(t *testing.T, h *Harness) {
	h.Put("a", "12345")
	h.PutUntil("b", "1234", time.Second)
	h.PutUntil("c", "123", time.Second)
	h.PutUntil("c", "123", time.Hour)
	want := []events.StoreStats{{Keys: 3, Expiring: 2, Bytes: 15}, {Keys: 2, Expiring: 1, Bytes: 10}}
	if got := h.Store.Stats(); got != want[0] {
		t.Fatalf("got %v, want %v", got, want[0])
	}
	h.Advance(time.Second)
	if got := h.Store.Stats(); got != want[1] {
		t.Fatalf("after a second: got %v, want %v", got, want[1])
	}
	h.PutUntil("b", "again", time.Second)
	h.Delete("c")
	if got, want := h.Store.Stats(), (events.StoreStats{Keys: 2, Expiring: 1, Bytes: 12}); got != want {
		t.Fatalf("put again: got %v, want %v", got, want)
	}
}

func testStatsOverwrites(t *testing.T, h *Harness) {
	for i := range 300 {
		key, value := fmt.Sprint(i%10), fmt.Sprint(i%7)
		switch i % 5 {
		case 0:
			h.PutUntil(key, value, time.Duration(i)*time.Millisecond)
		case 1:
			h.Delete(key)
		case 2:
			h.Drop(key)
		default:
			h.Put(key, value)
		}
		h.Advance(time.Millisecond)
		keys, _, err := h.Store.List(nil, nil, 100)
		var want events.StoreStats
		for _, k := range keys {
			want.Keys++
			if k.Expires != 0 {
				want.Expiring++
			}
			want.Bytes += int64(len(k.Key)) + k.Bytes
		}
		if got := h.Store.Stats(); got != want || err != nil {
			t.Fatalf("step %d: stats say %v, the listing %v, %v", i, got, want, err)
		}
	}
}
