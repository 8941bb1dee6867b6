package monitor_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"dht/client/monitor"
	"dht/events"
)

// bench feeds a correlator by hand: at is the time since the start.
type bench struct {
	t          *testing.T
	correlator *monitor.Correlator
	subjects   events.Subjects
	id         string // of requests and answers without a version: which names the others here
	shown      []string
	lost       int64
}

var start = time.UnixMilli(1_790_000_000_000)

func newBench(t *testing.T, pattern string) *bench {
	t.Helper()
	b := &bench{t: t, subjects: events.NewSubjects("")}
	f, err := monitor.NewFilter(b.subjects, pattern)
	if err != nil {
		t.Fatal(err)
	}
	b.correlator = monitor.NewCorrelator(f, func(l monitor.Line) {
		b.lost += l.Lost
		b.shown = append(b.shown, text(l))
	})
	return b
}

// leased lets nodes say that they publish their answers, long enough ago to be believed.
func (b *bench) leased(names ...string) *bench {
	for _, name := range names {
		b.correlator.Leased(events.Info{Node: name, Cluster: events.Cluster{Nodes: []events.Member{{Name: "linux"}, {Name: "mac"}, {Name: "android"}}}}, start.Add(-time.Second))
	}
	return b
}

func (b *bench) request(ms int, node string, op events.Op, key string, v events.Version) {
	subject := b.subjects.Broadcast(op)
	if node != "" {
		subject = b.subjects.Node(node, op)
	}
	b.correlator.Add(monitor.Sight{Time: at(ms), Subject: subject, ID: b.idOf(v), Op: op, Node: node, Key: []byte(key), Version: v, Bytes: 5})
}

func (b *bench) answer(ms int, node string, op events.Op, key string, s events.Status, v events.Version) {
	b.event(ms, events.Event{Type: events.EventAnswer, Node: node, Op: op, Key: []byte(key), Status: s, Version: v, Took: time.Millisecond, Request: b.idOf(v)})
}

func (b *bench) idOf(v events.Version) []byte {
	if b.id != "" || v.IsZero() {
		return []byte(b.id)
	}
	return v[:]
}

// of is the bench for what has that id.
func (b *bench) of(id string) *bench {
	b.id = id
	return b
}

func (b *bench) event(ms int, e events.Event) {
	b.correlator.Add(monitor.Sight{Time: at(ms), Subject: b.subjects.Event(e.Node, e.Type), Event: e})
}

func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

// is compares what was shown since the last time.
func (b *bench) is(want ...string) {
	b.t.Helper()
	if !slices.Equal(b.shown, want) {
		b.t.Errorf("shown:\n%s\nwant:\n%s", strings.Join(b.shown, "\n"), strings.Join(want, "\n"))
	}
	b.shown = nil
}

func text(l monitor.Line) string {
	s := fmt.Sprintf("%d %s %s%s", l.Time.Sub(start).Milliseconds(), l.Subject, l.Op, l.Event)
	if l.Node != "" {
		s += "@" + l.Node
	}
	s += " " + string(l.Key)
	for _, a := range l.Answers {
		s += fmt.Sprintf(" %s:%s", a.Node, a.Status)
	}
	if l.Took > 0 {
		s += fmt.Sprintf(" %dms", l.Took.Milliseconds())
	}
	if l.Lost > 0 {
		s += fmt.Sprintf(" lost %d", l.Lost)
	}
	if l.Detail != "" {
		s += " (" + l.Detail + ")"
	}
	return s
}

func versions(n int) (list []events.Version) {
	clock := events.NewClock(func() time.Time { return start })
	for range n {
		list = append(list, clock.Next())
	}
	return list
}

const (
	stored = events.StatusStored
	no     = events.StatusNotStored
	found  = events.StatusFound
)

func TestCorrelator_OneLineWhenAllHaveAnswered(t *testing.T) {
	b, v := newBench(t, "").leased("linux", "mac", "android"), versions(1)[0]
	b.request(0, "", events.OpPut, "k", v)
	b.answer(1, "android", events.OpPut, "k", no, v)
	b.event(2, events.Event{Type: events.EventPut, Node: "linux", Key: []byte("k"), Version: v})
	b.answer(2, "linux", events.OpPut, "k", stored, v)
	b.is()
	b.answer(3, "mac", events.OpPut, "k", no, v)
	b.is("0 dht.put put k linux:stored mac:not-stored android:not-stored 3ms")
	b.correlator.Tick(at(2000))
	b.is()
}

