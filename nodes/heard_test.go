package nodes_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"dht/events"
)

// grown is cluster with a node more, which takes keys from the last one.
func grown(epoch uint64) events.Cluster {
	c := cluster(epoch, 1)
	c.Nodes = []events.Member{c.Nodes[0], c.Nodes[1], {Name: "pi", Rule: `prefix "p"`}, c.Nodes[2]}
	return c
}

// TestNode_ANewerMapInForce: whoever runs on with the older file says nothing by it
// any more, be it the elder or not.
func TestNode_ANewerMapInForce(t *testing.T) {
	for _, epochs := range [][2]uint64{{1, 2}, {1, 9}, {3, 4}} {
		b := newBench(t, "android", cluster(epochs[0], 1))
		b.put("p1", "1", events.Version{})
		b.now = b.now.Add(time.Second) // it is the elder
		newer := newBench(t, "mac", grown(epochs[1]))
		if err := b.Heard(newer.Info(), events.PathNATS); err != nil {
			t.Errorf("the elder has to go: %v", err)
		}
		for op, r := range map[events.Op]events.Request{
			events.OpGet:    key("p1"),
			events.OpPut:    {Key: []byte("p1"), Value: []byte("2")},
			events.OpDelete: key("p1"),
			events.OpUpdate: {Key: []byte("p1"), Value: []byte("1"), Update: events.UpdateAdd},
		} {
			for _, believed := range []events.MapID{{}, b.Map().ID(), newer.Map().ID()} {
				r.Map = believed
				a := b.one(op, r)
				b.want(a, events.StatusStaleMap, events.ErrStaleMap)
				if believed == b.Map().ID() && !strings.Contains(a.Error, newer.Map().ID().String()) {
					t.Errorf("%s: %s does not name the newer map", op, a.Error)
				}
			}
		}
		b.want(b.one(events.OpGet, key("absent")), events.StatusStaleMap, events.ErrStaleMap)
		if keys := b.do(events.OpKeys, events.Request{}); len(keys) != 2 || string(keys[0].Key) != "p1" {
			t.Errorf("it lists %+v", keys)
		}
		// One that has not heard yet changes nothing.
		b.Heard(newBench(t, "mac", cluster(epochs[0], 1)).Info(), events.PathNATS)
		b.want(b.one(events.OpGet, key("p1")), events.StatusStaleMap, events.ErrStaleMap)
		if got := strings.Join(b.notified, ", "); got != "put p1, map-mismatch, map-mismatch" {
			t.Errorf("notified of %s", got)
		}
		b.restart("android", grown(epochs[1]))
		b.want(b.one(events.OpGet, key("p1")), events.StatusFound, "")
	}
}

// TestNode_ANewerMapOfANodeNotKnown: anybody can make one up. The node serves on, and
// only does not say that a key is absent, for as long as it hears of that map.
func TestNode_ANewerMapOfANodeNotKnown(t *testing.T) {
	b := newBench(t, "android", cluster(1, 1))
	b.put("p1", "1", events.Version{})
	b.now = b.now.Add(time.Second)
	if err := b.Heard(newBench(t, "pi", grown(2)).Info(), events.PathNATS); err != nil {
		t.Error(err)
	}
	b.want(b.one(events.OpGet, key("p1")), events.StatusFound, "")
	b.want(b.put("p1", "2", events.Version{}), events.StatusStored, "")
	b.want(b.one(events.OpGet, key("p2")), events.StatusStaleMap, events.ErrStaleMap)
	b.want(b.one(events.OpDelete, key("p1")), events.StatusDeleted, "")
	b.want(b.one(events.OpGet, key("p1")), events.StatusStaleMap, events.ErrStaleMap)
	b.now = b.now.Add(2 * time.Minute)
	b.want(b.one(events.OpGet, key("p1")), events.StatusDeleted, "")
}

// TestNode_WhatIsNoNewerMap leaves it at work.
func TestNode_WhatIsNoNewerMap(t *testing.T) {
	foreign := grown(9)
	foreign.Name = "else"
	for name, c := range map[string]events.Cluster{
		"an older epoch":          grown(1),
		"another cluster":         foreign,
		"another map, same epoch": grown(2),
		"its own":                 cluster(2, 1),
	} {
		b := newBench(t, "android", cluster(2, 1))
		b.now = b.now.Add(time.Second)
		if err := b.Heard(newBench(t, "mac", c).Info(), events.PathNATS); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		b.want(b.put("a1", "x", events.Version{}), events.StatusStored, "")
	}
	b := newBench(t, "android", cluster(2, 1))
	b.now = b.now.Add(time.Second)
	made := newBench(t, "mac", cluster(2, 1)).Info()
	made.Map.Epoch = 99 // its cluster does not say so
	if err := b.Heard(made, events.PathNATS); err != nil {
		t.Error(err)
	}
	b.want(b.put("a1", "x", events.Version{}), events.StatusStored, "")
}

