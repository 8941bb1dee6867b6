package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"dht/client"
	"dht/events"
)

func TestClient_PutGetDelete(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	cl := c.client()
	ctx := t.Context()
	for name, value := range map[string][]byte{
		"greeting":                            []byte("hello"),
		"empty":                               {},
		"900 KB":                              bytes.Repeat([]byte("x"), 900<<10),
		"\x00\xff\n\" any bytes":              {0, 0xff, '\n'},
		strings.Repeat("\xff", events.MaxKey): []byte("longest key"),
	} {
		put, err := cl.Put(ctx, []byte(name), value)
		if err != nil {
			t.Fatalf("put %.20q: %v", name, err)
		}
		got, err := cl.Get(ctx, []byte(name))
		if err != nil || !bytes.Equal(got.Value, value) || got.Version != put.Version || got.Node != put.Node {
			t.Fatalf("get %.20q: %d bytes, %v", name, len(got.Value), err)
		}
		if deleted, err := cl.Delete(ctx, []byte(name)); err != nil || deleted.Status != events.StatusDeleted {
			t.Fatalf("delete %.20q: %s, %v", name, deleted.Status, err)
		}
		if _, err := cl.Get(ctx, []byte(name)); !errors.Is(err, events.ErrNotFound) {
			t.Fatalf("get of the deleted %.20q: %v", name, err)
		}
		if again, err := cl.Delete(ctx, []byte(name)); err != nil || again.Status != events.StatusAbsent {
			t.Fatalf("second delete of %.20q: %s, %v", name, again.Status, err)
		}
	}
}

func TestClient_Share(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	cl := c.client()
	shared := cl.Share(0)
	c.put(shared, "greeting", "hello")
	if err := shared.Close(); err != nil {
		t.Fatal(err)
	}
	if got := c.get(cl, "greeting"); got != "hello" {
		t.Errorf("after its sharer was closed, the client got %q", got)
	}
}

func TestClient_RefusesBadInputAndLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	cl := c.client()
	for name, tt := range map[string]struct {
		key, value []byte
		want       events.Code
	}{
		"no key":    {nil, nil, events.ErrBadRequest},
		"long key":  {bytes.Repeat([]byte("k"), events.MaxKey+1), nil, events.ErrBadRequest},
		"too large": {[]byte("k"), make([]byte, 1<<20), events.ErrTooLarge},
	} {
		if _, err := cl.Put(t.Context(), tt.key, tt.value); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	c.put(cl, "k", "still works")
	if got := c.get(cl, "k"); got != "still works" {
		t.Errorf("k is %q", got)
	}
}