func TestCorrelator_ResentAndConcurrent(t *testing.T) {
	b, v := newBench(t, "").leased("linux", "mac", "android"), versions(2)
	b.request(0, "", events.OpPut, "k", v[0])
	b.request(1, "", events.OpPut, "k", v[1])
	for _, node := range []string{"linux", "mac", "android"} {
		b.answer(2, node, events.OpPut, "k", stored, v[1]) // the later one first
	}
	b.is("1 dht.put put k linux:stored mac:stored android:stored 1ms")
	b.request(3, "", events.OpPut, "k", v[0]) // sent again
	for range 2 {
		for _, node := range []string{"linux", "mac", "android"} {
			b.answer(4, node, events.OpPut, "k", stored, v[0])
		}
	}
	b.is("0 dht.put put k linux:stored mac:stored android:stored 4ms", "3 dht.put put k linux:stored mac:stored android:stored 1ms")
	b.of("first").request(5, "", events.OpGet, "k", events.Version{})
	b.of("second").request(6, "", events.OpGet, "k", events.Version{})
	for ms, node := range []string{"mac", "linux", "android"} { // each the later one first
		b.of("second").answer(10+ms, node, events.OpGet, "k", found, v[0])
		b.of("first").answer(10+ms, node, events.OpGet, "k", no, v[0])
	}
	b.is("6 dht.get get k linux:found mac:found android:found 6ms", "5 dht.get get k linux:not-stored mac:not-stored android:not-stored 7ms")
}

func TestCorrelator_Silence(t *testing.T) {
	b, v := newBench(t, "").leased("linux", "mac", "android"), versions(3)
	b.request(0, "", events.OpPut, "k", v[0])
	b.answer(1, "linux", events.OpPut, "k", stored, v[0])
	b.answer(1, "mac", events.OpPut, "k", no, v[0])
	b.correlator.Tick(at(999))
	b.is()
	b.correlator.Tick(at(1000))
	b.is("0 dht.put put k linux:stored mac:not-stored android:silent 1ms")
	// Who has said goodbye is not waited for.
	b.event(1100, events.Event{Type: events.EventDown, Node: "android"})
	b.request(1200, "", events.OpPut, "k", v[1])
	b.answer(1201, "linux", events.OpPut, "k", stored, v[1])
	b.answer(1202, "mac", events.OpPut, "k", no, v[1])
	b.is("1100 dht.event.android.down down@android ", "1200 dht.put put k linux:stored mac:not-stored android:silent 2ms")
	// Of an addressed request only that node's answer is expected.
	b.of("a").request(1300, "android", events.OpGet, "k", events.Version{})
	b.of("l").request(1300, "linux", events.OpGet, "k", events.Version{})
	b.of("l").answer(1301, "linux", events.OpGet, "k", found, v[1])
	b.correlator.Tick(at(2300))
	b.is("1300 dht.node.linux.get get@linux k linux:found 1ms", "1300 dht.node.android.get get@android k android:silent")
}

// Nobody is called silent who perhaps does not publish yet.
func TestCorrelator_SilenceThatMeansNothing(t *testing.T) {
	b, v := newBench(t, ""), versions(3)
	b.request(0, "", events.OpPut, "a", v[0])
	b.correlator.Tick(at(1000))
	b.is("0 dht.put put a")
	b.leased("linux", "mac", "android")
	b.correlator.Missed()
	b.request(2000, "", events.OpPut, "b", v[1])
	b.answer(2001, "linux", events.OpPut, "b", stored, v[1])
	b.correlator.Tick(at(3000))
	b.is("2000 dht.put put b linux:stored 1ms")
	b.request(3000, "", events.OpPut, "c", v[2])
	b.answer(3001, "mac", events.OpPut, "c", no, v[2])
	b.correlator.Close(at(3100))
	b.is("3000 dht.put put c mac:not-stored 1ms")
}

// A node that has not said yet that it publishes may only be late.
func TestCorrelator_LateNode(t *testing.T) {
	b, v := newBench(t, "").leased("linux", "mac"), versions(2)
	for i, ms := range []int{0, 1000} { // a second later than they were heard, and two
		b.request(ms, "", events.OpPut, "k", v[i])
		b.answer(ms+1, "linux", events.OpPut, "k", stored, v[i])
		b.answer(ms+1, "mac", events.OpPut, "k", no, v[i])
		b.correlator.Tick(at(ms + 1000))
	}
	b.is("0 dht.put put k linux:stored mac:not-stored 1ms", "1000 dht.put put k linux:stored mac:not-stored android:silent 1ms")
}

func TestCorrelator_AnswersThatOvertakeTheirRequest(t *testing.T) {
	b, v := newBench(t, "").leased("linux", "mac", "android"), versions(2)
	b.answer(0, "mac", events.OpPut, "k", no, v[0])
	b.answer(1, "linux", events.OpPut, "k", stored, v[0])
	b.correlator.Tick(at(40))
	b.request(45, "", events.OpPut, "k", v[0])
	b.answer(46, "android", events.OpPut, "k", no, v[0])
	b.is("45 dht.put put k linux:stored mac:not-stored android:not-stored 1ms")
	b.id = "that its owner stamps"
	b.answer(50, "linux", events.OpPut, "k", stored, v[1])
	b.answer(51, "mac", events.OpPut, "k", no, events.Version{})
	b.request(52, "", events.OpPut, "k", events.Version{})
	b.answer(53, "android", events.OpPut, "k", no, events.Version{})
	b.is("52 dht.put put k linux:stored mac:not-stored android:not-stored 1ms")
}