// TestNode_Conflict only says what the matter is: it is to be confirmed before
// anybody goes.
func TestNode_Conflict(t *testing.T) {
	b := newBench(t, "linux", cluster(2, 1))
	foreign := cluster(2, 1)
	foreign.Name = "else"
	for name, tt := range map[string]struct {
		other *bench
		want  error
	}{
		"member":  {newBench(t, "mac", cluster(2, 1)), nil},
		"itself":  {b, nil},
		"older":   {newBench(t, "mac", cluster(1, 1)), nil},
		"newer":   {newBench(t, "mac", grown(3)), events.ErrStaleMap},
		"differs": {newBench(t, "mac", grown(2)), events.ErrStaleMap},
		"name":    {newBench(t, "linux", cluster(2, 1)), events.ErrNameTaken},
		"cluster": {newBench(t, "mac", foreign), events.ErrConfig},
	} {
		info := tt.other.Info()
		info.UptimeMS = 1 << 60
		if err := b.Members().Conflict(info); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	b.want(b.put("l1", "x", events.Version{}), events.StatusStored, "")
}

// TestNode_BriefLeavesOutReasons for who asks for nothing else.
func TestNode_BriefLeavesOutReasons(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	for _, op := range []events.Op{events.OpPut, events.OpGet, events.OpDelete} {
		r := key("m1")
		r.Brief = true
		a := b.one(op, r)
		b.want(a, events.StatusNotStored, "")
		if a.Reason != "" || a.Owners != nil {
			t.Errorf("%s: %+v", op, a)
		}
	}
}

// TestNode_ListingFitsTheRoom of whatever carries it, by its encoded size.
func TestNode_ListingFitsTheRoom(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	const keys = 300
	for i := range keys {
		b.put(fmt.Sprintf("l%03d%s", i, strings.Repeat([]string{"\x01", "\xff", "x", "\""}[i%4], i)), "", events.Version{})
	}
	for _, room := range []int{4 << 10, 64 << 10, 1 << 20} {
		listed, r := 0, events.Request{Room: int32(room)}
		for more := true; more; {
			answers := b.do(events.OpKeys, r)
			if message := events.AppendAnswers(nil, answers...); len(message) > room {
				t.Fatalf("a page takes %d bytes of %d", len(message), room)
			}
			last := answers[len(answers)-1]
			if last.Code != "" || last.More && len(answers) == 1 {
				t.Fatalf("in %d bytes: %+v", room, last)
			}
			if more = last.More; more {
				r.After = answers[len(answers)-2].Key
			}
			listed += len(answers) - 1
		}
		if listed != keys {
			t.Errorf("in pages of %d bytes %d of %d keys are listed", room, listed, keys)
		}
	}
	answers := b.do(events.OpKeys, events.Request{Room: 200, After: []byte("l250")})
	if last := answers[len(answers)-1]; len(answers) != 1 || last.Code != events.ErrTooLarge {
		t.Errorf("in a page that holds no key: %+v", answers)
	}
}

// TestNode_AnOldValueThatDoesNotFit is refused before anything is done.
func TestNode_AnOldValueThatDoesNotFit(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	b.put("l1", strings.Repeat("x", 70_000), events.Version{})
	for _, u := range []events.Update{events.UpdateSet, events.UpdateDelete, events.UpdateTouch, events.UpdateAppend} {
		r := events.Request{Key: []byte("l1"), Update: u, Old: true, Room: 64 << 10}
		b.want(b.one(events.OpUpdate, r), events.StatusError, events.ErrTooLarge)
	}
	if got := b.one(events.OpGet, key("l1")); len(got.Value) != 70_000 {
		t.Errorf("%d bytes are left", len(got.Value))
	}
	r := events.Request{Key: []byte("l1"), Update: events.UpdateDelete, Old: true, Room: 128 << 10}
	b.want(b.one(events.OpUpdate, r), events.StatusDeleted, "")
}
