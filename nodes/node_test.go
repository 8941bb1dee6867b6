package nodes_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"dht/events"
	"dht/nodes"
	"dht/nodes/placement"
	"dht/nodes/store/storetest"
)

// bench is one node over a store in memory, with a clock that the test turns.
type bench struct {
	*nodes.Node
	t        *testing.T
	store    *storetest.Memory
	now      time.Time
	notified []string
}

func cluster(epoch uint64, copies events.Copies) events.Cluster {
	return events.Cluster{Name: "three", Epoch: epoch, Copies: copies, Nodes: []events.Member{
		{Name: "linux", Rule: `prefix "l"`}, {Name: "mac", Rule: `prefix "m"`}, {Name: "android", Rule: "otherwise"}}}
}

func newBench(t *testing.T, name string, c events.Cluster) *bench {
	t.Helper()
	b := &bench{t: t, now: time.UnixMilli(1_790_000_000_000)}
	b.store = storetest.NewMemory(func() time.Time { return b.now })
	t.Cleanup(func() { b.store.Close() })
	b.restart(name, c)
	return b
}

// restart makes a new node over the same store.
func (b *bench) restart(name string, c events.Cluster) {
	b.t.Helper()
	m, err := placement.New(c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Node, err = nodes.New(nodes.Options{Map: m, Name: name, Store: b.store,
		Clock: events.NewClock(func() time.Time { return b.now }),
		Notify: func(e events.Event) {
			b.notified = append(b.notified, strings.TrimSpace(string(e.Type)+" "+string(e.Key)))
		}})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) do(op events.Op, reqs ...events.Request) []events.Answer {
	b.t.Helper()
	replies := make(chan []events.Answer, 2)
	b.Do(op, reqs, func(a []events.Answer) { replies <- a })
	answers := <-replies
	if len(replies) > 0 {
		b.t.Fatal("replied twice")
	}
	return answers
}

func (b *bench) one(op events.Op, r events.Request) events.Answer {
	b.t.Helper()
	answers := b.do(op, r)
	if len(answers) != 1 || answers[0].Node == "" || answers[0].Map != b.Map().ID() {
		b.t.Fatalf("answers %+v, want one with node and map", answers)
	}
	return answers[0]
}

func (b *bench) put(key, value string, v events.Version) events.Answer {
	b.t.Helper()
	return b.one(events.OpPut, events.Request{Key: []byte(key), Value: []byte(value), Version: v})
}

func (b *bench) want(a events.Answer, status events.Status, code events.Code) {
	b.t.Helper()
	if a.Status != status || a.Code != code {
		b.t.Fatalf("answer %s %q (%s), want %s %q", a.Status, a.Code, a.Error, status, code)
	}
}

func (b *bench) stampedAt(d time.Duration) events.Version {
	at := b.now.Add(d)
	return events.NewClock(func() time.Time { return at }).Next()
}

func key(k string) events.Request { return events.Request{Key: []byte(k)} }

func TestNode_PutGetDelete(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	b.want(b.one(events.OpGet, key("l1")), events.StatusAbsent, "")
	v := b.stampedAt(0)
	stored := b.put("l1", "hello", v)
	b.want(stored, events.StatusStored, "")
	if stored.Version != v || stored.Owner != 1 {
		t.Errorf("stored as %+v", stored)
	}
	found := b.one(events.OpGet, key("l1"))
	b.want(found, events.StatusFound, "")
	if string(found.Value) != "hello" || found.Version != v {
		t.Errorf("found %+v", found)
	}
	b.want(b.one(events.OpDelete, key("l1")), events.StatusDeleted, "")
	b.want(b.one(events.OpGet, key("l1")), events.StatusDeleted, "")
	b.want(b.one(events.OpDelete, key("l1")), events.StatusAbsent, "")
	if got := strings.Join(b.notified, ", "); got != "put l1, delete l1" {
		t.Errorf("notified of %s", got)
	}
}

func TestNode_RefusesWhatItDoesNotOwn(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	for _, op := range []events.Op{events.OpPut, events.OpGet, events.OpDelete} {
		a := b.one(op, key("m1"))
		b.want(a, events.StatusNotStored, "")
		if a.Owner != 0 || a.Reason != `does not begin with "l"` || fmt.Sprint(a.Owners) != "[mac]" {
			t.Errorf("%s: %+v", op, a)
		}
	}
	if b.Info().Keys != 0 {
		t.Error("it was stored all the same")
	}
}

func TestNode_LastVersionWins(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	older, newer := b.stampedAt(-time.Second), b.stampedAt(0)
	b.want(b.put("l1", "new", newer), events.StatusStored, "")
	b.want(b.put("l1", "new", newer), events.StatusStored, "") // a retry
	superseded := b.put("l1", "old", older)
	b.want(superseded, events.StatusSuperseded, "")
	if superseded.Version != newer {
		t.Errorf("superseded by %s, want %s", superseded.Version, newer)
	}
	b.want(b.one(events.OpDelete, events.Request{Key: []byte("l1"), Version: older}), events.StatusSuperseded, "")
	if got := b.one(events.OpGet, key("l1")); string(got.Value) != "new" {
		t.Errorf("value is %q", got.Value)
	}
	if len(b.notified) != 1 {
		t.Errorf("notified of %v, want one put", b.notified)
	}
	stamped := b.put("l1", "stamped by the node", events.Version{})
	b.want(stamped, events.StatusStored, "")
	if stamped.Version.Compare(newer) <= 0 {
		t.Error("the node's own version is behind one that it has seen")
	}
}

func TestNode_RefusesForeignClocks(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	b.want(b.put("l1", "", b.stampedAt(nodes.MaxAhead)), events.StatusStored, "")
	ahead := b.put("l1", "", b.stampedAt(nodes.MaxAhead+time.Millisecond))
	b.want(ahead, events.StatusError, events.ErrClockAhead)
	if ahead.Time != b.now.UnixMilli() {
		t.Errorf("the refusal gives time %d, want %d", ahead.Time, b.now.UnixMilli())
	}
	b.want(b.put("l2", "", b.stampedAt(-nodes.MaxAge)), events.StatusStored, "")
	b.want(b.put("l3", "", b.stampedAt(-nodes.MaxAge-time.Millisecond)), events.StatusError, events.ErrLate)
	late := key("l1")
	late.Deadline = b.now.UnixMilli() - 1
	b.want(b.one(events.OpGet, late), events.StatusError, events.ErrLate)
}

func TestNode_RefusesMalformed(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	b.want(b.put("", "", events.Version{}), events.StatusError, events.ErrBadRequest)
	b.want(b.put("l"+strings.Repeat("x", events.MaxKey), "", events.Version{}), events.StatusError, events.ErrBadRequest)
	b.want(b.put("l"+strings.Repeat("x", events.MaxKey-1), "", events.Version{}), events.StatusStored, "")
	b.want(b.one(events.OpPut, events.Request{Key: []byte("l"), Expires: -1}), events.StatusError, events.ErrBadRequest)
	b.want(b.one(events.OpGet, events.Request{Key: []byte("l"), Value: []byte("x")}),
		events.StatusError, events.ErrBadRequest)
	b.want(b.one("rename", key("l")), events.StatusError, events.ErrBadRequest)
	stale := key("l")
	stale.Map = events.MapID{Epoch: 1, Hash: 7}
	b.want(b.one(events.OpGet, stale), events.StatusStaleMap, events.ErrStaleMap)
}

func TestNode_Expires(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	r := key("l1")
	r.Expires = b.now.Add(time.Second).UnixMilli()
	b.want(b.one(events.OpPut, r), events.StatusStored, "")
	found := b.one(events.OpGet, key("l1"))
	b.want(found, events.StatusFound, "")
	if found.Expires != r.Expires {
		t.Errorf("expires %d, want %d", found.Expires, r.Expires)
	}
	b.now = b.now.Add(time.Second)
	b.want(b.one(events.OpGet, key("l1")), events.StatusDeleted, "")
	b.want(b.one(events.OpDelete, key("l1")), events.StatusAbsent, "")
	if keys := b.do(events.OpKeys, events.Request{}); len(keys) != 1 {
		t.Errorf("an expired key is listed: %+v", keys)
	}
}

// TestNode_CountsAndTells counts each answer once, under its status.
func TestNode_CountsAndTells(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	b.put("l1", "one", b.stampedAt(0))
	b.do(events.OpGet, key("l1"), key("l2"), key("m1"))
	b.do(events.OpKeys, events.Request{})
	stale := key("l1")
	stale.Map = events.MapID{Epoch: 1, Hash: 7}
	b.one(events.OpGet, stale)
	b.one(events.OpGet, stale)
	info := b.Info()
	got := fmt.Sprint(info.Requests)
	want := "map[get:map[absent:1 found:1 not-stored:1 stale-map:2] keys:map[listed:1] put:map[stored:1]]"
	if got != want {
		t.Errorf("counted %s, want %s", got, want)
	}
	if n := info.Took[events.OpGet].Count(); n != 4 { // not what another node owns
		t.Errorf("%d gets were carried out, want 4", n)
	}
	if got := strings.Join(b.notified, ", "); got != "put l1, map-mismatch" {
		t.Errorf("notified of %s: another map is reported once a minute", got)
	}
}

func TestNode_ManyEntriesInOrder(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	var reqs []events.Request
	for i := range 20 {
		reqs = append(reqs, events.Request{Key: fmt.Appendf(nil, "%c%02d", "lm"[i%2], i), Value: fmt.Append(nil, i)})
	}
	for i, a := range b.do(events.OpPut, reqs...) {
		b.want(a, []events.Status{events.StatusStored, events.StatusNotStored}[i%2], "")
	}
	for i := range reqs {
		reqs[i].Value = nil
	}
	for i, a := range b.do(events.OpGet, reqs...) {
		if i%2 == 0 && string(a.Value) != fmt.Sprint(i) {
			t.Errorf("entry %d is %q", i, a.Value)
		}
	}
}

func TestNode_Keys(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	for i := range 25 {
		b.put(fmt.Sprintf("l%02d", i), strings.Repeat("x", i), events.Version{})
	}
	var got []string
	r := events.Request{Prefix: []byte("l0"), Limit: 4}
	for pages := 1; ; pages++ {
		answers := b.do(events.OpKeys, r)
		for _, a := range answers[:len(answers)-1] {
			got = append(got, fmt.Sprint(string(a.Key), "=", a.Bytes))
			r.After = a.Key
		}
		last := answers[len(answers)-1]
		if last.Node != "linux" || last.More != (pages < 3) {
			t.Fatalf("page %d ends with %+v", pages, last)
		}
		if !last.More {
			break
		}
	}
	if want := "[l00=0 l01=1 l02=2 l03=3 l04=4 l05=5 l06=6 l07=7 l08=8 l09=9]"; fmt.Sprint(got) != want {
		t.Errorf("keys are %v, want %s", got, want)
	}
}

func TestNode_ListingFitsTheBus(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	for i := range 400 {
		b.put(fmt.Sprintf("l%03d%s", i, strings.Repeat("\x01", 1000)), "", events.Version{})
	}
	answers := b.do(events.OpKeys, events.Request{})
	if message := events.AppendAnswers(nil, answers...); len(message) > 1<<20 {
		t.Errorf("a listing takes %d bytes, more than the bus carries", len(message))
	}
	if last := answers[len(answers)-1]; !last.More || len(answers) < 100 {
		t.Errorf("%d answers, the last %+v", len(answers), last)
	}
}

// TestNode_MisplacedAfterNewRules swaps the rules of linux and mac.
func TestNode_MisplacedAfterNewRules(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	b.put("l1", "old place", events.Version{})
	b.put("l2", "old place", events.Version{})
	swapped := cluster(2, 1)
	swapped.Nodes[0].Rule, swapped.Nodes[1].Rule = swapped.Nodes[1].Rule, swapped.Nodes[0].Rule
	b.restart("linux", swapped)

	info := b.Info()
	if info.Misplaced != 2 || info.Keys != 2 {
		t.Errorf("info says %d misplaced of %d keys, want 2 of 2", info.Misplaced, info.Keys)
	}
	found := b.one(events.OpGet, key("l1"))
	b.want(found, events.StatusFound, "")
	if found.Owner != 0 || string(found.Value) != "old place" {
		t.Errorf("misplaced key is found as %+v", found)
	}
	b.want(b.put("l1", "not mine any more", events.Version{}), events.StatusNotStored, "")
	b.want(b.one(events.OpGet, key("l3")), events.StatusNotStored, "")

	// Back again: what another node knows may be newer than what is here.
	back := cluster(3, 1)
	b.restart("linux", back)
	if found := b.one(events.OpGet, key("l1")); fmt.Sprint(found.AlsoAsk) != "[mac android]" || found.Owner != 1 {
		t.Errorf("back at its old owner, l1 is found as %+v", found)
	}
}

// TestNode_MisplacedTombstonesCount deletes a key, then moves it away: only a
// node that gives the tombstone keeps an older copy elsewhere from coming back.
func TestNode_MisplacedTombstonesCount(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	if !b.Info().Clean {
		t.Error("an empty node is not clean")
	}
	b.put("l1", "x", events.Version{})
	b.one(events.OpDelete, key("l1"))
	swapped := cluster(2, 1)
	swapped.Nodes[0].Rule, swapped.Nodes[1].Rule = swapped.Nodes[1].Rule, swapped.Nodes[0].Rule
	b.restart("linux", swapped)
	if info := b.Info(); info.Clean || info.Misplaced != 0 {
		t.Errorf("with a tombstone of another's key the node says %+v", info)
	}
	a := b.one(events.OpGet, key("l1"))
	b.want(a, events.StatusDeleted, "")
	if a.Owner != 0 || a.Version.IsZero() {
		t.Errorf("the tombstone is given as %+v", a)
	}
}

// TestNode_WritesStandAgainstWhatOthersMayHold: a new owner takes no version that
// a record left elsewhere by an earlier map would hide.
func TestNode_WritesStandAgainstWhatOthersMayHold(t *testing.T) {
	b := newBench(t, "linux", cluster(2, 1))
	left := newBench(t, "mac", cluster(1, 1))
	left.now = left.now.Add(300 * time.Millisecond)
	newest := left.put("m1", "x", left.stampedAt(0)).Version
	swapped := cluster(2, 1)
	swapped.Nodes[1].Rule = `prefix "n"`
	left.restart("mac", swapped)
	b.restart("linux", swapped)
	if err := b.Heard(left.Info(), events.PathNATS); err != nil {
		t.Fatal(err)
	}
	a := b.put("l1", "hidden", b.stampedAt(0))
	b.want(a, events.StatusSuperseded, "")
	if a.Version != newest {
		t.Errorf("superseded by %s, want %s", a.Version, newest)
	}
	b.want(b.put("l1", "stands", b.stampedAt(400*time.Millisecond)), events.StatusStored, "")
	if a := b.put("l1", "stamped here", events.Version{}); a.Status != events.StatusStored ||
		a.Version.Compare(newest) <= 0 {
		t.Errorf("stamped by the node: %+v", a)
	}
}

func TestNode_RefusesAValueWhereNoneBelongs(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	b.put("l1", "x", events.Version{})
	for _, op := range []events.Op{events.OpGet, events.OpDelete, events.OpKeys} {
		r := events.Request{Key: []byte("l1"), Value: []byte(`{"key":"l2"}`)}
		b.want(b.do(op, r)[0], events.StatusError, events.ErrBadRequest)
	}
	b.want(b.one(events.OpGet, key("l1")), events.StatusFound, "")
}

func TestNode_AbsentNamesWhomToAsk(t *testing.T) {
	b := newBench(t, "linux", cluster(2, 1))
	ask := func() string { return fmt.Sprint(b.one(events.OpGet, key("l1")).AlsoAsk) }
	if got := ask(); got != "[mac android]" {
		t.Errorf("before anything is heard: ask %s", got)
	}
	heard := func(name string, clean bool) {
		t.Helper()
		peer := newBench(t, name, cluster(2, 1))
		info := peer.Info()
		info.Clean = clean
		if err := b.Heard(info, events.PathNATS); err != nil {
			t.Fatal(err)
		}
	}
	heard("mac", true)
	heard("android", false)
	if got := ask(); got != "[android]" {
		t.Errorf("mac is clean, android is not: ask %s", got)
	}
	// A delete of what is not here must hide what android may hold.
	b.want(b.one(events.OpDelete, key("l1")), events.StatusAbsent, "")
	b.want(b.one(events.OpGet, key("l1")), events.StatusDeleted, "")
	heard("android", true)
	b.want(b.one(events.OpDelete, key("l2")), events.StatusAbsent, "")
	b.want(b.one(events.OpGet, key("l2")), events.StatusAbsent, "")
}

func TestNode_HeardTellsTheYounger(t *testing.T) {
	elder := newBench(t, "linux", cluster(2, 1))
	elder.now = elder.now.Add(time.Hour)
	other := cluster(2, 1)
	other.Nodes[0].Rule = `prefix "x"`
	foreign := cluster(2, 1)
	foreign.Name = "else"
	for name, tt := range map[string]struct {
		newcomer *bench
		want     events.Code
	}{
		"name":    {newBench(t, "linux", cluster(2, 1)), events.ErrNameTaken},
		"map":     {newBench(t, "mac", other), events.ErrStaleMap},
		"epoch":   {newBench(t, "mac", cluster(1, 1)), events.ErrStaleMap},
		"cluster": {newBench(t, "mac", foreign), events.ErrConfig},
	} {
		// The newcomer's clock is far behind: it must not pass for the elder.
		tt.newcomer.now = tt.newcomer.now.Add(-1000 * time.Hour)
		tt.newcomer.restart(tt.newcomer.Name, tt.newcomer.Map().Cluster())
		if err := tt.newcomer.Heard(elder.Info(), events.PathNATS); !errors.Is(err, tt.want) {
			t.Errorf("%s: the newcomer hears %v, want %s", name, err, tt.want)
		}
		if err := elder.Heard(tt.newcomer.Info(), events.PathNATS); err != nil {
			t.Errorf("%s: the elder hears %v", name, err)
		}
	}
	if err := elder.Heard(elder.Info(), events.PathNATS); err != nil {
		t.Errorf("a node takes itself for another: %v", err)
	}
}

func TestNode_EveryMatchStampsEachForItself(t *testing.T) {
	c := cluster(1, events.EveryMatch)
	c.Nodes[1].Rule = `prefix "lm"`
	for _, name := range []string{"linux", "mac"} {
		b := newBench(t, name, c)
		a := b.put("lm1", "x", events.Version{})
		b.want(a, events.StatusStored, "")
		if a.Version.IsZero() {
			t.Errorf("%s did not stamp", name)
		}
	}
}

func TestNew_RefusesCopies(t *testing.T) {
	m, err := placement.New(cluster(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	s := storetest.NewMemory(time.Now)
	defer s.Close()
	for name, want := range map[string]string{"linux": "copies = 2", "toaster": `no node "toaster"`} {
		_, err = nodes.New(nodes.Options{Map: m, Name: name, Store: s, Clock: events.NewClock(time.Now)})
		if !errors.Is(err, events.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// failing is a store whose disk has failed.
type failing struct{ *storetest.Memory }

func (f failing) Apply(_ []events.Change, done func(error)) {
	done(fmt.Errorf("%w: no space left on device", events.ErrReadOnly))
}

func TestNode_TellsThatTheDiskIsFull(t *testing.T) {
	b := newBench(t, "linux", cluster(1, 1))
	n, err := nodes.New(nodes.Options{Map: b.Map(), Name: "linux", Store: failing{b.store},
		Clock: events.NewClock(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	b.Node = n
	a := b.put("l1", "x", events.Version{})
	b.want(a, events.StatusReadOnly, events.ErrReadOnly)
	if a.Owner != 1 {
		t.Error("an owner's refusal must say that it comes from an owner")
	}
	b.want(b.one(events.OpGet, key("l1")), events.StatusAbsent, "")
}
