package bus_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"dht/broker"
	"dht/events"
	"dht/nodes"
	"dht/nodes/bus"
	"dht/nodes/placement"
	"dht/nodes/store/storetest"
)

// TestMain lets the test binary be a node of its own, see startProcess.
func TestMain(m *testing.M) {
	if text := os.Getenv("DHT_TEST_NODE"); text != "" {
		if err := runProcess(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// three serves linux, mac and android on one server, and returns a connection
// of somebody who knows nothing but NATS.
func three(t *testing.T) (other *nats.Conn, servers []*bus.Server) {
	t.Helper()
	b, err := broker.Open(t.Context(), broker.Options{Name: "test", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	law, err := placement.New(events.Cluster{Name: "three", Epoch: 1, Copies: 1, Nodes: []events.Member{
		{Name: "linux", Rule: `prefix "l"`}, {Name: "mac", Rule: `prefix "m"`}, {Name: "android", Rule: "otherwise"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range law.Names(nil) {
		servers = append(servers, serve(t, b, law, name))
	}
	return connect(t, b), servers
}

func connect(t *testing.T, b *broker.Broker) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(b.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func serve(t *testing.T, b *broker.Broker, law *placement.Map, name string) *bus.Server {
	t.Helper()
	return serveOn(t, connect(t, b), law, name)
}

func serveOn(t *testing.T, conn *nats.Conn, law *placement.Map, name string) *bus.Server {
	t.Helper()
	server, _ := candidate(t, conn, law, name)
	if err := server.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

// head is an answer as any JSON library reads it.
type head struct {
	Node, Status, Reason, Code, Error, Key, Map string
	Owner                                       int
	Owners                                      []string
	Size                                        *int
	More                                        bool
	value                                       string
}

func read(t *testing.T, m *nats.Msg) head {
	t.Helper()
	line, value, _ := strings.Cut(string(m.Data), "\n")
	h := head{value: value}
	if err := json.Unmarshal([]byte(line), &h); err != nil {
		t.Fatalf("answer %q: %v", m.Data, err)
	}
	return h
}

// gather asks as `nats req SUBJECT TEXT --replies N` does.
func gather(t *testing.T, conn *nats.Conn, subject, text string, n int) map[string]head {
	t.Helper()
	inbox := conn.NewRespInbox()
	sub, err := conn.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe()
	if err := conn.PublishRequest(subject, inbox, []byte(text)); err != nil {
		t.Fatal(err)
	}
	answers := map[string]head{}
	for range n {
		m, err := sub.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatalf("%s: %d of %d answers: %v", subject, len(answers), n, err)
		}
		h := read(t, m)
		answers[h.Node] = h
	}
	return answers
}

func TestServer_ByHandWithOneLineOfJSON(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	conn, _ := three(t)
	put := gather(t, conn, "dht.put", `{"key":"lamp","value":"hello"}`, 3)
	if put["linux"].Status != "stored" || put["linux"].Owner != 1 {
		t.Errorf("linux answers %+v", put["linux"])
	}
	if mac := put["mac"]; mac.Status != "not-stored" || mac.Reason != `does not begin with "m"` ||
		fmt.Sprint(mac.Owners) != "[linux]" {
		t.Errorf("mac answers %+v", mac)
	}
	if android := put["android"]; android.Reason != "linux comes first" || android.Owner != 0 {
		t.Errorf("android answers %+v", android)
	}
	get := gather(t, conn, "dht.get", `{"key":"lamp"}`, 3)
	if get["linux"].Status != "found" || get["linux"].value != "hello" || *get["linux"].Size != 5 {
		t.Errorf("linux answers %+v", get["linux"])
	}
	if get["mac"].Status != "not-stored" {
		t.Errorf("mac answers %+v", get["mac"])
	}
	keys := gather(t, conn, "dht.node.linux.keys", "", 1)
	if keys[""].Key != "lamp" {
		t.Errorf("keys: %+v", keys)
	}
	if deleted := gather(t, conn, "dht.delete", `{"key":"lamp"}`, 3); deleted["linux"].Status != "deleted" {
		t.Errorf("linux answers %+v", deleted["linux"])
	}
	if addressed := gather(t, conn, "dht.node.linux.get", `{"key":"lamp"}`, 1); addressed["linux"].Status != "deleted" {
		t.Errorf("linux answers %+v", addressed)
	}
}

func TestServer_InfoOfEverybody(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	conn, _ := three(t)
	for _, text := range []string{"", "{}"} {
		for name, h := range gather(t, conn, "dht.info", text, 3) {
			if name == "" || !strings.HasPrefix(h.Map, "1-") {
				t.Errorf("%q is answered %+v", text, h)
			}
		}
	}
	m, err := conn.Request("dht.node.mac.info", nil, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	info, err := events.DecodeInfo(m.Data)
	if err != nil || info.Rule != `prefix "m"` || len(info.Cluster.Nodes) != 3 ||
		info.Cluster.Nodes[2].Rule != "otherwise" {
		t.Errorf("%s: %+v, %v", m.Data, info, err)
	}
}

func TestServer_MalformedIsAnsweredAndChangesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	conn, _ := three(t)
	for _, text := range []string{"", "hello", `{"key":"lamp"`, "{\"key\":\"lamp\",\"size\":3}\nab",
		"{\"key\":\"lamp\",\"value\":\"x\"}\n{\"key\":\"light\",\"value64\":\"%\"}"} {
		for name, h := range gather(t, conn, "dht.put", text, 3) {
			if h.Status != "error" || h.Code != "bad-request" || h.Error == "" {
				t.Errorf("%s answers %q with %+v", name, text, h)
			}
		}
	}
	if got := gather(t, conn, "dht.node.linux.get", `{"key":"lamp"}`, 1)["linux"]; got.Status != "absent" {
		t.Errorf("lamp is %s: part of a malformed message was carried out", got.Status)
	}
}

func TestServer_ManyEntriesOneMessage(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	conn, _ := three(t)
	const put = "{\"key\":\"l1\",\"size\":3}\none{\"key\":\"m1\",\"size\":3}\ntwo{\"key\":\"l2\"}\nthree"
	gather(t, conn, "dht.put", put, 3)
	m, err := conn.Request("dht.node.linux.get",
		[]byte("{\"key\":\"l1\",\"size\":0}\n{\"key\":\"m1\",\"size\":0}\n{\"key\":\"l2\"}"), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := events.DecodeAnswers(m.Data)
	if err != nil || len(answers) != 3 || string(answers[0].Value) != "one" ||
		answers[1].Status != events.StatusNotStored || string(answers[2].Value) != "three" {
		t.Errorf("%q: %v", m.Data, err)
	}
}

func TestServer_AnswersThatDoNotFitAreRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	conn, _ := three(t)
	value := strings.Repeat("x", 600<<10)
	var ask []events.Request
	for i := range 2 {
		key := fmt.Sprint("l", i)
		gather(t, conn, "dht.put", `{"key":"`+key+`","value":"`+value+`"}`, 3)
		ask = append(ask, events.Request{Key: []byte(key)})
	}
	m, err := conn.Request("dht.node.linux.get", events.AppendRequests(nil, ask...), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := events.DecodeAnswers(m.Data)
	if err != nil || len(answers) != 2 || answers[0].Code != events.ErrTooLarge || answers[1].Code != events.ErrTooLarge {
		t.Errorf("%.300q: %v", m.Data, err)
	}
}

// What changes values and gives the old ones is refused before it is done, where
// the answer may not fit.
func TestServer_OldValuesAreNotLost(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	conn, _ := three(t)
	gather(t, conn, "dht.put", `{"key":"l0","value":"zero"}`, 3)
	old := func(key string) events.Request {
		return events.Request{Key: []byte(key), Update: events.UpdateDelete, Old: true}
	}
	for _, step := range []struct {
		reqs []events.Request
		code events.Code
	}{{[]events.Request{old("l0"), old("l1")}, events.ErrTooLarge}, {[]events.Request{old("l0")}, ""}} {
		m, err := conn.Request("dht.node.linux.update", events.AppendRequests(nil, step.reqs...), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		answers, err := events.DecodeAnswers(m.Data)
		if err != nil || len(answers) != 1 || answers[0].Code != step.code ||
			step.code == "" && string(answers[0].Value) != "zero" {
			t.Errorf("%.300q: %v", m.Data, err)
		}
	}
}

// TestServer_CloseAnswersWhatIsInFlight closes a server with requests under way:
// each that was delivered gets its answer.
func TestServer_CloseAnswersWhatIsInFlight(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	conn, servers := three(t)
	const requests = 500
	answered := make(chan struct{}, requests)
	inbox := conn.NewRespInbox()
	if _, err := conn.Subscribe(inbox, func(*nats.Msg) { answered <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	for i := range requests {
		if err := conn.PublishRequest("dht.node.linux.put", inbox,
			fmt.Appendf(nil, `{"key":"l%d","value":"x"}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	var closing sync.WaitGroup
	for range 2 { // idempotent, and safe to call twice at once
		closing.Go(func() { servers[0].Close() })
	}
	closing.Wait()
	limit := time.After(10 * time.Second)
	for i := range requests {
		select {
		case <-answered:
		case <-limit:
			t.Fatalf("%d of %d requests were answered", i, requests)
		}
	}
}

// TestServer_CloseWithoutAServer: draining would wait ten seconds for it.
func TestServer_CloseWithoutAServer(t *testing.T) {
	b, err := broker.Open(t.Context(), broker.Options{Name: "test", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	law, err := placement.New(events.Cluster{Name: "one", Epoch: 1, Copies: 1,
		Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}})
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, b)
	server := serveOn(t, conn, law, "linux")
	gone := conn.StatusChanged(nats.RECONNECTING)
	b.Close()
	<-gone
	began := time.Now()
	server.Close()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("closing took %v", took)
	}
}

func BenchmarkServer_AddressedGet(b *testing.B) {
	benchmark(b, "dht.node.linux.get", `{"key":"lamp"}`)
}

func BenchmarkServer_AddressedPut(b *testing.B) {
	benchmark(b, "dht.node.linux.put", `{"key":"lamp","value":"hello"}`)
}

func benchmark(b *testing.B, subject, message string) {
	server, err := broker.Open(b.Context(), broker.Options{Name: "bench", Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	law, err := placement.New(events.Cluster{Name: "one", Epoch: 1, Copies: 1,
		Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}})
	if err != nil {
		b.Fatal(err)
	}
	conn, err := nats.Connect(server.URL())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	memory := storetest.NewMemory(time.Now)
	defer memory.Close()
	clock := events.NewClock(time.Now)
	p := bus.NewPublisher("one", "linux", clock)
	node, err := nodes.New(nodes.Options{Map: law, Name: "linux", Store: memory, Clock: clock, Notify: p.Notify, Observe: p.Observe})
	if err != nil {
		b.Fatal(err)
	}
	s := bus.New(conn, node, p, bus.Options{Subjects: events.NewSubjects(""), Logger: slog.New(slog.DiscardHandler)})
	if err := s.Serve(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	asker, err := nats.Connect(server.URL())
	if err != nil {
		b.Fatal(err)
	}
	defer asker.Close()
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := asker.Request(subject, []byte(message), 5*time.Second); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
