package broker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"dht/broker"
)

// open starts a server on free ports and stops it with the test.
func open(t *testing.T, o broker.Options) *broker.Broker {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	b, err := broker.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func connect(t *testing.T, b *broker.Broker, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(b.URL(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func TestOpen_AddressInUseIsAnErrorAtOnce(t *testing.T) {
	first := open(t, broker.Options{Name: "first"})
	taken := strings.TrimPrefix(first.URL(), "nats://")
	began := time.Now()
	for name, o := range map[string]broker.Options{
		"client": {Name: "second", Listen: taken},
		"route":  {Name: "second", Listen: "127.0.0.1:0", Cluster: "c", Route: taken},
	} {
		b, err := broker.Open(t.Context(), o)
		if err == nil {
			b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "address already in use") || !strings.Contains(err.Error(), "second") {
			t.Errorf("%s port in use: %v", name, err)
		}
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %v to say so", took)
	}
}

func TestOpen_BadAddress(t *testing.T) {
	for _, addr := range []string{"", "4222", "127.0.0.1:x", "127.0.0.1:70000"} {
		if b, err := broker.Open(t.Context(), broker.Options{Name: "x", Listen: addr}); err == nil {
			b.Close()
			t.Errorf("%q is accepted", addr)
		}
	}
}

func TestClose_IsIdempotent(t *testing.T) {
	b := open(t, broker.Options{Name: "x"})
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRoutes_AnyOrder starts three servers, the first with routes to those that
// are not there yet, and follows a message from each to each.
func TestRoutes_AnyOrder(t *testing.T) {
	brokers := cluster(t, 3)
	for i, from := range brokers {
		for j, to := range brokers {
			crosses(t, from, to, fmt.Sprintf("x.%d.%d", i, j))
		}
	}
}

func TestRoutes_OthersCarryOnWhenOneDies(t *testing.T) {
	brokers := cluster(t, 3)
	brokers[0].Close()
	crosses(t, brokers[1], brokers[2], "x")
	crosses(t, brokers[2], brokers[1], "y")
}

// cluster joins n servers, each knowing only those before it.
func cluster(t *testing.T, n int) (brokers []*broker.Broker) {
	t.Helper()
	var routes []string
	for i := range n {
		b := open(t, broker.Options{Name: fmt.Sprint("s", i), Cluster: "c", Route: "127.0.0.1:0", Routes: routes})
		brokers = append(brokers, b)
		routes = append(routes, b.RouteAddr().String())
	}
	return brokers
}

// crosses waits until a request at one server is answered from another.
func crosses(t *testing.T, from, to *broker.Broker, subject string) {
	t.Helper()
	sub, err := connect(t, to, to.InProcess()).Subscribe(subject, func(m *nats.Msg) { m.Respond([]byte("pong")) })
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe()
	nc := connect(t, from)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		reply, err := nc.RequestWithContext(ctx, subject, nil)
		if err == nil && string(reply.Data) == "pong" {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s did not cross: %v", subject, err)
		}
	}
}
