package bus_test

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
	"dht/nodes"
	"dht/nodes/bus"
	"dht/nodes/placement"
	"dht/nodes/store/storetest"
)

// candidate is a node that has not begun to serve.
func candidate(t *testing.T, conn *nats.Conn, law *placement.Map, name string) (*bus.Server, *nodes.Node) {
	t.Helper()
	memory := storetest.NewMemory(time.Now)
	t.Cleanup(func() { memory.Close() })
	clock := events.NewClock(time.Now)
	p := bus.NewPublisher(law.Name(), name, clock)
	node, err := nodes.New(nodes.Options{Map: law, Name: name, Store: memory, Clock: clock, Notify: p.Notify, Observe: p.Observe})
	if err != nil {
		t.Fatal(err)
	}
	return bus.New(conn, node, p, bus.Options{Subjects: events.NewSubjects(""), Logger: slog.New(slog.DiscardHandler)}), node
}

// forge answers every question on subject with what is changed in the info of
// the only node, and with the messages of somebody who answers out of turn.
func forge(t *testing.T, conn *nats.Conn, subject string, change func(*events.Info)) (asked chan string) {
	t.Helper()
	asked = make(chan string, 64)
	sub, err := conn.Subscribe(subject, func(m *nats.Msg) {
		if m.Reply == "" || !strings.Contains(string(m.Data), "x-from") {
			return
		}
		info := events.Info{Node: "linux", ID: events.NewClock(time.Now).Next(), UptimeMS: 1 << 50, Started: time.Unix(1, 0),
			Cluster: events.Cluster{Name: "one", Epoch: 1, Copies: 1,
				Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}}}
		change(&info)
		text, err := events.EncodeInfo(info)
		if err != nil {
			t.Error(err)
		}
		_ = m.Respond(text)
		_ = m.Respond([]byte("{"))
		select {
		case asked <- m.Reply:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	return asked
}

func await[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}

// putLamp asks linux alone to store something.
func putLamp(t *testing.T, conn *nats.Conn) head {
	t.Helper()
	return gather(t, conn, "dht.node.linux.put", `{"key":"lamp","value":"x"}`, 1)["linux"]
}

// TestServer_HearsayEndsNobody has somebody answer in a node's place, in every
// way that could make it leave; on the node's own subject, too.
func TestServer_HearsayEndsNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	for what, change := range map[string]func(*events.Info){
		"another cluster": func(i *events.Info) { i.Cluster.Name = "else" },
		"a newer map":     func(i *events.Info) { i.Map.Epoch, i.Cluster.Epoch = 99, 99 },
		"its own name":    func(*events.Info) {},
		"no name":         func(i *events.Info) { i.Node, i.Cluster.Name = "x.> y", "else" },
	} {
		for _, subject := range []string{"dht.info", "dht.>"} {
			t.Run(what+" on "+subject, func(t *testing.T) {
				t.Parallel()
				b, law := one(t)
				server := serve(t, b, law, "linux")
				asked := forge(t, connect(t, b), subject, change)
				server.Handshake()
				first, second := await(t, "a question", asked), await(t, "a question", asked)
				if first == second {
					t.Errorf("two questions have one inbox, %s", first)
				}
				await(t, "a question", asked)
				select {
				case err := <-server.Failed():
					t.Errorf("the node leaves: %v", err)
				default:
				}
				if got := putLamp(t, connect(t, b)); got.Status != "stored" {
					t.Errorf("it answers %+v", got)
				}
			})
		}
	}
}

// TestServer_HearsayKeepsNobodyOut: whoever is said to be in conflict says no such
// thing himself, or is not there.
func TestServer_HearsayKeepsNobodyOut(t *testing.T) {
	b, law := one(t)
	asked := forge(t, connect(t, b), "dht.info", func(i *events.Info) { i.Node, i.Cluster.Name = "evil", "else" })
	server, _ := candidate(t, connect(t, b), law, "linux")
	t.Cleanup(func() { server.Close() })
	if err := server.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "a question", asked)
}

// TestServer_SecondOfANameIsKeptOut wants the elder to stay, and the newcomer to
// hear why it may not.
func TestServer_SecondOfANameIsKeptOut(t *testing.T) {
	b, law := one(t)
	elder := serve(t, b, law, "linux")
	newcomer, _ := candidate(t, connect(t, b), law, "linux")
	if err := newcomer.Serve(t.Context()); !errors.Is(err, events.ErrNameTaken) {
		t.Errorf("a second linux: %v", err)
	}
	select {
	case err := <-elder.Failed():
		t.Errorf("the elder leaves: %v", err)
	default:
	}
}

// TestServer_OfTwoAtOnceOneStays starts several processes of one name at the same
// moment.
func TestServer_OfTwoAtOnceOneStays(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	b, law := one(t)
	const many = 3
	left := make(chan error, many)
	var all sync.WaitGroup
	var servers []*bus.Server
	for range many {
		server, _ := candidate(t, connect(t, b), law, "linux")
		servers = append(servers, server)
		all.Go(func() {
			err := server.Serve(t.Context())
			if err == nil {
				select {
				case err = <-server.Failed():
				case <-t.Context().Done():
					return
				}
			}
			server.Close()
			left <- err
		})
	}
	t.Cleanup(func() {
		for _, s := range servers {
			s.Close()
		}
		all.Wait()
	})
	for range many - 1 {
		if err := await(t, "all but one to leave", left); !errors.Is(err, events.ErrNameTaken) {
			t.Errorf("one leaves: %v", err)
		}
	}
	if got := putLamp(t, connect(t, b)); got.Status != "stored" {
		t.Errorf("who stays answers %+v", got)
	}
}

// TestServer_HearsayMutesNobody has somebody say in mac's place, to every question,
// that a newer map is in force; mac, which is there, says the opposite.
func TestServer_HearsayMutesNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	b, _ := one(t)
	c := events.Cluster{Name: "two", Epoch: 1, Copies: 1,
		Nodes: []events.Member{{Name: "linux", Rule: `prefix "l"`}, {Name: "mac", Rule: "otherwise"}}}
	server := serve(t, b, lawOf(t, c), "linux")
	mac := serve(t, b, lawOf(t, c), "mac")
	conn := connect(t, b)
	newer := c
	newer.Epoch = 99
	id := lawOf(t, newer).ID()
	asked := forge(t, connect(t, b), "dht.>", func(i *events.Info) { i.Node, i.Cluster, i.Map = "mac", newer, id })
	server.Handshake()
	for range 12 {
		await(t, "a question", asked)
	}
	if got := putLamp(t, conn); got.Status != "stored" {
		t.Errorf("it answers %+v", got)
	}
	mac.Close() // now nobody says the opposite
	server.Handshake()
	for deadline := time.Now().Add(20 * time.Second); putLamp(t, conn).Status != "stale-map"; {
		if time.Now().After(deadline) {
			t.Fatal("it does not believe a newer map that is confirmed")
		}
		server.Handshake()
	}
}