// TestClient_OwnerOffline tells the four ends of a request apart, also while
// somebody listens to everything, which switches NATS's "no responders" off.
func TestClient_OwnerOffline(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	offline, online := c.keyOf("android", 1), c.keyOf("linux", 1)
	c.put(c.client(), offline, "x")
	c.put(c.client(), online, "x")
	c.kill("android")
	cl := c.client(func(o *client.Options) { o.Timeout = 300 * time.Millisecond })
	check := func() {
		t.Helper()
		if _, err := cl.Get(t.Context(), []byte(offline)); !errors.Is(err, events.ErrOwnerOffline) || !strings.Contains(err.Error(), "android") {
			t.Errorf("get of the dead node's key: %v", err)
		}
		if _, err := cl.Put(t.Context(), []byte(offline), nil); !errors.Is(err, events.ErrUnknown) || !strings.Contains(err.Error(), "android") {
			t.Errorf("put of the dead node's key: %v", err)
		}
		if _, err := cl.Delete(t.Context(), []byte(offline)); !errors.Is(err, events.ErrUnknown) {
			t.Errorf("delete of the dead node's key: %v", err)
		}
		if got := c.get(cl, online); got != "x" {
			t.Errorf("the other's key is %q", got)
		}
		if _, err := cl.Get(t.Context(), []byte(c.keyOf("mac", 2))); !errors.Is(err, events.ErrNotFound) {
			t.Errorf("get of a key that is not there: %v", err)
		}
	}
	check()
	observer, err := nats.Connect(c.urls()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer observer.Close()
	if _, err := observer.Subscribe("dht.>", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if err := observer.Flush(); err != nil {
		t.Fatal(err)
	}
	check()
	c.start("android")
	c.eachUp(cl)
	if got := c.get(cl, offline); got != "x" {
		t.Errorf("after the restart its key is %q", got)
	}
}

// TestClient_AllAnswersButOne wants all answers where one node is down: it is
// silent, and not waited for as long as an owner would be.
func TestClient_AllAnswersButOne(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	key := c.keyOf("linux", 1)
	c.put(c.client(), key, "x")
	c.kill("android")
	cl := c.client(func(o *client.Options) { o.Timeout = 8 * time.Second })
	if _, err := cl.Map(t.Context()); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	r := c.put(cl, key, "y", client.AllAnswers())
	if took := time.Since(begun); took < 2*time.Second || took > 7*time.Second {
		t.Errorf("it took %v, want a quarter of the timeout", took)
	}
	if last := r.Answers[2]; last.Node != "android" || last.Status != events.StatusSilent {
		t.Errorf("the dead node: %v", last)
	}
}

// TestClient_AnyNodeMayDie kills each node in turn, the client's server too.
func TestClient_AnyNodeMayDie(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	for _, victim := range []string{"linux", "mac", "android"} {
		cl := c.client(func(o *client.Options) { o.Servers = []string{c.up[victim].NATSAddr()} })
		c.put(cl, "before", "x") // the client learns of the other servers
		c.kill(victim)
		for _, survivor := range []string{"linux", "mac", "android"} {
			if survivor != victim {
				c.put(cl, c.keyOf(survivor, 3), "x")
			}
		}
		c.start(victim)
		c.eachUp(cl)
	}
}

func TestClient_WrongClocksCanWrite(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	for _, skew := range []time.Duration{time.Hour, -time.Hour, time.Second, -2 * time.Minute} {
		cl := c.client(func(o *client.Options) { o.Now = func() time.Time { return time.Now().Add(skew) } })
		key := fmt.Sprint("by a clock of ", skew)
		put := c.put(cl, key, "x", client.TTL(time.Minute))
		if off := time.Since(put.Version.Time()); off < -nodesAhead || off > time.Minute {
			t.Errorf("clock %v: the version is %v old", skew, off)
		}
		got, err := cl.Get(t.Context(), []byte(key))
		if err != nil {
			t.Fatalf("clock %v: %v", skew, err)
		}
		if left := time.Until(time.UnixMilli(got.Expires)); left < 50*time.Second || left > 70*time.Second {
			t.Errorf("clock %v: the value lives for %v, want a minute", skew, left)
		}
	}
}

const nodesAhead = 500 * time.Millisecond

// TestClient_NodesWithDifferentClocks has one owner an hour ahead of the others:
// its refusal tells the client its time.
func TestClient_NodesWithDifferentClocks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	c.kill("mac")
	c.skew["mac"] = time.Hour
	c.start("mac")
	cl := c.client()
	c.eachUp(cl)
	for range 2 {
		for _, owner := range []string{"linux", "mac", "android"} {
			key := c.keyOf(owner, 1)
			c.put(cl, key, owner)
			if got := c.get(cl, key); got != owner {
				t.Errorf("%s has %q", key, got)
			}
		}
	}
}

// TestClient_ManyWritersOfOneKey lets clients with clocks apart write one key:
// each put succeeds in the end.
func TestClient_ManyWritersOfOneKey(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	var writers sync.WaitGroup
	for i := range 8 {
		skew := time.Duration(i) * 10 * time.Millisecond
		cl := c.client(func(o *client.Options) { o.Now = func() time.Time { return time.Now().Add(skew) } })
		writers.Go(func() {
			for n := range 50 {
				if _, err := cl.Put(t.Context(), []byte("k"), fmt.Append(nil, i, n)); err != nil {
					t.Errorf("writer %d, put %d: %v", i, n, err)
				}
			}
		})
	}
	writers.Wait()
}

// TestClient_ContextIsHonoured waits for the map of a cluster that is not there.
func TestClient_ContextIsHonoured(t *testing.T) {
	cl, err := client.Connect(client.Options{Servers: []string{standalone(t).URL()}, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var askers sync.WaitGroup
	for range 2 {
		askers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := cl.Get(ctx, []byte("k")); !errors.Is(err, events.ErrUnreachable) {
				t.Errorf("get: %v", err)
			}
		})
	}
	askers.Wait()
	if err := cl.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestClient_LastWriterWinsOverAFastClock writes with a clock that is ahead by
// less than nodes refuse, then with a right one.
func TestClient_LastWriterWinsOverAFastClock(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	fast := c.client(func(o *client.Options) { o.Now = func() time.Time { return time.Now().Add(400 * time.Millisecond) } })
	right := c.client()
	c.put(fast, "k", "first")
	c.put(right, "k", "second")
	if got := c.get(fast, "k"); got != "second" {
		t.Errorf("k is %q, want the later write", got)
	}
}

func TestClient_TTL(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	cl := c.client(func(o *client.Options) { o.Now = c.now })
	c.put(cl, "k", "x", client.TTL(time.Hour))
	if got := c.get(cl, "k"); got != "x" {
		t.Errorf("k is %q", got)
	}
	c.later.Store(int64(2 * time.Hour))
	if _, err := cl.Get(t.Context(), []byte("k")); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("k is there after its time: %v", err)
	}
}

// TestClient_LatePutIsNotDelivered takes every server away before a put and
// brings them back after its time: nothing may come out of a buffer.
func TestClient_LatePutIsNotDelivered(t *testing.T) {
	b := standalone(t)
	heard := make(chan string, 10)
	cl, err := client.Connect(client.Options{Servers: []string{b.URL()}, Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	port := strings.TrimPrefix(b.URL(), "nats://")
	b.Close()
	if _, err := cl.Put(t.Context(), []byte("k"), []byte("late")); !errors.Is(err, events.ErrUnreachable) {
		t.Errorf("put without a server: %v, want unreachable", err)
	}
	b = standaloneAt(t, port)
	nc, err := nats.Connect(b.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Subscribe("dht.>", func(m *nats.Msg) { heard <- m.Subject }); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	// The client's next request shows that its connection is back.
	if _, err := cl.Get(t.Context(), []byte("k")); !errors.Is(err, events.ErrUnreachable) {
		t.Errorf("get without a node: %v", err)
	}
	for len(heard) > 0 {
		if subject := <-heard; subject != "dht.info" {
			t.Errorf("after the reconnect the bus carried %s", subject)
		}
	}
}

// TestClient_NewRules restarts everything under rules that move most keys.
func TestClient_NewRules(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	cl := c.client()
	const keys = 60
	for i := range keys {
		c.put(cl, fmt.Sprint("k", i), fmt.Sprint("v", i))
	}
	moved := example(2, 1)
	moved.Nodes[0].Rule, moved.Nodes[1].Rule = "sha256 % 4 == 0", "otherwise"
	moved.Nodes[2].Rule = "md5 % 3 == 1"
	c.restart(moved)
	cl = c.client()
	c.eachUp(cl)
	status, err := cl.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	misplaced := 0
	for _, n := range status {
		misplaced += n.Info.Misplaced
	}
	if misplaced < keys/4 {
		t.Errorf("only %d keys are misplaced", misplaced)
	}
	for i := range keys {
		if got := c.get(cl, fmt.Sprint("k", i)); got != fmt.Sprint("v", i) {
			t.Fatalf("k%d is %q after the rules changed", i, got)
		}
	}
	if _, err := cl.Get(t.Context(), []byte("never put")); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("a key that never was: %v", err)
	}
	// A write goes to the new owner and hides the old copy; so does a delete.
	for i := range keys {
		key := fmt.Sprint("k", i)
		if i%2 == 0 {
			c.put(cl, key, "new")
			if got := c.get(cl, key); got != "new" {
				t.Fatalf("%s is %q after a put", key, got)
			}
			continue
		}
		if _, err := cl.Delete(t.Context(), []byte(key)); err != nil {
			t.Fatal(err)
		}
		if _, err := cl.Get(t.Context(), []byte(key)); !errors.Is(err, events.ErrNotFound) {
			t.Fatalf("%s is back after its delete: %v", key, err)
		}
	}
	seen := map[string]int{}
	for item, err := range cl.Dump(t.Context(), "", nil) {
		if err != nil {
			t.Fatal(err)
		}
		seen[string(item.Key)]++
		if string(item.Value) != "new" {
			t.Errorf("the dump has %s = %q", item.Key, item.Value)
		}
	}
	if len(seen) != keys/2 {
		t.Errorf("the dump has %d keys, want %d", len(seen), keys/2)
	}
	// With a node away that may hold the key from before, absent is not certain.
	c.restart(moved)
	c.kill("android")
	short := c.client(func(o *client.Options) { o.Timeout = 300 * time.Millisecond })
	if _, err := short.Get(t.Context(), []byte(c.keyOf("linux", 9))); !errors.Is(err, events.ErrOwnerOffline) && !errors.Is(err, events.ErrNotFound) {
		t.Errorf("absent while android is away: %v", err)
	}
}

// TestClient_RulesThereAndBack changes the rules and changes them back: what was
// written in between stands, and what was deleted in between stays deleted.
func TestClient_RulesThereAndBack(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	cl := c.client()
	const keys = 24
	for i := range keys {
		c.put(cl, fmt.Sprint("k", i), "first")
	}
	away := example(2, 1)
	away.Nodes[0].Rule = "md5 % 2 == 1"
	c.restart(away)
	cl = c.client()
	c.eachUp(cl)
	for i := range keys {
		key := fmt.Sprint("k", i)
		if i%2 == 0 {
			c.put(cl, key, "second")
		} else if _, err := cl.Delete(t.Context(), []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	c.restart(example(3, 1))
	cl = c.client()
	c.eachUp(cl)
	for i := range keys {
		r, err := cl.Get(t.Context(), fmt.Append(nil, "k", i))
		if i%2 == 0 && (err != nil || string(r.Value) != "second") {
			t.Errorf("k%d is %q, %v: an old value is back", i, r.Value, err)
		}
		if i%2 == 1 && !errors.Is(err, events.ErrNotFound) {
			t.Errorf("k%d is back after its delete: %q, %v", i, r.Value, err)
		}
	}
	dumped := 0
	for item, err := range cl.Dump(t.Context(), "", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if dumped++; string(item.Value) != "second" {
			t.Errorf("the dump has %s = %q", item.Key, item.Value)
		}
	}
	if dumped != keys/2 {
		t.Errorf("%d keys are dumped, want %d", dumped, keys/2)
	}
}

// TestClient_FollowsANewMap keeps one client across a change of rules.
func TestClient_FollowsANewMap(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newClusterOn(t, example(1, 1), standalone(t).URL())
	cl := c.client()
	c.put(cl, "k", "x")
	moved := example(2, 1)
	moved.Nodes[0].Rule = "md5 % 2 == 1"
	// The server goes on; the nodes on it restart under the new map.
	c.law = moved
	for _, n := range moved.Nodes {
		c.kill(n.Name)
		c.start(n.Name)
	}
	c.eachUp(cl)
	if got := c.get(cl, "k"); got != "x" {
		t.Errorf("k is %q", got)
	}
	c.put(cl, "k", "y")
	if m, err := cl.Map(t.Context()); err != nil || m.Epoch() != 2 {
		t.Errorf("the client still believes in epoch 1, %v", err)
	}
}

func TestClient_EveryMatch(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, events.EveryMatch))
	cl := c.client()
	c.eachUp(cl)
	twice := 0
	for i := range 60 {
		key := fmt.Sprint("k", i)
		r := c.put(cl, key, "v", client.AllAnswers())
		stored := 0
		for _, a := range r.Answers {
			if a.Status == events.StatusStored {
				stored++
			}
		}
		law, err := cl.Map(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if owners := len(law.Owners([]byte(key), nil)); stored != owners {
			t.Fatalf("%s is stored %d times, want %d", key, stored, owners)
		}
		if stored == 2 {
			twice++
		}
		if got := c.get(cl, key); got != "v" {
			t.Fatalf("%s is %q", key, got)
		}
	}
	if twice == 0 {
		t.Error("no key lives twice")
	}
	dumped := map[string]int{}
	for item, err := range cl.Dump(t.Context(), "", nil) {
		if err != nil {
			t.Fatal(err)
		}
		dumped[string(item.Key)]++
	}
	for key, times := range dumped {
		if times != 1 {
			t.Errorf("%s is dumped %d times", key, times)
		}
	}
	if len(dumped) != 60 {
		t.Errorf("%d keys are dumped, want 60", len(dumped))
	}
}

func TestClient_Scatter(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	cl := c.client()
	c.eachUp(cl)
	steps := 0
	var mu sync.Mutex
	s, err := cl.Scatter(t.Context(), 100, func() { mu.Lock(); defer mu.Unlock(); steps++ })
	if err != nil || s.Stored != 100 || s.Missing != 0 || s.Duplicates != 0 || steps != 100 {
		t.Fatalf("%+v, %v, %d steps", s, err, steps)
	}
	// The nodes' own lists say the same: each key once, where the rules say.
	law, err := cl.Map(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]string{}
	for k, err := range cl.Keys(t.Context(), "", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if other, twice := kept[string(k.Key)]; twice {
			t.Errorf("%s is kept by %s and %s", k.Key, other, k.Node)
		}
		kept[string(k.Key)] = k.Node
		if owner := law.Names(law.Owners(k.Key, nil))[0]; owner != k.Node {
			t.Errorf("%s is kept by %s, its owner is %s", k.Key, k.Node, owner)
		}
	}
	if len(kept) != 100 {
		t.Errorf("%d keys are kept, want 100", len(kept))
	}
	c.kill("android")
	short := c.client(func(o *client.Options) { o.Timeout = 200 * time.Millisecond })
	s, err = short.Scatter(t.Context(), 10, func() {})
	if err != nil || s.Stored+s.Missing != 10 || s.Missing == 0 && s.ByNode["android"] > 0 {
		t.Errorf("with android away: %+v, %v", s, err)
	}
}

func TestClient_LoadAndDumpKeepEverything(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	cl := c.client()
	c.eachUp(cl)
	var in bytes.Buffer
	for i := range 3000 {
		fmt.Fprintf(&in, `{"key":"user/%d","value":"v%d"}`+"\n", i, i)
	}
	in.WriteString(`{"key64":"//8=","value64":"AAE="}`)
	if n, err := cl.Load(t.Context(), client.ReadItems(&in), func() {}); err != nil || n != 3001 {
		t.Fatalf("loaded %d, %v", n, err)
	}
	dumped := map[string]string{}
	for item, err := range cl.Dump(t.Context(), "", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := dumped[string(item.Key)]; twice {
			t.Errorf("%q is dumped twice", item.Key)
		}
		dumped[string(item.Key)] = string(item.Value)
	}
	if len(dumped) != 3001 || dumped["user/2999"] != "v2999" || dumped["\xff\xff"] != "\x00\x01" {
		t.Errorf("%d keys are dumped", len(dumped))
	}
	prefixed := 0
	for _, err := range cl.Keys(t.Context(), "linux", []byte("user/1")) {
		if err != nil {
			t.Fatal(err)
		}
		prefixed++
	}
	if prefixed < 400 || prefixed > 700 {
		t.Errorf("linux lists %d of 1,111 keys with the prefix", prefixed)
	}
}

func TestClient_Unreachable(t *testing.T) {
	if _, err := client.Connect(client.Options{Servers: []string{"nats://127.0.0.1:1"}}); !errors.Is(err, events.ErrUnreachable) {
		t.Errorf("no server: %v", err)
	}
	cl, err := client.Connect(client.Options{Servers: []string{standalone(t).URL()}, Timeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := cl.Get(t.Context(), []byte("k")); !errors.Is(err, events.ErrUnreachable) {
		t.Errorf("a server without nodes: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cl.Get(ctx, []byte("k")); err == nil {
		t.Error("a cancelled request succeeds")
	}
}

func TestNode_SecondOfANameIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newClusterOn(t, example(1, 1), standalone(t).URL())
	cl := c.client()
	key := c.keyOf("linux", 1)
	c.put(cl, key, "x")
	if err := c.tryStart("linux", "linux-again"); !errors.Is(err, events.ErrNameTaken) || !strings.Contains(err.Error(), `"linux"`) {
		t.Errorf("a second linux: %v", err)
	}
	if got := c.get(cl, key); got != "x" {
		t.Errorf("afterwards %s is %q", key, got)
	}
}

func TestNode_AnotherMapAtTheSameEpochIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newClusterOn(t, example(1, 1), standalone(t).URL())
	c.kill("mac")
	c.law.Nodes[1].Rule = "sha1 % 4 == 0"
	if err := c.tryStart("mac", "mac-elsewhere"); !errors.Is(err, events.ErrStaleMap) || !strings.Contains(err.Error(), "raise epoch") {
		t.Errorf("another map: %v", err)
	}
}
