package broker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"dht/broker"
)

// TestBroker_KeepsLittleForTheDeaf publishes to thirty who subscribe and read
// nothing: together they hold little memory, they are cut off, and whoever reads
// gets everything.
func TestBroker_KeepsLittleForTheDeaf(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	var log bytes.Buffer // read when the server is closed
	b := open(t, broker.Options{Name: "deaf", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	const many = 30
	for range many {
		deaf(t, b, "loud")
	}
	speaker, hears := connect(t, b), connect(t, b, nats.NoReconnect())
	heard, err := hears.SubscribeSync("loud")
	if err != nil {
		t.Fatal(err)
	}
	if err := hears.Flush(); err != nil {
		t.Fatal(err)
	}
	const size, messages, ahead = 256 << 10, 800, 16
	message := make([]byte, size)
	before, most := heap(true), uint64(0)
	for i := range messages + ahead {
		if i < messages {
			if err := speaker.Publish("loud", message); err != nil {
				t.Fatal(err)
			}
		}
		if i < ahead {
			continue
		}
		if _, err := heard.NextMsg(20 * time.Second); err != nil {
			t.Fatalf("who reads gets no message %d: %v", i-ahead, err)
		}
		most = max(most, heap(false))
	}
	t.Logf("%d MB at most, %d before", most>>20, before>>20)
	if most > before+400<<20 {
		t.Errorf("%d deaf subscribers hold %d MB", many, (most-before)>>20)
	}
	until(t, "the speaker and who hears are left", func() bool { return connections(t, b) == 2 })
	b.Close()
	if said := strings.Count(log.String(), "level=WARN"); said != 1 || !strings.Contains(log.String(), "clients=") {
		t.Errorf("the log has %d warnings, want one that counts clients:\n%s", said, &log)
	}
}

// TestBroker_ClosesTheDeaf has little wait for one who reads nothing, and for one
// who reads slowly: within seconds the first is closed and costs nothing, and the
// second stays.
func TestBroker_ClosesTheDeaf(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	b := open(t, broker.Options{Name: "still"})
	before := heap(true)
	deaf(t, b, "loud")
	slow := deaf(t, b, "loud")
	speaker := connect(t, b)
	for range 30 { // less than any bound
		if err := speaker.Publish("loud", make([]byte, 512<<10)); err != nil {
			t.Fatal(err)
		}
		if err := speaker.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	read, stop := make(chan error, 1), make(chan struct{})
	go func() { read <- readSlowly(slow, stop) }()
	until(t, "one client is closed", func() bool { return connections(t, b) < 3 })
	close(stop)
	if err := <-read; err != nil {
		t.Errorf("who reads slowly is closed: %v", err)
	}
	if left := connections(t, b); left != 2 {
		t.Errorf("%d connections are left, want the speaker and who reads slowly", left)
	}
	slow.Close()
	until(t, "nothing is held for those who went", func() bool { return heap(true) < before+16<<20 })
}

// readSlowly takes 160 KB each second.
func readSlowly(conn net.Conn, stop <-chan struct{}) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for part := make([]byte, 16<<10); ; {
		select {
		case <-stop:
			return nil
		case <-tick.C:
			if _, err := conn.Read(part); err != nil {
				return err
			}
		}
	}
}

// until waits for something that comes within seconds.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	within := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-within:
			t.Fatalf("it is not so: %s", what)
		}
	}
}

// connections is how many clients the server has.
func connections(t *testing.T, b *broker.Broker) int {
	t.Helper()
	w := httptest.NewRecorder()
	b.Monitor().ServeHTTP(w, httptest.NewRequest("GET", "/connz", nil))
	var body struct {
		Connections int `json:"num_connections"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	return body.Connections
}

// deaf subscribes to a subject and reads no message.
func deaf(t *testing.T, b *broker.Broker, subject string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.URL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "CONNECT {\"verbose\":false}\r\nSUB %s 1\r\nPING\r\n", subject); err != nil {
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
	return conn
}

// heap is what the heap takes now, after a collection of garbage or as it is.
func heap(collect bool) uint64 {
	if collect {
		for range 3 { // what a pool holds outlives two
			runtime.GC()
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// TestBroker_CarriesLargeAnswers has clients ask for many values of 1 MB at once,
// one alone and several together, and read them as they come.
func TestBroker_CarriesLargeAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
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
	for _, askers := range []int{1, 4} {
		var wait sync.WaitGroup
		for range askers {
			asker := connect(t, b, nats.NoReconnect())
			wait.Go(func() {
				if err := askAtOnce(asker, 128/askers); err != nil {
					t.Errorf("with %d askers: %v", askers, err)
				}
			})
		}
		wait.Wait()
	}
}

// askAtOnce asks before it reads the first answer.
func askAtOnce(asker *nats.Conn, many int) error {
	inbox := nats.NewInbox()
	sub, err := asker.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return err
	}
	for range many {
		if err := asker.PublishRequest("get", inbox, nil); err != nil {
			return err
		}
	}
	for i := range many {
		if _, err := sub.NextMsg(30 * time.Second); err != nil {
			return fmt.Errorf("answer %d of %d: %w", i, many, err)
		}
	}
	return nil
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
