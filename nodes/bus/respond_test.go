package bus_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"dht/events"
	"dht/nodes"
	"dht/nodes/bus"
	"dht/nodes/placement"
	"dht/nodes/store/storetest"
)

// safeBuffer may be read while it is written.
type safeBuffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// small is a bus that carries messages of so many bytes, with one node on it.
func small(t *testing.T, payload int32, logs *safeBuffer) *nats.Conn {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, MaxPayload: payload,
		NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	var conns [2]*nats.Conn
	for i := range conns {
		if conns[i], err = nats.Connect(s.ClientURL()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conns[i].Close)
	}
	m, err := placement.New(events.Cluster{Name: "one", Epoch: 1, Copies: 1,
		Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}})
	if err != nil {
		t.Fatal(err)
	}
	memory := storetest.NewMemory(time.Now)
	t.Cleanup(func() { memory.Close() })
	log := slog.New(slog.DiscardHandler)
	if logs != nil {
		log = slog.New(slog.NewTextHandler(logs, nil))
	}
	clock := events.NewClock(time.Now)
	p := bus.NewPublisher(m.Name(), "linux", clock)
	node, err := nodes.New(nodes.Options{Map: m, Name: "linux", Store: memory, Clock: clock, Notify: p.Notify, Observe: p.Observe})
	if err != nil {
		t.Fatal(err)
	}
	b := bus.New(conns[0], node, p, bus.Options{Subjects: events.NewSubjects(""), Logger: log})
	if err := b.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return conns[1]
}

func ask(t *testing.T, conn *nats.Conn, op events.Op, reqs ...events.Request) []events.Answer {
	t.Helper()
	m, err := conn.Request("dht."+string(op), events.AppendRequests(nil, reqs...), 5*time.Second)
	if err != nil {
		t.Fatalf("%s: %v", op, err)
	}
	answers, err := events.DecodeAnswers(m.Data)
	if err != nil || len(answers) == 0 {
		t.Fatalf("%s: %.200q, %v", op, m.Data, err)
	}
	return answers
}

// TestServer_ListsOnASmallBus: two thousand keys, and keys that take six times
// their length on the wire, come in pages that the bus carries.
func TestServer_ListsOnASmallBus(t *testing.T) {
	conn := small(t, 64<<10, nil)
	var keys []string
	for i := range 2000 {
		keys = append(keys, fmt.Sprintf("key-of-20-bytes-%04d", i))
	}
	for i := range 40 {
		keys = append(keys, fmt.Sprintf("z%02d%s", i, strings.Repeat("\x01", events.MaxKey-3)))
	}
	for batch := keys; len(batch) > 0; batch = batch[min(40, len(batch)):] {
		var puts []events.Request
		for _, key := range batch[:min(40, len(batch))] {
			if puts = append(puts, events.Request{Key: []byte(key)}); len(key) > 100 {
				ask(t, conn, events.OpPut, puts...)
				puts = nil
			}
		}
		if len(puts) > 0 {
			ask(t, conn, events.OpPut, puts...)
		}
	}
	var listed []string
	r := events.Request{}
	for more := true; more; {
		answers := ask(t, conn, events.OpKeys, r)
		last := answers[len(answers)-1]
		if last.Code != "" || last.More && len(answers) == 1 {
			t.Fatalf("after %d keys: %+v", len(listed), last)
		}
		for _, a := range answers[:len(answers)-1] {
			r.After = a.Key
			listed = append(listed, string(a.Key))
		}
		more = last.More
	}
	if len(listed) != len(keys) {
		t.Errorf("%d of %d keys are listed", len(listed), len(keys))
	}
}

