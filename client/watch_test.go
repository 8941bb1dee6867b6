package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"dht/client"
	"dht/events"
)

// watch begins to watch; next waits for what it tells.
func (c *cluster) watch(cl *client.Client, prefix string) (next func() (client.Change, error), stop func()) {
	c.t.Helper()
	changes, err := cl.Watch(c.t.Context(), []byte(prefix))
	if err != nil {
		c.t.Fatal(err)
	}
	pull, stop := iter.Pull2(changes)
	return func() (client.Change, error) {
		c.t.Helper()
		change, err, ok := pull()
		if !ok {
			c.t.Fatal("the watch has ended")
		}
		return change, err
	}, stop
}

func one() events.Cluster {
	return events.Cluster{Name: "three", Epoch: 1, Copies: 1, Nodes: []events.Member{{Name: "linux", Rule: "otherwise"}}}
}

func TestClient_Watch(t *testing.T) {
	c := newCluster(t, one())
	cl := c.client()
	next, stop := c.watch(cl.Share(0), "eu/")
	defer stop()
	put := c.put(cl, "eu/a", "12345")
	c.put(cl, "us/a", "1")
	if _, err := cl.Delete(t.Context(), []byte("eu/a")); err != nil {
		t.Fatal(err)
	}
	c.put(cl, "eu/\xff", "1", client.TTL(50*time.Millisecond))
	for i, want := range []string{"put eu/a 5", "delete eu/a 0", "put eu/\xff 1", "expire eu/\xff 1"} {
		got, err := next()
		if text := fmt.Sprintf("%s %s %d", got.Type, got.Key, got.Bytes); err != nil || text != want || got.Node != "linux" {
			t.Errorf("change %d is %q of %s, %v; want %q", i, text, got.Node, err, want)
		}
		if i == 0 && (got.Version != put.Version || got.Report().Key != "eu/a") {
			t.Errorf("change %+v of put %+v", got, put)
		}
	}
}

// At every-match each owner tells of its own.
func TestClient_WatchEveryOwner(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, events.Cluster{Name: "three", Epoch: 1, Copies: events.EveryMatch, Nodes: []events.Member{
		{Name: "linux", Rule: `prefix "k"`}, {Name: "mac", Rule: `prefix "k"`}, {Name: "android", Rule: "otherwise"}}})
	cl := c.client()
	c.eachUp(cl)
	next, stop := c.watch(cl, "k")
	defer stop()
	told := map[string]bool{}
	for i := 0; len(told) < 2; i++ { // the interest takes a moment to reach other servers
		c.put(cl, "k", fmt.Sprint(i), client.AllAnswers())
		change, err := next()
		if err != nil {
			t.Fatal(err)
		}
		told[change.Node] = true
	}
	if !told["linux"] || !told["mac"] {
		t.Errorf("told by %v", told)
	}
}

func TestClient_WatchNeedsTheBus(t *testing.T) {
	var overTCP noTransport
	if _, err := client.New(overTCP, client.Options{}).Watch(t.Context(), nil); !errors.Is(err, client.ErrNoBus) {
		t.Errorf("without a bus: %v", err)
	}
	c := newCluster(t, one())
	cl := c.client()
	cl.Close()
	if _, err := cl.Watch(t.Context(), nil); !errors.Is(err, events.ErrUnreachable) {
		t.Errorf("after Close: %v", err)
	}
}

type noTransport struct{ client.Transport }