// What has no id belongs together by operation and key, each node once.
func TestCorrelator_WithoutID(t *testing.T) {
	b := newBench(t, "").leased("linux", "mac", "android")
	b.request(0, "", events.OpDelete, "k", events.Version{})
	for ms, node := range []string{"mac", "linux", "android"} {
		b.answer(ms, node, events.OpDelete, "k", events.StatusAbsent, events.Version{})
	}
	b.is("0 dht.delete delete k linux:absent mac:absent android:absent 2ms")
	for ms, node := range []string{"mac", "linux", "linux"} { // over TCP, at every-match
		b.answer(10+ms, node, events.OpGet, "k", found, events.Version{})
	}
	b.correlator.Tick(at(100))
	b.is("10  get k linux:found mac:found 1ms", "12  get k linux:found 1ms")
}

// Entries of one message have one id, and each its own line; so has a key that
// stands in it twice.
func TestCorrelator_EntriesOfOneMessage(t *testing.T) {
	b := newBench(t, "").leased("linux", "mac", "android").of("one")
	keys := []string{"a", "b", "a"}
	for _, key := range keys {
		b.request(0, "", events.OpGet, key, events.Version{})
	}
	for ms, node := range []string{"mac", "linux", "android"} {
		for _, key := range keys {
			b.answer(ms, node, events.OpGet, key, found, events.Version{})
		}
	}
	b.is("0 dht.get get a linux:found mac:found android:found 2ms", "0 dht.get get b linux:found mac:found android:found 2ms",
		"0 dht.get get a linux:found mac:found android:found 2ms")
}

func TestCorrelator_OverTCP(t *testing.T) {
	b, v := newBench(t, "").leased("linux", "mac", "android"), versions(2)
	b.event(0, events.Event{Type: events.EventPut, Node: "linux", Key: []byte("k"), Version: v[0]})
	b.answer(0, "linux", events.OpUpdate, "k", stored, v[0])
	b.answer(1, "linux", events.OpUpdate, "k", stored, v[1])
	b.correlator.Tick(at(49))
	b.is()
	b.correlator.Tick(at(60))
	b.is("0  update k linux:stored 1ms", "1  update k linux:stored 1ms")
}

// A request from before this monitor listened did not come over TCP.
func TestCorrelator_AnswersToRequestsFromBefore(t *testing.T) {
	b, v := newBench(t, ""), versions(3)
	b.answer(0, "linux", events.OpPut, "before", stored, v[0])
	b.correlator.Tick(at(60))
	b.leased("linux", "mac", "android")
	b.correlator.Missed()
	b.answer(100, "linux", events.OpPut, "away", stored, v[1])
	b.correlator.Tick(at(160))
	b.is()
	b.leased("linux")
	b.answer(200, "linux", events.OpPut, "after", stored, v[2])
	b.correlator.Tick(at(260))
	b.is("200  put after linux:stored 1ms")
}

// Where answers are heard they say what was stored and deleted.
func TestCorrelator_ChangesOnlyWhereNoAnswersAre(t *testing.T) {
	for pattern, want := range map[string][]string{
		"":                   {"1 dht.event.mac.expire expire@mac k"},
		"dht.event.*.*":      {"1 dht.event.mac.expire expire@mac k"},
		"dht.event.*.delete": {"0 dht.event.mac.delete delete@mac k"},
	} {
		b, v := newBench(t, pattern), versions(1)[0]
		b.event(0, events.Event{Type: events.EventDelete, Node: "mac", Key: []byte("k"), Version: v})
		b.event(1, events.Event{Type: events.EventExpire, Node: "mac", Key: []byte("k"), Version: v})
		b.correlator.Tick(at(50))
		b.is(want...)
	}
}

