package nodes_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dht/events"
)

// step is one update, and what it makes of what stands.
type step struct {
	name   string
	r      events.Request
	status events.Status
	code   events.Code
	value  string // what stands afterwards; "-" for nothing
	ttl    time.Duration
}

func (b *bench) at(d time.Duration) int64 { return b.now.Add(d).UnixMilli() }

func TestUpdate_Conditions(t *testing.T) {
	set := func(c events.Condition) events.Request {
		return events.Request{Value: []byte("new"), Update: events.UpdateSet, If: c}
	}
	b := newBench(t, "linux", cluster(1, 1))
	touch := func(c events.Condition, d time.Duration) events.Request {
		return events.Request{Update: events.UpdateTouch, If: c, Expires: b.at(d)}
	}
	// before is what stands: nothing, a value, or one that expires in a minute.
	for before, steps := range map[string][]step{
		"nothing": {
			{"set if absent", set(events.IfAbsent), events.StatusStored, "", "new", 0},
			{"set if present", set(events.IfPresent), events.StatusAbsent, "", "-", 0},
			{"touch", touch("", time.Hour), events.StatusAbsent, "", "-", 0},
			{"delete", events.Request{Update: events.UpdateDelete}, events.StatusAbsent, "", "-", 0},
			{"add", events.Request{Update: events.UpdateAdd, Value: []byte("-3")}, events.StatusStored, "", "-3", 0},
			{"append", events.Request{Update: events.UpdateAppend, Value: []byte("x")}, events.StatusStored, "", "x", 0},
		},
		"value": {
			{"set if absent", set(events.IfAbsent), events.StatusUnchanged, "", "1", 0},
			{"set if present", set(events.IfPresent), events.StatusStored, "", "new", 0},
			{"touch if lasting", touch(events.IfLasting, time.Hour), events.StatusStored, "", "1", time.Hour},
			{"touch if expiring", touch(events.IfExpiring, time.Hour), events.StatusUnchanged, "", "1", 0},
			{"touch if later", touch(events.IfLater, time.Hour), events.StatusUnchanged, "", "1", 0},
			{"touch if sooner", touch(events.IfSooner, time.Hour), events.StatusStored, "", "1", time.Hour},
			{"touch with the past", touch("", -time.Second), events.StatusDeleted, "", "-", 0},
			{"delete", events.Request{Update: events.UpdateDelete}, events.StatusDeleted, "", "-", 0},
			{"add a word", events.Request{Update: events.UpdateAdd, Value: []byte("x")},
				events.StatusError, events.ErrNotNumber, "1", 0},
		},
		"expiring": {
			{"set", set(""), events.StatusStored, "", "new", 0},
			{"set and keep", events.Request{Value: []byte("new"), Update: events.UpdateSet, Keep: true},
				events.StatusStored, "", "new", time.Minute},
			{"add", events.Request{Update: events.UpdateAdd, Value: []byte("1")}, events.StatusStored, "", "2", time.Minute},
			{"append", events.Request{Update: events.UpdateAppend, Value: []byte("x")},
				events.StatusStored, "", "1x", time.Minute},
			{"touch if later", touch(events.IfLater, time.Hour), events.StatusStored, "", "1", time.Hour},
			{"touch if later, sooner", touch(events.IfLater, time.Second), events.StatusUnchanged, "", "1", time.Minute},
			{"touch if sooner", touch(events.IfSooner, time.Second), events.StatusStored, "", "1", time.Second},
			{"persist", events.Request{Update: events.UpdateTouch, If: events.IfExpiring}, events.StatusStored, "", "1", 0},
		},
	} {
		for _, s := range steps {
			t.Run(before+"/"+s.name, func(t *testing.T) {
				b.t = t
				b.prepare(before)
				s.r.Key = []byte("l1")
				b.want(b.one(events.OpUpdate, s.r), s.status, s.code)
				b.stands(s)
			})
		}
	}
}

func (b *bench) prepare(before string) {
	b.t.Helper()
	b.one(events.OpDelete, key("l1"))
	r := key("l1")
	r.Value = []byte("1")
	switch before {
	case "expiring":
		r.Expires = b.at(time.Minute)
		fallthrough
	case "value":
		b.want(b.one(events.OpPut, r), events.StatusStored, "")
	}
}

func (b *bench) stands(s step) {
	b.t.Helper()
	a := b.one(events.OpGet, key("l1"))
	got := "-"
	if a.Status == events.StatusFound {
		got = string(a.Value)
	}
	expires := int64(0)
	if s.ttl != 0 {
		expires = b.at(s.ttl)
	}
	if got != s.value || a.Expires != expires {
		b.t.Errorf("%q stands until %d, want %q until %d", got, a.Expires, s.value, expires)
	}
}

// An expired value is none, whatever the store still holds.
func TestUpdate_AfterExpiry(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	b.prepare("expiring")
	b.now = b.now.Add(time.Hour)
	a := b.one(events.OpUpdate, events.Request{Key: []byte("l1"), Update: events.UpdateAdd, Value: []byte("5")})
	b.want(a, events.StatusStored, "")
	if string(a.Value) != "5" || a.Expires != 0 || !a.Before.IsZero() {
		t.Errorf("answer %+v", a)
	}
}

func TestUpdate_RefusesWhereThereIsNoSingleOwner(t *testing.T) {
	c := cluster(1, events.EveryMatch)
	c.Nodes[1].Rule = `prefix "l1"`
	b := newBench(t, "linux", c)
	add := events.Request{Key: []byte("l1"), Update: events.UpdateAdd, Value: []byte("1")}
	b.want(b.one(events.OpUpdate, add), events.StatusError, events.ErrRefused)
	add.Key = []byte("l2")
	b.want(b.one(events.OpUpdate, add), events.StatusStored, "")
	b.want(b.one(events.OpUpdate, events.Request{Key: []byte("l2"), To: []byte("l1"), Update: events.UpdateRename}),
		events.StatusError, events.ErrRefused)
	add.Version = b.stampedAt(0)
	b.want(b.one(events.OpUpdate, add), events.StatusError, events.ErrBadRequest)
}

// Events say what updates did, and only that.
func TestUpdate_Events(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	for _, r := range []events.Request{
		{Update: events.UpdateSet, Value: []byte("v")},
		{Update: events.UpdateSet, Value: []byte("w"), If: events.IfAbsent},
		{Update: events.UpdateRename, To: []byte("l2")},
		{Update: events.UpdateDelete},
	} {
		r.Key = []byte("l1")
		b.one(events.OpUpdate, r)
	}
	if got := strings.Join(b.notified, ", "); got != "put l1, put l2, delete l1" {
		t.Errorf("notified of %s", got)
	}
}

// Every one of many concurrent increments counts, and no two see the same sum.
func TestUpdate_IsOneStep(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	const callers, each = 16, 50
	var wait sync.WaitGroup
	var mu sync.Mutex
	sums := map[string]bool{}
	for range callers {
		wait.Go(func() {
			for range each {
				done := make(chan events.Answer, 1)
				b.Do(events.OpUpdate, []events.Request{{Key: []byte("l1"), Update: events.UpdateAdd, Value: []byte("1")}},
					func(a []events.Answer) { done <- a[0] })
				a := <-done
				mu.Lock()
				sums[string(a.Value)] = true
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if a := b.one(events.OpGet, key("l1")); string(a.Value) != strconv.Itoa(callers*each) || len(sums) != callers*each {
		t.Errorf("counted to %s with %d different sums, want %d", a.Value, len(sums), callers*each)
	}
}
