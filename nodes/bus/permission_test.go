package bus_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"dht/broker"
	"dht/events"
	"dht/nodes"
	"dht/nodes/placement"
)

// guarded is an outside server whose only user may do what p says.
func guarded(t *testing.T, p *server.Permissions) (s *server.Server, reload func(*server.Permissions)) {
	t.Helper()
	options := func(p *server.Permissions) *server.Options {
		return &server.Options{ServerName: "guarded", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			Users: []*server.User{{Username: "node", Password: "secret", Permissions: p}}}
	}
	s, err := server.NewServer(options(p))
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s, func(p *server.Permissions) {
		if err := s.ReloadOptions(options(p)); err != nil {
			t.Fatal(err)
		}
	}
}

func login(t *testing.T, s *server.Server) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(s.ClientURL(), nats.UserInfo("node", "secret"),
		nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond),
		nats.IgnoreAuthErrorAbort(), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func onlyNode(t *testing.T) *placement.Map {
	t.Helper()
	law, err := placement.New(events.Cluster{Name: "one", Epoch: 1, Copies: 1,
		Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}})
	if err != nil {
		t.Fatal(err)
	}
	return law
}

func all() *server.SubjectPermission { return &server.SubjectPermission{Allow: []string{">"}} }

func without(subjects ...string) *server.SubjectPermission {
	return &server.SubjectPermission{Allow: []string{">"}, Deny: subjects}
}

func TestServer_NamesWhatItMayNot(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	for _, tt := range []struct {
		what            string
		pub, sub        *server.SubjectPermission
		wanted, subject string
	}{
		{"its own subjects", all(), without("dht.node.>"), "subscribe to", "dht.node.linux."},
		{"one broadcast", all(), without("dht.put"), "subscribe to", "dht.put"},
		{"inboxes", all(), without("_INBOX.>"), "subscribe to", "_INBOX."},
		{"answers", without("_INBOX.>"), all(), "publish to", "_INBOX."},
		{"questions", without("dht.info"), all(), "publish to", "dht.info"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			s, _ := guarded(t, &server.Permissions{Publish: tt.pub, Subscribe: tt.sub})
			node, _ := candidate(t, login(t, s), onlyNode(t), "linux")
			err := node.Serve(t.Context())
			if !errors.Is(err, events.ErrRefused) || !strings.Contains(err.Error(), tt.wanted+" "+tt.subject) {
				t.Errorf("it starts with %v, want a refusal to %s %s", err, tt.wanted, tt.subject)
			}
			node.Close()
		})
	}
}

// TestServer_NeedsNotAll starts a node that NATS tools do not find.
func TestServer_NeedsNotAll(t *testing.T) {
	s, _ := guarded(t, &server.Permissions{Publish: all(),
		Subscribe: &server.SubjectPermission{Allow: []string{"dht.>", "_INBOX.>"}}})
	node := serveOn(t, login(t, s), onlyNode(t), "linux")
	got := gather(t, login(t, s), "dht.node.linux.put", `{"key":"lamp","value":"x"}`, 1)["linux"]
	if got.Status != "stored" {
		t.Errorf("it answers %+v", got)
	}
	if err := node.Ready(); err != nil {
		t.Errorf("it is not ready: %v", err)
	}
}

// TestServer_NotReadyWhileDenied takes a permission from a node that serves, and
// gives it back.
func TestServer_NotReadyWhileDenied(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	s, reload := guarded(t, &server.Permissions{Publish: all(), Subscribe: all()})
	node := serveOn(t, login(t, s), onlyNode(t), "linux")
	if err := node.Ready(); err != nil {
		t.Fatalf("it is not ready: %v", err)
	}
	reload(&server.Permissions{Publish: all(), Subscribe: without("dht.put")})
	until(t, "it is ready without dht.put", func() bool {
		err := node.Ready()
		return errors.Is(err, events.ErrRefused) && strings.Contains(err.Error(), "subscribe to dht.put")
	})
	reload(&server.Permissions{Publish: all(), Subscribe: all()})
	until(t, "it does not become ready again", func() bool {
		node.Handshake()
		return node.Ready() == nil
	})
	if got := gather(t, login(t, s), "dht.put", `{"key":"lamp","value":"x"}`, 1)["linux"]; got.Status != "stored" {
		t.Errorf("it answers %+v", got)
	}
}

// until polls a condition that no channel tells of.
func until(t *testing.T, otherwise string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal(otherwise)
		}
	}
}

// TestServer_NobodyMutesEvents forges what a server says when nobody listens:
// events ask nobody, so that there is nothing to answer; with a server of its own
// a node sends those to which somebody listens.
func TestServer_NobodyMutesEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	b, law := one(t)
	conn := connect(t, b)
	for _, interest := range []func(string) bool{nil, b.Interest} {
		server, node := candidate(t, connect(t, b), law, "linux")
		server.Interest = interest
		if err := server.Serve(t.Context()); err != nil {
			t.Fatal(err)
		}
		forger, err := conn.Subscribe("dht.event.>", func(m *nats.Msg) {
			if m.Reply != "" {
				t.Errorf("an event can be answered, at %s", m.Reply)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		heard(t, conn, b, node)
		if err := forger.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
		server.Close()
	}
}

func heard(t *testing.T, conn *nats.Conn, b *broker.Broker, node *nodes.Node) {
	t.Helper()
	heard := listen(t, connect(t, b))
	heard.ups = true
	gather(t, conn, "dht.node.linux.get", `{"key":"lamp"}`, 1)
	if err := heard.sub.SetPendingLimits(-1, -1); err != nil {
		t.Fatal(err)
	}
	node.Notify(events.Event{Type: events.EventMerge})
	for _, e := heard.next(); e.Type != events.EventMerge; _, e = heard.next() {
	}
}
