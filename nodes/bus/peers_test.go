package bus_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
	"dht/nodes/bus"
	"dht/nodes/coordinator"
	"dht/nodes/nodetest"
)

// peersOf is the coordinator of linux, which asks the others over the bus.
func peersOf(t *testing.T, c *nodetest.Cluster, p *path, timeout time.Duration) (*coordinator.Coordinator, *bus.Peers) {
	t.Helper()
	peers, err := bus.NewPeers(connect(t, p.broker), events.NewSubjects(""), c.Nodes["linux"].Clock, timeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peers.Close() })
	return coordinator.New(coordinator.Options{Context: t.Context(), Node: c.Nodes["linux"],
		Peers: []coordinator.Peer{nil, peers.Peer("mac"), peers.Peer("android")}, Patience: time.Second}), peers
}

func openPeers(t *testing.T, timeout time.Duration) (*coordinator.Coordinator, *path, *bus.Peers) {
	t.Helper()
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	p := openPath(t, c).(*path)
	t.Cleanup(p.Close)
	asks, peers := peersOf(t, c, p, timeout)
	return asks, p, peers
}

func nothing() {}

// What one caller asks of a peer is carried out in the order of asking, of whatever
// kind it is: random pipelines against a model.
func TestPeers_KeepTheOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	asks, _, _ := openPeers(t, 0)
	random, model := rand.New(rand.NewPCG(1, 2)), map[string]int{}
	batch := asks.NewBatch(nothing, nothing)
	for range 20 {
		var want []string
		for range 100 {
			key := fmt.Sprint([]string{"m", "a"}[random.IntN(2)], random.IntN(3))
			r := events.Request{Key: []byte(key)}
			switch n := random.IntN(4); n {
			case 0:
				model[key] = random.IntN(1000)
				r.Value = strconv.AppendInt(nil, int64(model[key]), 10)
				batch.Ask(events.OpPut, r)
				want = append(want, "stored")
			case 1:
				model[key]++
				r.Update, r.Value = events.UpdateAdd, []byte("1")
				batch.Ask(events.OpUpdate, r)
				want = append(want, fmt.Sprint("stored ", model[key]))
			case 2:
				_, stood := model[key]
				delete(model, key)
				batch.Ask(events.OpDelete, r)
				want = append(want, map[bool]string{true: "deleted", false: "absent"}[stood])
			default:
				batch.Ask(events.OpGet, r)
				if value, stands := model[key]; stands {
					want = append(want, fmt.Sprint("found ", value))
				} else {
					want = append(want, "")
				}
			}
		}
		batch.Wait()
		for i := range want {
			a, err := batch.Outcome(i)
			got := strings.TrimSpace(fmt.Sprint(a.Status, " ", string(a.Value)))
			if err != nil || got != want[i] && want[i] != "" || want[i] == "" && a.Status == events.StatusFound {
				t.Fatalf("question %d: %s (%v), want %q", i, got, err, want[i])
			}
		}
		batch.Reset()
	}
}

// Values that do not fit one message together go in several, and come back.
func TestPeers_Split(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	asks, p, _ := openPeers(t, 0)
	if p.conn.MaxPayload() != 1<<20 {
		t.Fatalf("the bus carries %d bytes", p.conn.MaxPayload())
	}
	batch := asks.NewBatch(nothing, nothing)
	for i := range 5 {
		batch.Ask(events.OpPut, events.Request{Key: fmt.Append(nil, "m", i), Value: []byte(strings.Repeat(fmt.Sprint(i), 400_000))})
	}
	for i := range 3 {
		batch.Ask(events.OpUpdate, events.Request{Key: fmt.Append(nil, "m", i), Update: events.UpdateDelete, Old: true})
	}
	batch.Wait()
	for i := range 8 {
		a, err := batch.Outcome(i)
		if err != nil || i >= 5 && (len(a.Value) != 400_000 || a.Value[0] != byte('0'+i-5)) {
			t.Errorf("question %d: %s, %d bytes (%v)", i, a.Status, len(a.Value), err)
		}
	}
	batch.Reset()
	for i := 3; i < 5; i++ {
		batch.Ask(events.OpGet, events.Request{Key: fmt.Append(nil, "m", i)})
	}
	batch.Wait()
	for i := range 2 {
		if a, err := batch.Outcome(i); err != nil || len(a.Value) != 400_000 {
			t.Errorf("get %d: %d bytes (%v)", i, len(a.Value), err)
		}
	}
	batch.Reset()
}

