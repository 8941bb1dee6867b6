package index

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/store/segment"
)

// TestIndex compares an index with a map, through random records of many keys,
// with and without a limit.
func TestIndex(t *testing.T) {
	for _, limit := range []int64{0, 400_000} {
		t.Run(fmt.Sprint("limit=", limit), func(t *testing.T) { testIndex(t, limit) })
	}
}

func testIndex(t *testing.T, limit int64) {
	x := New(limit, 0)
	defer x.Close()
	r := rand.New(rand.NewPCG(1, uint64(limit)))
	want := map[string]events.Record{}
	for step := range 60_000 {
		if step == 10_000 {
			x.Loaded()
		}
		if r.IntN(100) == 0 {
			x.Sort(r.IntN(200))
		}
		key := fmt.Appendf(nil, "%x", r.IntN(8000)*7919)
		if r.IntN(5) == 0 {
			x.Remove(key, x.Hash(key))
			delete(want, string(key))
			continue
		}
		rec := events.Record{Key: key, Version: events.Version{byte(step >> 8), byte(step)}, Deleted: r.IntN(6) == 0}
		if !rec.Deleted {
			rec.Value = bytes.Repeat([]byte{byte(step)}, r.IntN(200))
			rec.Expires = max(0, int64(r.IntN(2000)-1500))
		}
		if err := x.Set(&rec, x.Hash(key), 0, segment.Place{File: 1, Off: uint32(step), Size: 1}); err != nil {
			t.Fatal(err)
		}
		want[string(key)] = rec
	}
	compare(t, x, want)
	now := time.UnixMilli(250)
	x.Expire(now, 1<<30)
	maps.DeleteFunc(want, func(_ string, r events.Record) bool { return !r.Live(now) })
	compareOrder(t, x, want)
	if used := x.arena.used + x.values.used; limit > 0 && (used > limit || used < limit*9/10) {
		t.Fatalf("%d bytes are in use, the limit is %d", used, limit)
	}
}

func compare(t *testing.T, x *Index, want map[string]events.Record) {
	count, absent := 0, 0
	x.table.each(func(Ref) { count++ })
	if count != len(want) {
		t.Fatalf("got %d entries, want %d", count, len(want))
	}
	for key, w := range want {
		r := x.Find([]byte(key), x.Hash([]byte(key)))
		if r == 0 {
			t.Fatalf("%s is not found", key)
		}
		got := x.Record([]byte(key), r)
		if !x.entry(r).inMemory() {
			absent++
			got.Value = w.Value
		}
		if !bytes.Equal(got.Value, w.Value) || got.Version != w.Version || got.Expires != w.Expires || got.Deleted != w.Deleted {
			t.Fatalf("%s: got %v, want %v", key, got, w)
		}
	}
	if limited := x.cache.limit > 0; limited != (absent > 0) {
		t.Fatalf("%d values are not in memory", absent)
	}
}

func compareOrder(t *testing.T, x *Index, want map[string]events.Record) {
	x.Sort(len(x.order.added))
	var keys []events.KeyInfo
	page := Page{At: []byte{}}
	for page.At != nil {
		keys, page = x.Keys(keys, nil, page.At, 1<<30, func(segment.Place) bool { return true })
	}
	more := page.More
	if x.counts.Keys != len(want) || len(keys) != len(want) || more {
		t.Fatalf("got %d keys, counted %d, want %d", len(keys), x.counts.Keys, len(want))
	}
	for i, key := range slices.Sorted(maps.Keys(want)) {
		if string(keys[i].Key) != key {
			t.Fatalf("key %d is %s, want %s", i, keys[i].Key, key)
		}
	}
}

// TestClassOf checks that sizes are enough, close, and of one class each.
func TestClassOf(t *testing.T) {
	sizes := map[int]int{}
	for n := 1; n <= maxPiece; n++ {
		class, size := classOf(n)
		if size < n || size%unit != 0 || class >= classes || size-n >= max(unit, n/7) {
			t.Fatalf("%d bytes: class %d of %d", n, class, size)
		}
		if before, ok := sizes[class]; ok && before != size {
			t.Fatalf("class %d is of %d and of %d bytes", class, before, size)
		}
		sizes[class] = size
	}
}

