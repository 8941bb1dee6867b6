package nodes_test

import (
	"testing"
	"time"

	"dht/events"
)

// far are versions that no right clock stamps.
func far(t *testing.T, b *bench) []events.Version {
	t.Helper()
	last, err := events.ParseVersion([]byte("ffffffff-ffff-7fff-bfff-ffffffffffff"))
	if err != nil {
		t.Fatal(err)
	}
	return []events.Version{last, b.stampedAt(time.Hour), b.stampedAt(events.MaxAhead + time.Millisecond)}
}

// TestNode_NothingFromOutsideMovesItsClockFar: what is stamped afterwards is of
// now, and stands after a restart.
func TestNode_NothingFromOutsideMovesItsClockFar(t *testing.T) {
	for carrier, send := range map[string]func(*bench, events.Version){
		"put": func(b *bench, v events.Version) {
			b.want(b.put("l1", "x", v), events.StatusError, events.ErrClockAhead)
		},
		"delete": func(b *bench, v events.Version) {
			b.want(b.one(events.OpDelete, events.Request{Key: []byte("l1"), Version: v}),
				events.StatusError, events.ErrClockAhead)
		},
		"install": func(b *bench, v events.Version) {
			a := b.one(events.OpUpdate, events.Request{Key: []byte("l1"), Value: []byte("x"), Version: v,
				Update: events.UpdateInstall})
			b.want(a, events.StatusError, events.ErrClockAhead)
			if a.Time != b.now.UnixMilli() {
				b.t.Errorf("the refusal gives time %d, want %d", a.Time, b.now.UnixMilli())
			}
		},
		"info": func(b *bench, v events.Version) {
			info := newBench(b.t, "mac", cluster(2, 1)).Info()
			info.Clean, info.Newest = false, v
			if err := b.Heard(info, events.PathNATS); err != nil {
				b.t.Error(err)
			}
		},
	} {
		b := newBench(t, "linux", cluster(2, 1))
		for i := range far(t, b) {
			v := far(t, b)[i] // by the time it is by now
			send(b, v)
			add := events.Request{Key: []byte("l2"), Value: []byte("1"), Update: events.UpdateAdd, AlsoAsked: true}
			for range 3 {
				sum := b.one(events.OpUpdate, add)
				b.want(sum, events.StatusStored, "")
				if off := sum.Version.Time().Sub(b.now); off > events.MaxAhead {
					t.Errorf("%s of %s: the next version is %v ahead", carrier, v, off)
				}
			}
			b.now = b.now.Add(time.Millisecond)
			b.want(b.put("l3", "x", b.stampedAt(events.MaxAhead)), events.StatusStored, "")
			b.restart("linux", cluster(2, 1))
		}
		if got := b.one(events.OpGet, key("l2")); string(got.Value) != "9" {
			t.Errorf("%s: of nine sums %q stands", carrier, got.Value)
		}
	}
}

// TestNode_OwnRecordsAheadOfItsClock: the clock was wrong and has been set back.
// What is stamped anew is of now; what replaces such a record is later than it.
func TestNode_OwnRecordsAheadOfItsClock(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	right := b.now
	b.now = b.now.Add(time.Hour)
	for _, k := range []string{"l1", "l2", "l3", "l4"} {
		b.put(k, "1", events.Version{})
	}
	ahead := b.one(events.OpGet, key("l1")).Version
	b.now = right
	b.restart("linux", cluster(1, 1))
	if v := b.put("l9", "new", events.Version{}).Version; v.Time().After(right.Add(events.MaxAhead)) {
		t.Errorf("a new key is stamped %v", v.Time())
	}
	b.want(b.put("l1", "2", b.stampedAt(0)), events.StatusSuperseded, "")
	b.want(b.put("l1", "2", events.Version{}), events.StatusStored, "")
	b.want(b.one(events.OpUpdate, events.Request{Key: []byte("l2"), Value: []byte("1"), Update: events.UpdateAdd}),
		events.StatusStored, "")
	b.want(b.one(events.OpUpdate, events.Request{Key: []byte("l3"), To: []byte("l4"), Update: events.UpdateRename}),
		events.StatusStored, "")
	b.want(b.one(events.OpDelete, key("l2")), events.StatusDeleted, "")
	b.restart("linux", cluster(1, 1))
	for k, want := range map[string]events.Status{"l1": events.StatusFound, "l2": events.StatusDeleted,
		"l3": events.StatusDeleted, "l4": events.StatusFound} {
		a := b.one(events.OpGet, key(k))
		b.want(a, want, "")
		if a.Version.Compare(ahead) <= 0 {
			t.Errorf("%s stands as %s, not later than %s", k, a.Version, ahead)
		}
	}
	if got := b.one(events.OpGet, key("l1")); string(got.Value) != "2" {
		t.Errorf("l1 is %q", got.Value)
	}
}

// TestNode_TheLastVersionOfAll stands for good, and that is said: a version behind
// it would wrap to the oldest of all.
func TestNode_TheLastVersionOfAll(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	poisoned := events.Record{Key: []byte("l1"), Value: []byte("1"), Version: far(t, b)[0]}
	done := make(chan error, 1)
	decide := func(events.Record) (events.Record, bool) { return poisoned, true }
	b.store.Apply([]events.Change{{Key: poisoned.Key, Decide: decide}},
		func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.restart("linux", cluster(1, 1))
	b.want(b.put("l2", "x", events.Version{}), events.StatusStored, "")
	b.want(b.put("l1", "x", events.Version{}), events.StatusError, events.ErrClockAhead)
	b.want(b.one(events.OpDelete, key("l1")), events.StatusError, events.ErrClockAhead)
	b.want(b.one(events.OpUpdate, events.Request{Key: []byte("l1"), To: []byte("l2"), Update: events.UpdateRename}),
		events.StatusError, events.ErrClockAhead)
	b.want(b.one(events.OpUpdate, events.Request{Key: []byte("l1"), Value: []byte("1"), Update: events.UpdateAdd}),
		events.StatusError, events.ErrClockAhead)
	if got := b.one(events.OpGet, key("l1")); string(got.Value) != "1" {
		t.Errorf("l1 is %q", got.Value)
	}
	if got := b.one(events.OpGet, key("l2")); string(got.Value) != "x" {
		t.Errorf("l2 is %q", got.Value)
	}
}

// TestNode_HearsMembersOnly: names that are made up must not fill the memory, nor
// count as nodes that may hold keys.
func TestNode_HearsMembersOnly(t *testing.T) {
	b := newBench(t, "linux", cluster(2, 1))
	info := newBench(t, "mac", cluster(2, 1)).Info()
	info.Node, info.Clean, info.Newest = "toaster", false, b.stampedAt(events.MaxAhead)
	if err := b.Heard(info, events.PathNATS); err != nil {
		t.Error(err)
	}
	b.want(b.put("l1", "x", b.stampedAt(0)), events.StatusStored, "")
}
