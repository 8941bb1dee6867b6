package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"dht/broker"
	"dht/client"
	"dht/client/monitor"
	"dht/events"
	"dht/nodes"
	"dht/nodes/bus"
	"dht/nodes/placement"
	"dht/nodes/store/storetest"
)

// cluster is linux and mac on one real server.
type cluster struct {
	t      *testing.T
	broker *broker.Broker
	client *client.Client
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	b, err := broker.Open(t.Context(), broker.Options{Name: "test", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	c := &cluster{t: t, broker: b}
	law, err := placement.New(events.Cluster{Name: "two", Epoch: 1, Copies: 1, Nodes: []events.Member{
		{Name: "linux", Rule: `prefix "l"`}, {Name: "mac", Rule: "otherwise"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range law.Names(nil) {
		c.serve(law, name)
	}
	if c.client, err = client.Connect(client.Options{Servers: []string{b.URL()}, Timeout: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.client.Close() })
	return c
}

func (c *cluster) serve(law *placement.Map, name string) {
	c.t.Helper()
	memory := storetest.NewMemory(time.Now)
	c.t.Cleanup(func() { memory.Close() })
	server := bus.New(bus.Options{Subjects: events.NewSubjects(""), Logger: slog.New(slog.DiscardHandler)})
	node, err := nodes.New(nodes.Options{Map: law, Name: name, Store: memory, Clock: events.NewClock(time.Now), Notify: server.Notify, Observe: server.Observe})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := server.Serve(c.t.Context(), c.connect(c.broker.InProcess()), node); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { server.Close() })
}

// connect is quiet about slow consumers.
func (c *cluster) connect(opts ...nats.Option) *nats.Conn {
	c.t.Helper()
	conn, err := nats.Connect(c.broker.URL(), append(opts, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(conn.Close)
	return conn
}

// put returns how long it took.
func (c *cluster) put(key string, value string) time.Duration {
	c.t.Helper()
	began := time.Now()
	if _, err := c.client.Put(context.Background(), []byte(key), []byte(value)); err != nil {
		c.t.Fatal(err)
	}
	return time.Since(began)
}

// watch runs a monitor until stop, which returns its error.
func (c *cluster) watch(conn *nats.Conn, pattern string, show func(monitor.Line) error) (stop func() error) {
	c.t.Helper()
	f, err := monitor.NewFilter(events.NewSubjects(""), pattern)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- monitor.Watch(ctx, conn, f, 0, show) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func TestWatch(t *testing.T) {
	c := newCluster(t)
	seen := make(chan monitor.Line, 1000)
	stop := c.watch(c.connect(), "", func(l monitor.Line) error {
		seen <- l
		return nil
	})
	for complete := false; !complete; {
		c.put("lamp", "hello")
		select {
		case l := <-seen:
			got := text(l)
			complete = strings.Contains(got, "dht.put put lamp linux:stored mac:not-stored")
			if !complete && (len(l.Answers) > 1 || strings.Contains(got, "silent")) {
				t.Errorf("shown %s", got)
			}
			if complete && (l.Bytes != 5 || l.Version.IsZero() || l.Answers[1].Detail != "linux comes first") {
				t.Errorf("shown %+v", l)
			}
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err := stop(); err != nil {
		t.Errorf("a watch that was ended fails: %v", err)
	}
}

func TestWatch_EndsWithItsViewerOrItsConnection(t *testing.T) {
	c := newCluster(t)
	full := errors.New("the disk is full")
	failed := make(chan struct{})
	stop := c.watch(c.connect(), "", func(monitor.Line) error {
		select {
		case <-failed:
		default:
			close(failed)
		}
		return full
	})
	for shown := false; !shown; {
		c.put("lamp", "hello")
		select {
		case <-failed:
			shown = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := stop(); !errors.Is(err, full) {
		t.Errorf("ended with %v", err)
	}
	conn := c.connect()
	conn.Close()
	f, err := monitor.NewFilter(events.NewSubjects(""), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := monitor.Watch(t.Context(), conn, f, 0, func(monitor.Line) error { return nil }); err == nil {
		t.Error("a closed connection is watched")
	}
}

// A connection that was away is told of, and nobody is called silent for it.
func TestWatch_Reconnects(t *testing.T) {
	c := newCluster(t)
	conn, seen := c.connect(), make(chan string, 1000)
	stop := c.watch(conn, "dht.put", func(l monitor.Line) error {
		seen <- text(l)
		return nil
	})
	until := func(want string) {
		t.Helper()
		for limit := time.After(30 * time.Second); ; {
			c.put("lamp", "hello")
			select {
			case got := <-seen:
				if strings.Contains(got, "silent") {
					t.Errorf("shown %s", got)
				}
				if strings.Contains(got, want) {
					return
				}
			case <-time.After(100 * time.Millisecond):
			case <-limit:
				t.Fatalf("%q is not shown", want)
			}
		}
	}
	until("linux:stored mac:not-stored")
	if err := conn.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	until("not connected")
	until("connected again, to nats://")
	until("linux:stored mac:not-stored")
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestWatch_SlowViewer stops looking while much happens: what was not shown is
// counted.
func TestWatch_SlowViewer(t *testing.T) {
	c := newCluster(t)
	looks, goOn := make(chan struct{}), make(chan struct{})
	var looked sync.Once
	var shown, lost atomic.Int64
	viewer := c.connect()
	stop := c.watch(viewer, "dht.event.*.expire", func(l monitor.Line) error {
		looked.Do(func() {
			close(looks)
			<-goOn
		})
		if l.Lost == 0 {
			shown.Add(1)
		}
		lost.Add(l.Lost)
		return nil
	})
	conn := c.connect()
	clock := events.NewClock(time.Now)
	message := events.Event{Type: events.EventExpire, Key: []byte("k")}.From("two", "mac", clock.Next())
	tell := func() {
		if err := conn.Publish("dht.event.mac.expire", message.AppendTo(nil)); err != nil {
			t.Fatal(err)
		}
	}
	told := int64(0)
	for looking := false; !looking; told++ {
		tell()
		select {
		case <-looks:
			looking = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	const flood = 100_000 // more than may wait
	for range flood {
		tell()
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	until := func(condition func() bool) {
		for limit := time.After(60 * time.Second); !condition(); {
			select {
			case <-tick.C:
			case <-limit:
				t.Fatalf("%d shown and %d lost of %d", shown.Load(), lost.Load(), told+flood)
			}
		}
	}
	until(func() bool { return viewer.Stats().InMsgs > flood })
	close(goOn)
	until(func() bool { return lost.Load() > 0 && shown.Load()+lost.Load() > flood })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if shown.Load()+lost.Load() > told+flood {
		t.Errorf("%d shown and %d lost of %d", shown.Load(), lost.Load(), told+flood)
	}
}

// TestWatch_StoppedMonitorSlowsNobody lets a monitor stop reading altogether, as
// its process does when it is suspended: puts go on. A NATS server holds senders
// back a little until it gives the monitor up.
func TestWatch_StoppedMonitorSlowsNobody(t *testing.T) {
	c := newCluster(t)
	value := strings.Repeat("x", 256<<10)
	puts := func() (all, slowest time.Duration) {
		for i := range 400 { // 100 MB: more than a server keeps for a connection
			took := c.put(fmt.Sprint("l", i%10), value)
			all, slowest = all+took, max(slowest, took)
		}
		return all, slowest
	}
	before, _ := puts()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.broker.URL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "CONNECT {\"verbose\":false}\r\nSUB dht.> 1\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	for pong := ""; !strings.Contains(pong, "PONG"); {
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		pong += string(b[:n])
	}
	after, slowest := puts()
	if after > 4*before+time.Second || slowest > time.Second {
		t.Errorf("puts took %v before, %v with a monitor that does not read, the slowest %v", before, after, slowest)
	}
}