// What the bus can never carry is refused, and what stands beside it is done.
func TestPeers_SmallBus(t *testing.T) {
	peers, err := bus.NewPeers(small(t, 16<<10, nil), events.NewSubjects(""), events.NewClock(time.Now), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer peers.Close()
	reqs := make([]events.Request, 20)
	for i := range reqs {
		reqs[i] = events.Request{Key: fmt.Append(nil, i), Value: make([]byte, 1000*i)}
	}
	done := make(chan []events.Answer, 1)
	peers.Peer("linux").Send(events.OpPut, reqs, func(answers []events.Answer, err error) {
		if err != nil {
			t.Error(err)
		}
		done <- answers
	})
	answers := <-done
	if len(answers) != len(reqs) {
		t.Fatalf("%d answers to %d requests", len(answers), len(reqs))
	}
	for i, a := range answers {
		if stored := a.Status == events.StatusStored; stored != (i <= 16) || !stored && a.Code != events.ErrTooLarge {
			t.Errorf("a value of %d bytes: %s %s", 1000*i, a.Status, a.Code)
		}
	}
}

// Somebody who hears what a peer is asked, and answers first, changes nothing; that
// nobody listens could be said by anybody.
func TestPeers_OnlyThePeerAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	asks, p, _ := openPeers(t, 0)
	answers := []string{"", "{}", `{"node":"android","status":"stored"}`, `{"status":"stored"}`, "+OK"}
	if _, err := p.conn.Subscribe("dht.node.mac.put", func(m *nats.Msg) {
		for _, answer := range answers {
			_ = m.Respond([]byte(answer))
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := p.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	batch := asks.NewBatch(nothing, nothing)
	for i := range 50 {
		batch.Ask(events.OpPut, events.Request{Key: fmt.Append(nil, "m", i)})
		batch.Wait()
		if a, err := batch.Outcome(0); err != nil || a.Node != "mac" || a.Version.IsZero() {
			t.Fatalf("put %d: %+v (%v)", i, a, err)
		}
		batch.Reset()
	}
}

// A peer that does not answer may have done what it was sent; what waited behind was
// not sent. Close ends the wait.
func TestPeers_Silent(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	asks, p, peers := openPeers(t, 50*time.Millisecond)
	p.Stop("mac")
	batch := asks.NewBatch(nothing, nothing)
	batch.Ask(events.OpPut, events.Request{Key: []byte("m1")})
	batch.Ask(events.OpDelete, events.Request{Key: []byte("m1")})
	batch.Ask(events.OpPut, events.Request{Key: []byte("a1")})
	batch.Wait()
	for i, want := range []error{events.ErrUnknown, events.ErrOwnerOffline, nil} {
		if _, err := batch.Outcome(i); !errors.Is(err, want) {
			t.Errorf("question %d: %v, want %v", i, err, want)
		}
	}
	batch.Reset()
	slow, err := bus.NewPeers(connect(t, p.broker), events.NewSubjects(""), events.NewClock(time.Now), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan error, 2)
	slow.Peer("mac").Send(events.OpGet, []events.Request{{Key: []byte("m")}}, func(_ []events.Answer, err error) { heard <- err })
	for range 2 {
		if err := errors.Join(slow.Close(), peers.Close()); err != nil {
			t.Error(err)
		}
	}
	slow.Peer("mac").Send(events.OpGet, []events.Request{{Key: []byte("m")}}, func(_ []events.Answer, err error) { heard <- err })
	for _, sent := range []bool{true, false} {
		if none := (*coordinator.NoAnswer)(nil); !errors.As(<-heard, &none) || none.Sent != sent {
			t.Errorf("closed: %+v, want sent %t", none, sent)
		}
	}
}
