package broker_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"dht/broker"
)

// TestBroker_KeepsLittleForTheDeaf publishes to ten who subscribe and read
// nothing: together they hold little memory, and whoever reads gets everything.
func TestBroker_KeepsLittleForTheDeaf(t *testing.T) {
	b := open(t, broker.Options{Name: "deaf"})
	const many = 10
	for range many {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.URL(), "nats://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprint(conn, "CONNECT {\"verbose\":false}\r\nSUB loud 1\r\nPING\r\n"); err != nil {
			t.Fatal(err)
		}
		for read := ""; !strings.Contains(read, "PONG"); { // it has subscribed
			part := make([]byte, 1024)
			n, err := conn.Read(part)
			if err != nil {
				t.Fatal(err)
			}
			read += string(part[:n])
		}
	}
	speaker, hears := connect(t, b), connect(t, b)
	heard, err := hears.SubscribeSync("loud")
	if err != nil {
		t.Fatal(err)
	}
	if err := hears.Flush(); err != nil {
		t.Fatal(err)
	}
	const size, messages = 256 << 10, 300
	most := uint64(0)
	for i := range messages {
		if err := speaker.Publish("loud", make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if _, err := heard.NextMsg(10 * time.Second); err != nil {
			t.Fatalf("who reads gets no message %d: %v", i, err)
		}
		if i%10 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		}
	}
	t.Logf("%d MB at most", most>>20)
	if most > 350<<20 {
		t.Errorf("%d deaf subscribers hold %d MB", many, most>>20)
	}
}

// TestBroker_CarriesLargeAnswers has one client ask for many values of 1 MB at
// once, and read them as they come.
func TestBroker_CarriesLargeAnswers(t *testing.T) {
	b := open(t, broker.Options{Name: "large"})
	node, err := nats.Connect("", b.InProcess())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Close)
	value := make([]byte, 1<<20-1024)
	if _, err := node.Subscribe("get", func(m *nats.Msg) { _ = m.Respond(value) }); err != nil {
		t.Fatal(err)
	}
	if err := node.Flush(); err != nil {
		t.Fatal(err)
	}
	asker := connect(t, b, nats.NoReconnect())
	sub, err := asker.SubscribeSync("answers")
	if err != nil {
		t.Fatal(err)
	}
	const many = 32
	for range many {
		if err := asker.PublishRequest("get", "answers", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		t.Fatal(err)
	}
	for i := range many {
		if _, err := sub.NextMsg(20 * time.Second); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
}

func TestBroker_KnowsWhoListens(t *testing.T) {
	one := open(t, broker.Options{Name: "one", Cluster: "c"})
	two := open(t, broker.Options{Name: "two", Cluster: "c", Routes: []string{one.RouteAddr().String()}})
	if one.Interest("loud.er") {
		t.Error("somebody listens before anybody does")
	}
	sub, err := connect(t, two).Subscribe("loud.>", func(*nats.Msg) {})
	if err != nil {
		t.Fatal(err)
	}
	interest := func(want bool) {
		t.Helper()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		limit := time.After(20 * time.Second)
		for one.Interest("loud.er") != want {
			select {
			case <-tick.C:
			case <-limit:
				t.Fatalf("that somebody listens at the other server is %v", !want)
			}
		}
	}
	interest(true)
	if err := sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	interest(false)
}
