package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"dht/client"
	"dht/events"
)

// outside starts a NATS server that is not ours.
func outside(t *testing.T, o server.Options) string {
	t.Helper()
	o.Host, o.Port, o.NoSigs, o.NoLog, o.StoreDir = "127.0.0.1", server.RANDOM_PORT, true, true, t.TempDir()
	s, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server is not ready")
	}
	return s.ClientURL()
}

// TestClient_JetStreamOnEverything has a stream store each message and acknowledge
// it, as if it were an answer.
func TestClient_JetStreamOnEverything(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newClusterOn(t, example(1, 1), outside(t, server.Options{JetStream: true}))
	conn, err := nats.Connect(c.outside)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "X", Subjects: []string{"dht.>"}, Storage: jetstream.MemoryStorage})
	if err != nil {
		t.Fatal(err)
	}
	cl := c.client(func(o *client.Options) { o.Timeout = time.Second })
	c.eachUp(cl)
	for i := range 30 {
		c.put(cl, fmt.Sprint("k", i), "v")
	}
	count := func() (keys, dumped int, failed error) {
		for _, err := range cl.Keys(t.Context(), "", nil) {
			keys, failed = keys+1, errors.Join(failed, err)
		}
		for _, err := range cl.Dump(t.Context(), "", nil) {
			dumped, failed = dumped+1, errors.Join(failed, err)
		}
		return keys, dumped, failed
	}
	if keys, dumped, err := count(); keys != 30 || dumped != 30 || err != nil {
		t.Errorf("%d keys, %d dumped, %v", keys, dumped, err)
	}
	if s, err := cl.Scatter(t.Context(), 10, func() {}); err != nil || s.Stored != 10 {
		t.Errorf("scatter: %+v, %v", s, err)
	}
	c.kill("android")
	if _, _, err := count(); !errors.Is(err, events.ErrOwnerOffline) || !strings.Contains(err.Error(), "android") {
		t.Errorf("without android: %v", err)
	}
	if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs < 30 {
		t.Errorf("the stream has %+v, %v: it was not there", info, err)
	}
}

// TestClient_SmallBus lists, dumps, puts and gets on a bus that carries 64 KB.
func TestClient_SmallBus(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	const carries = 65536
	c := newClusterOn(t, example(1, 1), outside(t, server.Options{MaxPayload: carries}))
	cl := c.client()
	c.eachUp(cl)
	want := map[string]int{}
	for i := range 2000 {
		want[fmt.Sprintf("key of 20 bytes %04d", i)] = 1
	}
	for i := range 150 {
		want[fmt.Sprintf("%s%03d", strings.Repeat("\x01", events.MaxKey-3), i)] = 1
	}
	for i := range 8 {
		want[fmt.Sprint("large ", i)] = 40_000
	}
	items := func(yield func(client.Item, error) bool) {
		for key, size := range want {
			if !yield(client.Item{Key: []byte(key), Value: bytes.Repeat([]byte("v"), size)}, nil) {
				return
			}
		}
	}
	if n, err := cl.Load(t.Context(), items, func() {}); err != nil || n != len(want) {
		t.Fatalf("%d of %d loaded, %v", n, len(want), err)
	}
	keys := map[string]bool{}
	for k, err := range cl.Keys(t.Context(), "", nil) {
		if err != nil {
			t.Fatal(err)
		}
		keys[string(k.Key)] = true
	}
	dumped := map[string]bool{}
	for item, err := range cl.Dump(t.Context(), "", nil) {
		if err != nil {
			t.Fatal(err)
		}
		dumped[string(item.Key)] = len(item.Value) == want[string(item.Key)]
	}
	for key := range want {
		if !keys[key] || !dumped[key] {
			t.Fatalf("%.30q: listed %v, dumped %v", key, keys[key], dumped[key])
		}
	}
	began := time.Now()
	if _, err := cl.Put(t.Context(), []byte("k"), make([]byte, 70_000)); !errors.Is(err, events.ErrTooLarge) || !strings.Contains(err.Error(), "65536") {
		t.Errorf("a value that does not fit the bus: %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("that it is too large was said after %v", took)
	}
}

// TestClient_DumpOfManyLongKeys asks for more keys in one message than it carries,
// if nobody counts.
func TestClient_DumpOfManyLongKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	cl := c.client()
	c.eachUp(cl)
	const keys = 600
	items := func(yield func(client.Item, error) bool) {
		for i := range keys {
			if !yield(client.Item{Key: fmt.Appendf(nil, "%s%03d", strings.Repeat("\x01", events.MaxKey-3), i)}, nil) {
				return
			}
		}
	}
	if n, err := cl.Load(t.Context(), items, func() {}); err != nil || n != keys {
		t.Fatalf("%d of %d loaded, %v", n, keys, err)
	}
	dumped := 0
	for _, err := range cl.Dump(t.Context(), "", nil) {
		if err != nil {
			t.Fatal(err)
		}
		dumped++
	}
	if dumped != keys {
		t.Errorf("%d of %d dumped", dumped, keys)
	}
}