// TestServer_TooLargeIsSaid on a bus that is smaller than what is stored, and never
// kept silent.
func TestServer_TooLargeIsSaid(t *testing.T) {
	conn := small(t, 8<<10, nil)
	value := []byte(strings.Repeat("x", 4<<10))
	for _, key := range []string{"a", "b", "c"} {
		ask(t, conn, events.OpPut, events.Request{Key: []byte(key), Value: value})
	}
	for range 2 { // what was appended is nowhere sent back
		ask(t, conn, events.OpUpdate, events.Request{Key: []byte("a"), Value: value, Update: events.UpdateAppend})
	}
	get := func(keys ...string) (reqs []events.Request) {
		for _, key := range keys {
			reqs = append(reqs, events.Request{Key: []byte(key)})
		}
		return reqs
	}
	if a := ask(t, conn, events.OpGet, get("a")...); a[0].Code != events.ErrTooLarge ||
		!strings.Contains(a[0].Error, "12288") {
		t.Errorf("a value of 12 KB is answered %+v", a[0])
	}
	for i, a := range ask(t, conn, events.OpGet, get("a", "b", "c", "none")...) {
		if want := map[bool]events.Code{true: events.ErrTooLarge}[i < 3]; a.Code != want {
			t.Errorf("entry %d is answered %s %s", i, a.Status, a.Code)
		}
	}
	r := events.Request{Key: []byte("a"), Update: events.UpdateDelete, Old: true}
	if a := ask(t, conn, events.OpUpdate, r); a[0].Code != events.ErrTooLarge {
		t.Errorf("an old value of 12 KB is answered %+v", a[0])
	}
	// It stands.
	r.Old = false
	if a := ask(t, conn, events.OpUpdate, r); a[0].Status != events.StatusDeleted {
		t.Errorf("deleted as %+v", a[0])
	}
	many := make([]events.Request, events.MaxEntries)
	for i := range many {
		many[i].Key = []byte("k")
	}
	if answers := ask(t, conn, events.OpPut, many...); len(answers) != 1 || answers[0].Code != events.ErrTooLarge {
		t.Errorf("%d answers do not fit, and %d came: %+v", len(many), len(answers), answers[0])
	}
}

// TestServer_AnswersAreNobodysRequests: a node publishes nothing where others would
// take it for a request.
func TestServer_AnswersAreNobodysRequests(t *testing.T) {
	var logs safeBuffer
	conn := small(t, 1<<20, &logs)
	ask(t, conn, events.OpPut, events.Request{Key: []byte("k"), Value: []byte("precious")})
	inbox := conn.NewRespInbox()
	var seen []*nats.Subscription
	for _, subject := range []string{"dht.put", "dht.node.linux.delete", "dht.event.linux.put", "$JS.API.STREAM.DELETE.S",
		"$KV.b.k", "$SYS.REQ.SERVER.PING"} {
		sub, err := conn.SubscribeSync(subject)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, sub)
		for _, asked := range []string{"dht.keys", "dht.node.linux.keys", "dht.get", "dht.info", "dht.watch", "$SRV.INFO",
			"$SRV.PING.dht"} {
			if err := conn.PublishRequest(asked, subject, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := conn.PublishRequest("dht.put", "dht.get", []byte(`{"key":"k","value":"gone"}`)); err != nil {
		t.Fatal(err)
	}
	answered, err := conn.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	// Each subscription of the node is served in order: an answer to a later request
	// says that the earlier ones are through.
	for _, subject := range []string{"dht.keys", "dht.node.linux.keys", "dht.get", "dht.info", "dht.watch", "dht.put",
		"$SRV.INFO", "$SRV.PING.dht"} {
		if err := conn.PublishRequest(subject, inbox, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := answered.NextMsg(5 * time.Second); err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
	}
	for _, sub := range seen {
		for {
			m, err := sub.NextMsg(10 * time.Millisecond)
			if errors.Is(err, nats.ErrTimeout) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(m.Data, []byte(`"node":"linux"`)) && !strings.HasPrefix(m.Subject, "dht.event.") {
				t.Errorf("on %s the node says %.100q", m.Subject, m.Data)
			}
		}
	}
	if a := ask(t, conn, events.OpGet, events.Request{Key: []byte("k")}); string(a[0].Value) != "precious" {
		t.Errorf("what was asked with such a reply was done: %+v", a[0])
	}
	if n := strings.Count(logs.String(), "would be a request"); n != 1 {
		t.Errorf("it is logged %d times, want once a minute:\n%s", n, logs.String())
	}
}

// TestServer_InfoIsStrict, too: an empty message and {} ask, what is not understood
// is refused by name.
func TestServer_InfoIsStrict(t *testing.T) {
	conn := small(t, 1<<20, nil)
	for message, want := range map[string]string{
		"":                          `"cluster"`,
		"{}":                        `"cluster"`,
		`{"x-from":"mac","id":"1"}`: `"cluster"`,
		`{"verbose":true}`:          `field \"verbose\"`,
		`{"key":"a"}`:               `field \"key\"`,
		"hello":                     "bad-request",
	} {
		for _, op := range []string{"info", "watch"} {
			m, err := conn.Request("dht."+op, []byte(message), 5*time.Second)
			if err != nil || !strings.Contains(string(m.Data), want) || !json.Valid(m.Data) {
				t.Errorf("%s %q is answered %.200s, %v", op, message, m.Data, err)
			}
		}
	}
}