func TestCorrelator_Patterns(t *testing.T) {
	linux := "0 dht.put put k linux:stored mac:not-stored android:not-stored 1ms"
	for pattern, want := range map[string][]string{
		"":                         {linux, "2 dht.event.linux.merge merge@linux ", "3  get tcp linux:found 1ms"},
		">":                        {linux, "2 dht.event.linux.merge merge@linux ", "3  get tcp linux:found 1ms"},
		"dht.put":                  {linux},
		"dht.*":                    {linux},
		"dht.get":                  nil,
		"dht.info":                 {"2 dht.info info "},
		"dht.event.linux.>":        {"2 dht.event.linux.merge merge@linux ", "0 dht.event.linux.answer put k linux:stored 1ms", "3 dht.event.linux.answer get tcp linux:found 1ms"},
		"dht.event.*.put":          {"0 dht.event.linux.put put@linux k"},
		"dht.event.mac.*":          {"0 dht.event.mac.answer put k mac:not-stored 1ms"},
		"dht.event.android.expire": nil,
	} {
		t.Run(pattern, func(t *testing.T) {
			b, v := newBench(t, pattern).leased("linux", "mac", "android"), versions(1)[0]
			b.request(0, "", events.OpPut, "k", v)
			b.event(0, events.Event{Type: events.EventPut, Node: "linux", Key: []byte("k"), Version: v})
			b.answer(0, "linux", events.OpPut, "k", stored, v)
			b.answer(1, "mac", events.OpPut, "k", no, v)
			b.answer(1, "android", events.OpPut, "k", no, v)
			b.request(2, "", events.OpInfo, "", events.Version{})
			b.event(2, events.Event{Type: events.EventMerge, Node: "linux"})
			b.answer(3, "linux", events.OpGet, "tcp", found, v)
			b.correlator.Tick(at(1500))
			b.is(want...)
		})
	}
}

// An answer that is here before the requests goes to the one that its node was
// asked.
func TestCorrelator_OvertakesAnotherNodesRequest(t *testing.T) {
	b := newBench(t, "").leased("linux", "mac", "android")
	b.of("a").answer(0, "android", events.OpKeys, "", "", events.Version{})
	b.of("l").request(1, "linux", events.OpKeys, "", events.Version{})
	b.of("a").request(2, "android", events.OpKeys, "", events.Version{})
	b.of("l").answer(3, "linux", events.OpKeys, "", "", events.Version{})
	b.correlator.Tick(at(3000))
	b.is("2 dht.node.android.keys keys@android  android:listed 1ms", "1 dht.node.linux.keys keys@linux  linux:listed 2ms")
}

// Answers of several nodes that are here before the requests are no answers to one
// request, when each was asked for itself.
func TestCorrelator_OvertakeSeveralRequests(t *testing.T) {
	b := newBench(t, "").leased("linux", "mac", "android")
	for ms := 0; ms < 200; ms += 10 {
		l, m := fmt.Sprint("l", ms), fmt.Sprint("m", ms)
		b.of(l).answer(ms, "linux", events.OpKeys, "", "", events.Version{})
		b.of(m).answer(ms, "mac", events.OpKeys, "", "", events.Version{})
		b.of(l).request(ms+1, "linux", events.OpKeys, "", events.Version{})
		b.of(m).request(ms+1, "mac", events.OpKeys, "", events.Version{})
		b.is(fmt.Sprintf("%d dht.node.linux.keys keys@linux  linux:listed 1ms", ms+1), fmt.Sprintf("%d dht.node.mac.keys keys@mac  mac:listed 1ms", ms+1))
	}
	b.correlator.Tick(at(3000))
	b.is()
}

// Thousands of requests for one key must not make each other slow.
func TestCorrelator_ManyOfOneKey(t *testing.T) {
	b := newBench(t, "").leased("linux", "mac", "android")
	began := time.Now()
	for ms := range 10 {
		for range 1500 {
			b.answer(ms, "linux", events.OpGet, "k", found, events.Version{})
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	b.correlator.Tick(at(1000))
	if len(b.shown) != 15_000 {
		t.Errorf("%d lines", len(b.shown))
	}
}

// TestCorrelator_AnyOrder lets everything that nodes publish of some requests arrive
// in any order, within the time by which messages may pass each other: the lines
// are the same.
func TestCorrelator_AnyOrder(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		b := newBench(t, "").leased("linux", "mac", "android")
		var steps []func(ms int)
		var want []string
		for i, v := range versions(8) {
			key := fmt.Sprint("k", i%3)
			steps = append(steps,
				func(ms int) { b.request(ms, "", events.OpPut, key, v) },
				func(ms int) { b.answer(ms, "linux", events.OpPut, key, stored, v) },
				func(ms int) { b.answer(ms, "mac", events.OpPut, key, no, v) },
				func(ms int) { b.answer(ms, "android", events.OpPut, key, no, v) },
				func(ms int) {
					b.event(ms, events.Event{Type: events.EventPut, Node: "linux", Key: []byte(key), Version: v})
				})
			want = append(want, "dht.put put "+key+" linux:stored mac:not-stored android:not-stored")
		}
		random.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
		for i, step := range steps {
			step(i)
			b.correlator.Tick(at(i))
		}
		b.correlator.Tick(at(2000))
		for i := range b.shown { // without times
			words := strings.Fields(b.shown[i])
			b.shown[i] = strings.Join(words[1:len(words)-1], " ")
		}
		slices.Sort(b.shown)
		slices.Sort(want)
		b.is(want...)
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}
