package bus_test

import (
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"dht/broker"
	"dht/events"
	"dht/nodes"
	"dht/nodes/bus"
	"dht/nodes/placement"
	"dht/nodes/store/storetest"
)

// TestServer_PublishesToWhoComesLater has nobody listen for a while. Who subscribes
// then gets every event from then on.
func TestServer_PublishesToWhoComesLater(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	conn, _ := three(t)
	for round := range 5 {
		gather(t, conn, "dht.put", `{"key":"l nobody hears"}`, 3)
		sub, err := conn.SubscribeSync("dht.event.linux.put")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			gather(t, conn, "dht.node.linux.put", fmt.Sprintf(`{"key":"l%d %d"}`, round, i), 1)
		}
		for i := range 20 {
			e := next(t, sub)
			for string(e.Key) == "l nobody hears" { // it may have waited for somebody
				e = next(t, sub)
			}
			if want := fmt.Sprintf("l%d %d", round, i); string(e.Key) != want || e.Lost != 0 {
				t.Fatalf("heard of %q after %d lost, want %q", e.Key, e.Lost, want)
			}
		}
		if err := sub.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
	}
}

func next(t *testing.T, sub *nats.Subscription) events.Event {
	t.Helper()
	_, e := listener{t: t, sub: sub}.next()
	return e
}

// gate is a dialer whose connections but the first do not send while it is
// shut.
type gate struct {
	dialed atomic.Int32
	shut   sync.RWMutex
}

func (g *gate) Dial(network, address string) (net.Conn, error) {
	conn, err := net.Dial(network, address)
	if err != nil || g.dialed.Add(1) == 1 {
		return conn, err
	}
	return gated{conn, g}, nil
}

type gated struct {
	net.Conn
	gate *gate
}

func (c gated) Write(b []byte) (int, error) {
	c.gate.shut.RLock()
	defer c.gate.shut.RUnlock()
	return c.Conn.Write(b)
}

// TestServer_PublishesWhatWasLost has the bus take no events for a while, as it
// does not when a reader lags behind. Requests are answered meanwhile; what is
// published then says how many events were lost.
func TestServer_PublishesWhatWasLost(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	b, err := broker.Open(t.Context(), broker.Options{Name: "test", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	var g gate
	conn, err := nats.Connect(b.URL(), nats.SetCustomDialer(&g))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	law, err := placement.New(events.Cluster{Name: "one", Epoch: 1, Copies: 1,
		Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}})
	if err != nil {
		t.Fatal(err)
	}
	server, node := candidate(t, conn, law, "linux")
	if err := server.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	other := connect(t, b)
	heard := listen(t, other)
	gather(t, other, "dht.put", `{"key":"first"}`, 1)
	if _, e := heard.next(); string(e.Key) != "first" {
		t.Fatalf("heard of %q", e.Key)
	}
	g.shut.Lock()
	const many, waiting = 100_000, 16_384
	for range many {
		node.Notify(events.Event{Type: events.EventPut, Key: []byte("one of many")})
	}
	gather(t, other, "dht.put", `{"key":"in between"}`, 1)
	g.shut.Unlock()
	count, lost := 0, 0
	for done := false; !done; {
		_, e := heard.next()
		done = e.Type == events.EventMerge
		count++
		lost += int(e.Lost)
		if count == waiting { // those that waited are on their way: there is room again
			node.Notify(events.Event{Type: events.EventMerge})
		}
	}
	if count+lost != many+2 || lost == 0 {
		t.Errorf("%d heard and %d lost of %d", count, lost, many+2)
	}
}

// one is a bus, and the map of the only node that is to come there.
func one(t *testing.T) (*broker.Broker, *placement.Map) {
	t.Helper()
	b, err := broker.Open(t.Context(), broker.Options{Name: "test", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	law, err := placement.New(events.Cluster{Name: "one", Epoch: 1, Copies: 1,
		Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}})
	if err != nil {
		t.Fatal(err)
	}
	return b, law
}

// TestServer_PublishesWhatCameTooEarly notifies before there is a bus.
func TestServer_PublishesWhatCameTooEarly(t *testing.T) {
	b, law := one(t)
	heard := listen(t, connect(t, b))
	heard.ups = true
	memory := storetest.NewMemory(time.Now)
	t.Cleanup(func() { memory.Close() })
	clock := events.NewClock(time.Now)
	publisher := bus.NewPublisher(law.Name(), "linux", clock)
	key := []byte("early")
	for range 2000 {
		publisher.Notify(events.Event{Type: events.EventExpire, Key: key})
	}
	copy(key, "other")
	node, err := nodes.New(nodes.Options{Map: law, Name: "linux", Store: memory, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	server := bus.New(connect(t, b), node, publisher, bus.Options{Subjects: events.NewSubjects(""), Logger: slog.New(slog.DiscardHandler)})
	if err := server.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	count, lost := 0, 0
	for _, e := heard.next(); e.Type != events.EventUp; _, e = heard.next() {
		if e.Type != events.EventExpire || string(e.Key) != "early" || e.Node != "linux" {
			t.Fatalf("heard of %+v", e)
		}
		count++
		lost += int(e.Lost)
	}
	if count != 2000 || lost > 0 {
		t.Errorf("%d heard and %d lost of 2000", count, lost)
	}
}