// Whoever does not read in time is told how much was lost, and goes on.
func TestClient_WatchCountsWhatIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, one())
	silent := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	cl := c.client(func(o *client.Options) { o.NATS = append(o.NATS, silent) })
	next, stop := c.watch(cl, "")
	defer stop()
	const flood, unsent = 50_000, 7
	conn := c.connect()
	clock := events.NewClock(time.Now)
	message := events.Event{Type: events.EventPut}.From("three", "linux", clock.Next()).About(events.Record{Key: []byte("k"), Version: clock.Next()})
	answers := events.Event{Type: events.EventLost, Lost: 1000}.From("three", "linux", clock.Next())
	if err := conn.Publish("dht.event.linux.lost", answers.AppendTo(nil)); err != nil { // they are no changes
		t.Fatal(err)
	}
	for i := range flood {
		e := message
		if i == 0 {
			e.Lost = unsent
		}
		if err := conn.Publish("dht.event.linux.put", e.AppendTo(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Publish("dht.event.linux.put", []byte("no event at all")); err != nil {
		t.Fatal(err)
	}
	// One put of these comes when there is room again.
	seen, lost, ends := int64(0), int64(0), int64(0)
	for end := false; !end; {
		change, err := next()
		var l *client.LostError
		switch {
		case errors.As(err, &l):
			lost += l.Events
		case err != nil:
			t.Fatal(err)
		case string(change.Key) == "end":
			end = true
		default:
			if seen++; seen%1000 == 0 {
				ends++
				c.put(cl, "end", "x")
			}
		}
	}
	// What is no event may be among those lost, and each of these puts but the last.
	if lost == 0 || seen+lost < flood+unsent-1 || seen+lost > flood+unsent+ends {
		t.Errorf("%d seen and %d lost of %d, and of %d that end it", seen, lost, flood+unsent, ends)
	}
}

func TestClient_WatchEndsWithItsContextItsClientOrItsLoop(t *testing.T) {
	c := newCluster(t, one())
	cl := c.client()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes, err := cl.Watch(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.put(cl, "k", "v")
	for change, err := range changes {
		if err != nil || string(change.Key) != "k" {
			t.Errorf("%+v, %v", change, err)
		}
		cancel()
	}
	unread, err := cl.Watch(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	cl.Close()
	var last error
	for _, err := range unread {
		last = err
	}
	if !errors.Is(last, events.ErrUnreachable) {
		t.Errorf("after Close: %v", last)
	}
}

// TestClient_WatchEndsBeforeItBegins tells why the context ended, and not that
// nobody answers.
func TestClient_WatchEndsBeforeItBegins(t *testing.T) {
	cl := newCluster(t, one()).client()
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if _, err := cl.Watch(ctx, nil); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, events.ErrUnreachable) {
		t.Errorf("it fails with %v", err)
	}
}

// A watch goes on with another server when its own dies, and says that it may
// have missed something.
func TestClient_WatchReconnects(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	cl := c.client(func(o *client.Options) { o.Servers = []string{c.up["linux"].NATSAddr()} })
	c.eachUp(cl)
	next, stop := c.watch(cl, "")
	defer stop()
	c.kill("linux")
	for {
		var lost *client.LostError
		_, err := next()
		if errors.As(err, &lost) && lost.Events == 0 {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	key := c.keyOf("mac", 1)
	for seen := false; !seen; { // the interest takes a moment to reach other servers
		c.put(cl, key, "x")
		change, err := next()
		if err != nil {
			t.Fatal(err)
		}
		seen = string(change.Key) == key
	}
}

// TestClient_WatchOfForgedEvents has somebody else speak in a node's name, on the
// subjects of another.
func TestClient_WatchOfForgedEvents(t *testing.T) {
	c := newCluster(t, one())
	cl := c.client()
	next, stop := c.watch(cl, "")
	defer stop()
	conn, err := nats.Connect(c.urls()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	forged := events.Event{ID: events.NewClock(time.Now).Next(), Type: events.EventPut, Node: "linux", Key: []byte("forged"), Lost: 7}
	subjects := events.NewSubjects("")
	for _, subject := range []string{subjects.Event("mac", events.EventPut), subjects.Event("linux", events.EventDelete), subjects.Event("linux", "put.x")} {
		if err := conn.Publish(subject, forged.AppendTo(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Publish(subjects.Event("linux", events.EventPut), []byte(`{"stream":"X","seq":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	c.put(cl, "k", "v")
	if got, err := next(); err != nil || string(got.Key) != "k" || got.Type != events.EventPut {
		t.Errorf("the first change is %+v, %v", got, err)
	}
}
