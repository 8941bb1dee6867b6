package client_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"dht/client"
	"dht/client/monitor"
	"dht/events"
	"dht/nodes"
	"dht/nodes/bus"
	"dht/nodes/placement"
	"dht/nodes/store/storetest"
)

// guarded serves a node on an outside server, and returns how a user that may do
// what p says reaches it.
func guarded(t *testing.T, p *server.Permissions) client.Options {
	t.Helper()
	s, err := server.NewServer(&server.Options{ServerName: "guarded", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		Users: []*server.User{{Username: "node", Password: "secret"}, {Username: "me", Password: "secret", Permissions: p}}})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	conn, err := nats.Connect(s.ClientURL(), nats.UserInfo("node", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	law, err := placement.New(events.Cluster{Name: "one", Epoch: 1, Copies: 1, Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}})
	if err != nil {
		t.Fatal(err)
	}
	memory := storetest.NewMemory(time.Now)
	t.Cleanup(func() { memory.Close() })
	node := bus.New(bus.Options{Subjects: events.NewSubjects(""), Logger: slog.New(slog.DiscardHandler)})
	n, err := nodes.New(nodes.Options{Map: law, Name: "linux", Store: memory, Clock: events.NewClock(time.Now), Notify: node.Notify, Observe: node.Observe})
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Serve(t.Context(), conn, n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	return client.Options{Servers: []string{s.ClientURL()}, NATS: []nats.Option{nats.UserInfo("me", "secret")}, Timeout: time.Minute}
}

// TestClient_NamesWhatItMayNot takes one permission at a time: each operation that
// needs it ends at once and says which.
func TestClient_NamesWhatItMayNot(t *testing.T) {
	put := func(ctx context.Context, c *client.Client, _ *nats.Conn) error {
		_, err := c.Put(ctx, []byte("k"), []byte("v"))
		return err
	}
	status := func(ctx context.Context, c *client.Client, _ *nats.Conn) error {
		_, err := c.Status(ctx)
		return err
	}
	watch := func(ctx context.Context, c *client.Client, _ *nats.Conn) error {
		_, err := c.Watch(ctx, nil)
		return err
	}
	keys := func(ctx context.Context, c *client.Client, _ *nats.Conn) error {
		for _, err := range c.Keys(ctx, "", nil) {
			return err
		}
		return nil
	}
	see := func(ctx context.Context, _ *client.Client, conn *nats.Conn) error {
		f, err := monitor.NewFilter(events.NewSubjects(""), "")
		if err != nil {
			return err
		}
		return monitor.Watch(ctx, conn, f, 0, func(monitor.Line) error { return nil })
	}
	for _, tt := range []struct {
		what     string
		pub, sub []string // that are denied
		do       func(context.Context, *client.Client, *nats.Conn) error
		want     string
	}{
		{"put", []string{"dht.put"}, nil, put, "publish to dht.put"},
		{"put, without the map", []string{"dht.info"}, nil, put, "publish to dht.info"},
		{"put, without answers", nil, []string{"_INBOX.>"}, put, "subscribe to _INBOX."},
		{"status", []string{"dht.info"}, nil, status, "publish to dht.info"},
		{"status, without answers", nil, []string{"_INBOX.>"}, status, "subscribe to _INBOX."},
		{"keys", []string{"dht.node.>", "dht.keys"}, nil, keys, "publish to dht."},
		{"watch", nil, []string{"dht.event.>"}, watch, "subscribe to dht.event.>"},
		{"monitor, without requests", nil, []string{"dht.put"}, see, "subscribe to dht.put"},
		{"monitor, without events", nil, []string{"dht.event.>"}, see, "subscribe to dht.event."},
		{"monitor, without watching", []string{"dht.watch"}, nil, see, "publish to dht.watch"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			o := guarded(t, &server.Permissions{Publish: &server.SubjectPermission{Allow: []string{">"}, Deny: tt.pub},
				Subscribe: &server.SubjectPermission{Allow: []string{">"}, Deny: tt.sub}})
			c, err := client.Connect(o)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			conn, err := client.Dial(o)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := tt.do(ctx, c, conn); !errors.Is(err, events.ErrRefused) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("it ends with %v, want a refusal to %s", err, tt.want)
			}
			if ctx.Err() != nil {
				t.Error("it does not end before its time is over")
			}
		})
	}
}

func TestDial_WrongPasswordIsRefused(t *testing.T) {
	o := guarded(t, nil)
	o.NATS = []nats.Option{nats.UserInfo("me", "hunter2")}
	if conn, err := client.Dial(o); !errors.Is(err, events.ErrRefused) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("dial: %v, %v", conn, err)
	}
}