// TestReplay checks which line stands, whatever the order.
func TestReplay(t *testing.T) {
	v := func(n byte) events.Version { return events.Version{n} }
	rec := func(n byte, value string) segment.Line {
		return segment.Line{Record: events.Record{Key: []byte("k"), Version: v(n), Value: []byte(value)}}
	}
	drop := func(n byte) segment.Line {
		return segment.Line{Kind: segment.KindDrop, Record: events.Record{Key: []byte("k"), Version: v(n)}}
	}
	for _, c := range []struct {
		name  string
		lines []segment.Line
		want  string // "" for unknown
	}{
		{"newest first", []segment.Line{rec(2, "two"), rec(1, "one")}, "two"},
		{"newest last", []segment.Line{rec(1, "one"), rec(2, "two")}, "two"},
		{"equal: the last", []segment.Line{rec(1, "one"), rec(1, "same")}, "same"},
		{"dropped", []segment.Line{rec(1, "one"), drop(1)}, ""},
		{"dropped before a newer one", []segment.Line{rec(2, "two"), drop(1)}, "two"},
		{"back after a drop", []segment.Line{rec(2, "two"), drop(2), rec(1, "one")}, "one"},
	} {
		x := New(0, 0)
		for i := range c.lines {
			if err := x.Replay(&c.lines[i], segment.Place{File: 1, Off: uint32(i)}); err != nil {
				t.Fatal(err)
			}
		}
		got := ""
		if r := x.Find([]byte("k"), x.Hash([]byte("k"))); r != 0 {
			got = string(x.Record([]byte("k"), r).Value)
		}
		if x.Close(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestIndex_ComeAndGo puts and drops keys without a listing: what waits to be
// sorted in does not grow with that.
func TestIndex_ComeAndGo(t *testing.T) {
	x := New(0, 0)
	defer x.Close()
	x.Loaded()
	want, most := map[string]events.Record{}, 0
	for i := range 3 * mostStale {
		r := events.Record{Key: fmt.Appendf(nil, "key %d", i%1000), Version: events.Version{1}}
		if err := x.Set(&r, x.Hash(r.Key), 0, segment.Place{File: 1, Off: uint32(i), Size: 1}); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 7 {
			want[string(r.Key)] = r
			continue
		}
		x.Remove(r.Key, x.Hash(r.Key))
		most = max(most, len(x.order.added))
	}
	if most > mostStale+10 {
		t.Fatalf("%d entries wait to be sorted in", most)
	}
	compareOrder(t, x, want)
}

// TestIndex_Bytes says where the bytes of a key of 16 and a value of 100 go: what
// redis-server 7.0 needs for the same is 208.
func TestIndex_Bytes(t *testing.T) {
	const keys, most = 200_000, 190
	x := New(0, 0)
	defer x.Close()
	x.Loaded()
	value := make([]byte, 100)
	for i := range keys {
		r := events.Record{Key: fmt.Appendf(nil, "%016x", uint64(i)*0x9e3779b97f4a7c15), Version: events.Version{1}, Value: value}
		if err := x.Set(&r, x.Hash(r.Key), 0, segment.Place{File: 1, Off: uint32(i), Size: 1}); err != nil {
			t.Fatal(err)
		}
	}
	slots, runs, added := 0, 0, 4*cap(x.order.added)
	x.Sort(keys)
	for i := range x.table.parts {
		slots += 8 * len(x.table.parts[i].slots)
	}
	for _, run := range x.order.runs {
		runs += 4 * cap(run)
	}
	sum := int(x.arena.used+x.values.used) + slots + max(runs, added)
	t.Logf("a key: entry %d, value %d, table %d, order %d bytes, %d before it is sorted in",
		x.arena.used/keys, x.values.used/keys, slots/keys, runs/keys, added/keys)
	if sum > most*keys {
		t.Fatalf("%d bytes a key, at most %d are allowed", sum/keys, most)
	}
}

// TestIndex_FindsAllOfOneHash asks for keys that the table cannot tell apart: a
// slot holds half of a hash.
func TestIndex_FindsAllOfOneHash(t *testing.T) {
	x := New(0, 0)
	defer x.Close()
	x.Loaded()
	const hash = 7
	keys := [][]byte{[]byte("a"), []byte("b"), []byte("c"), []byte("unknown")}
	var want []Ref
	for i, key := range keys[:3] {
		r := events.Record{Key: key, Version: events.Version{1}}
		if err := x.Set(&r, hash, 0, segment.Place{File: 1, Off: uint32(i), Size: 1}); err != nil {
			t.Fatal(err)
		}
		want = append(want, x.Find(key, hash))
	}
	got := x.FindAll([]uint64{hash, hash, hash, hash}, nil, func(i int) []byte { return keys[i] })
	if want = append(want, 0); !slices.Equal(got, want) || want[0] == want[1] {
		t.Errorf("found %v, want %v", got, want)
	}
}

// TestIndex_NoMemory lets the system refuse memory: a new key is an error and leaves
// nothing behind, a value stays on disk, what was reserved is there.
func TestIndex_NoMemory(t *testing.T) {
	x := New(0, 0)
	defer x.Close()
	x.Loaded()
	refused := errors.New("cannot allocate memory")
	x.values.newPage = func() ([]byte, error) { return nil, refused }
	put := func(i int) error {
		r := events.Record{Key: fmt.Appendf(nil, "%08d", i), Version: events.Version{1}, Value: []byte("v")}
		return x.Set(&r, x.Hash(r.Key), 0, segment.Place{File: 1, Off: uint32(i), Size: 1})
	}
	if err := put(0); err != nil {
		t.Fatal(err)
	}
	if r := x.find(t, "00000000"); x.InMemory(r) || x.ValueSize(r) != 1 {
		t.Error("a value for which there is no memory is said to be there")
	}
	x.arena.newPage = x.values.newPage
	n := 1
	for ; x.Reserve(8); n++ {
	}
	if err := x.Grow(8); !errors.Is(err, ErrFull) || !errors.Is(err, refused) {
		t.Errorf("grow: got %v, want %v", err, refused)
	}
	for i := 1; i < n; i++ {
		if err := put(i); err != nil {
			t.Fatalf("key %d of %d was reserved: %v", i, n, err)
		}
	}
	if err := put(n); !errors.Is(err, ErrFull) || x.Stats().Keys != n {
		t.Errorf("one more: %v, there are %d keys, want %d", err, x.Stats().Keys, n)
	}
	x.KeepPromises()
	x.Remove([]byte("00000000"), x.Hash([]byte("00000000")))
	if !x.Reserve(8) || x.Reserve(8) {
		t.Error("a key that is gone makes room for one")
	}
	if err := put(n); err != nil {
		t.Error(err)
	}
}

func (x *Index) find(t *testing.T, key string) Ref {
	t.Helper()
	r := x.Find([]byte(key), x.Hash([]byte(key)))
	if r == 0 {
		t.Fatalf("%s is not found", key)
	}
	return r
}
