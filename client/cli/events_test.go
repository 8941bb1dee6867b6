package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"

	"dht/broker"
	"dht/client"
	"dht/events"
)

// watched is a cluster of one node, a real process on an outside NATS server,
// and a listener that was there before it.
type watched struct {
	t    *testing.T
	url  string
	file string
	cmd  *exec.Cmd
	sub  *nats.Subscription
	seen map[events.EventType]int
	kept []events.Event // read, and not awaited so far
}

// TestEvents_OfARealNode has a node process tell of everything it can tell of.
// Each event is a CloudEvent to the official SDK, and names its key in its data
// only.
func TestEvents_OfARealNode(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	w := newWatched(t)
	w.start()
	w.await(events.EventUp, "")
	c, err := client.Connect(client.Options{Servers: []string{w.url}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w.ask("dht.watch", `{"limit":1}`)
	w.put(c, "lamp", []byte("hello"))
	if e := w.await(events.EventPut, "lamp"); e.Bytes != 5 || e.Version.IsZero() {
		t.Errorf("of the put it tells %+v", e)
	}
	if e := w.await(events.EventAnswer, "lamp"); e.Op != events.OpPut || e.Status != events.StatusStored {
		t.Errorf("of the answer it tells %+v", e)
	}
	w.put(c, "candle", []byte("burns"), client.TTL(200*time.Millisecond))
	if e := w.await(events.EventExpire, "candle"); e.Expires == 0 || e.ID.Time().UnixMilli() > e.Expires+1000 {
		t.Errorf("of the expiry at %d it tells at %d", e.Expires, e.ID.Time().UnixMilli())
	}
	if _, err := c.Delete(t.Context(), []byte("lamp")); err != nil {
		t.Fatal(err)
	}
	w.await(events.EventDelete, "lamp")
	w.ask("dht.get", `{"key":"lamp","map":"7-0123456789abcdef"}`)
	if e := w.await(events.EventMapMismatch, ""); !strings.Contains(e.Detail, "7-0123456789abcdef") {
		t.Errorf("of the other map it tells %q", e.Detail)
	}
	w.put(c, "treasure", []byte("gold"))
	w.ask("dht.watch", `{"limit":1}`) // fewer than now come
	for i := range 250 {              // 25 MB of which 100 KB are still good for something
		w.put(c, "big", bytes.Repeat([]byte{byte(i)}, 100<<10))
	}
	if e := w.await(events.EventMerge, ""); e.Bytes <= 0 {
		t.Errorf("of the merge it tells %+v", e)
	}
	if e := w.await(events.EventLost, ""); e.Lost == 0 {
		t.Errorf("of what it did not tell it tells %+v", e)
	}
	w.stop()
	w.await(events.EventDrain, "")
	w.await(events.EventDown, "")
	w.spoil("gold", "lead")
	w.start()
	if e := w.await(events.EventCorrupt, ""); !strings.Contains(e.Detail, ".jsonl, line ") {
		t.Errorf("of the damage it tells %q", e.Detail)
	}
	w.stop()
	for _, kind := range events.EventTypes() {
		if w.seen[kind] == 0 {
			t.Errorf("it told nothing of type %s", kind)
		}
	}
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	b, err := broker.Open(t.Context(), broker.Options{Name: "outside", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	conn, err := nats.Connect(b.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	w := &watched{t: t, url: b.URL(), file: filepath.Join(t.TempDir(), "one.toml"), seen: map[events.EventType]int{}}
	if w.sub, err = conn.SubscribeSync("dht.event.>"); err == nil {
		err = conn.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("name = \"one\"\nepoch = 1\nnats = [%q]\n[[node]]\nname = \"one\"\nrule = \"otherwise\"\ndata = \"data\"\n", w.url)
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *watched) start() {
	w.t.Helper()
	binary, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	w.cmd = exec.Command(binary, "-c", w.file, "node", "one")
	w.cmd.Args[0] = "dht" // what the test binary is, see TestMain
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	cmd := w.cmd
	w.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
}

func (w *watched) stop() {
	w.t.Helper()
	_ = w.cmd.Process.Signal(os.Interrupt)
	if err := w.cmd.Wait(); err != nil {
		w.t.Fatalf("the node ends with %v", err)
	}
}

func (w *watched) put(c *client.Client, key string, value []byte, opts ...client.Option) {
	w.t.Helper()
	if _, err := c.Put(context.Background(), []byte(key), value, opts...); err != nil {
		w.t.Fatalf("put %s: %v", key, err)
	}
}

func (w *watched) ask(subject, text string) {
	w.t.Helper()
	conn, err := nats.Connect(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Request(subject, []byte(text), 5*time.Second); err != nil {
		w.t.Fatalf("%s: %v", subject, err)
	}
}

// spoil changes a value on disk.
func (w *watched) spoil(from, to string) {
	w.t.Helper()
	spoilt := 0
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(w.file), "data", "*.jsonl"))
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			w.t.Fatal(err)
		}
		spoilt += bytes.Count(text, []byte(from))
		if err := os.WriteFile(name, bytes.ReplaceAll(text, []byte(from), []byte(to)), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	if spoilt == 0 {
		w.t.Fatalf("%s is in none of %v", from, files)
	}
}

// await reads events until one of a type, about key, has come.
func (w *watched) await(kind events.EventType, key string) events.Event {
	w.t.Helper()
	for i := 0; ; i++ {
		if i == len(w.kept) {
			m, err := w.sub.NextMsg(20 * time.Second)
			if err != nil {
				w.t.Fatalf("no %s of %q was told: %v", kind, key, err)
			}
			w.kept = append(w.kept, w.check(m))
		}
		if e := w.kept[i]; e.Type == kind && string(e.Key) == key {
			w.kept = slices.Delete(w.kept, i, i+1)
			return e
		}
	}
}

func (w *watched) check(m *nats.Msg) events.Event {
	w.t.Helper()
	e, err := events.DecodeEvent(m.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	var ce cloudevents.Event
	if err := ce.UnmarshalJSON(m.Data); err != nil {
		w.t.Fatalf("%s: %v", m.Data, err)
	}
	if err := ce.Validate(); err != nil {
		w.t.Errorf("%s: %v", m.Data, err)
	}
	if m.Subject != "dht.event.one."+ce.Type() || ce.Type() != string(e.Type) || ce.Subject() != "" ||
		ce.Source() != "/one/one" {
		w.t.Errorf("on %s comes %s", m.Subject, m.Data)
	}
	w.seen[e.Type]++
	return e
}
