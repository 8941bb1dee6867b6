package client_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dht/client"
	"dht/events"
	"dht/nodes/nodetest"
	"dht/nodes/tcp"
)

// overTCP is a cluster without a bus.
type overTCP struct {
	*nodetest.Cluster
	t       *testing.T
	peers   map[string]string
	servers map[string]*tcp.Server
}

func newOverTCP(t *testing.T, law events.Cluster) *overTCP {
	t.Helper()
	c := &overTCP{nodetest.NewCluster(t, law), t, map[string]string{}, map[string]*tcp.Server{}}
	for _, name := range c.Map.Names(nil) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c.peers[name] = l.Addr().String()
		l.Close()
	}
	for name := range c.peers {
		c.start(name)
	}
	t.Cleanup(func() {
		for _, s := range c.servers {
			s.Close()
		}
	})
	return c
}

func (c *overTCP) start(name string) {
	c.t.Helper()
	c.startWith(name, tcp.Options{Peers: c.peers, Meet: true})
}

func (c *overTCP) startWith(name string, o tcp.Options) {
	c.t.Helper()
	s, err := tcp.Listen(c.peers[name], o)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := s.Serve(c.t.Context(), c.Nodes[name]); err != nil {
		c.t.Fatal(err)
	}
	c.servers[name] = s
}

func (c *overTCP) client(entry string, o client.Options) *client.Client {
	c.t.Helper()
	cl, err := client.ConnectTCP(c.t.Context(), c.peers[entry], o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { cl.Close() })
	return cl
}

func TestTCP_WhicheverNodeIsAsked(t *testing.T) {
	c := newOverTCP(t, nodetest.Three(1, 1))
	ctx := t.Context()
	for _, entry := range []string{"linux", "mac", "android"} {
		cl := c.client(entry, client.Options{})
		for _, key := range []string{"l1", "m1", "a1", "\x00\xff", strings.Repeat("\xff", events.MaxKey)} {
			put, err := cl.Put(ctx, []byte(key), []byte(entry), client.AllAnswers())
			if err != nil || put.Status != events.StatusStored || len(put.Answers) != 3 {
				t.Fatalf("put %.10q through %s: %+v, %v", key, entry, put, err)
			}
			got, err := cl.Get(ctx, []byte(key))
			if err != nil || string(got.Value) != entry || got.Version != put.Version || got.Node != put.Node {
				t.Fatalf("get %.10q through %s: %+v, %v", key, entry, got, err)
			}
		}
		if _, err := cl.Get(ctx, []byte("nothing")); !errors.Is(err, events.ErrNotFound) {
			t.Errorf("a missing key is %v", err)
		}
		if _, err := cl.Put(ctx, []byte("l1"), make([]byte, 1<<20)); !errors.Is(err, events.ErrTooLarge) {
			t.Errorf("a value too large is %v", err)
		}
		scattered, err := cl.Scatter(ctx, 30, func() {})
		if err != nil || scattered.Stored != 30 || scattered.Duplicates != 0 {
			t.Errorf("scattered %+v, %v", scattered, err)
		}
		if deleted, err := cl.Delete(ctx, []byte("a1")); err != nil || deleted.Status != events.StatusDeleted {
			t.Errorf("deleted %+v, %v", deleted, err)
		}
	}
	cl := c.client("mac", client.Options{})
	var listed []string
	for k, err := range cl.Keys(ctx, "", []byte("l")) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, fmt.Sprintf("%s on %s", k.Key, k.Node))
	}
	if fmt.Sprint(listed) != "[l1 on linux]" {
		t.Errorf("listed %s", listed)
	}
	status, err := cl.Status(ctx)
	if err != nil || len(status) != 3 || !status[0].Up || !status[2].Up {
		t.Errorf("status %+v, %v", status, err)
	}
}

// TestTCP_StatusWithoutRoutes has the NATS servers lose each other, as behind a
// firewall that lets only TCP clients through. The entry node says so before it
// has asked the others over TCP, who are up.
func TestTCP_StatusWithoutRoutes(t *testing.T) {
	c := newOverTCP(t, nodetest.Three(1, 1))
	c.servers["mac"].Close()
	var mac atomic.Pointer[tcp.Server] // the others may ask before it is known here
	c.Nodes["mac"].Links = func() (links []events.Link) {
		if s := mac.Load(); s != nil {
			links = s.Links()
		}
		for _, other := range []string{"linux", "android"} {
			links = append(links, events.Link{To: other, Path: events.PathRoute, State: events.LinkDown})
		}
		return links
	}
	c.startWith("mac", tcp.Options{Peers: c.peers})
	mac.Store(c.servers["mac"])
	status, err := c.client("mac", client.Options{Timeout: time.Minute}).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range status {
		if !s.Up {
			t.Errorf("%s is said to be down", s.Name)
		}
	}
}

func TestTCP_ClockAnHourAhead(t *testing.T) {
	c := newOverTCP(t, nodetest.Three(1, 1))
	cl := c.client("mac", client.Options{Now: func() time.Time { return time.Now().Add(time.Hour) }})
	if _, err := cl.Put(t.Context(), []byte("l1"), []byte("v"), client.TTL(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got, err := cl.Get(t.Context(), []byte("l1")); err != nil || time.Until(time.UnixMilli(got.Expires)) > time.Minute {
		t.Errorf("get %+v, %v", got, err)
	}
}

func TestTCP_OwnerOffline(t *testing.T) {
	c := newOverTCP(t, nodetest.Three(1, 1))
	cl := c.client("mac", client.Options{Timeout: time.Minute})
	ctx := t.Context()
	if _, err := cl.Put(ctx, []byte("l1"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	c.servers["linux"].Close()
	began := time.Now()
	if _, err := cl.Get(ctx, []byte("l1")); !errors.Is(err, events.ErrOwnerOffline) {
		t.Errorf("get is %v", err)
	}
	if _, err := cl.Put(ctx, []byte("l1"), []byte("w")); !errors.Is(err, events.ErrUnknown) {
		t.Errorf("put is %v", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v to notice that nobody listens", took)
	}
	if _, err := cl.Put(ctx, []byte("m1"), []byte("w")); err != nil {
		t.Errorf("put on another node: %v", err)
	}
	c.start("linux")
	if got, err := cl.Get(ctx, []byte("l1")); err != nil || string(got.Value) != "v" {
		t.Errorf("the owner is back, get is %+v, %v", got, err)
	}
}

func TestTCP_EntryNodeGone(t *testing.T) {
	c := newOverTCP(t, nodetest.Three(1, 1))
	cl := c.client("mac", client.Options{Timeout: 500 * time.Millisecond})
	ctx := t.Context()
	if _, err := cl.Put(ctx, []byte("l1"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	c.servers["mac"].Close()
	if _, err := cl.Get(ctx, []byte("l1")); !errors.Is(err, events.ErrUnreachable) && !errors.Is(err, events.ErrOwnerOffline) {
		t.Errorf("get is %v", err)
	}
	if _, err := client.ConnectTCP(ctx, c.peers["mac"], client.Options{}); !errors.Is(err, events.ErrUnreachable) {
		t.Errorf("connect is %v", err)
	}
	c.start("mac")
	if got, err := cl.Get(ctx, []byte("l1")); err != nil || string(got.Value) != "v" {
		t.Errorf("the entry node is back, get is %+v, %v", got, err)
	}
	for range 2 {
		if err := cl.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := cl.Get(ctx, []byte("l1")); err == nil {
		t.Error("a closed client gets")
	}
}

// behindAValve starts linux anew so that mac reaches it only after open was
// called: until then connections are taken, and nothing comes of them.
func (c *overTCP) behindAValve(timeout time.Duration) (open func()) {
	c.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	opened := make(chan struct{})
	open = sync.OnceFunc(func() { close(opened) })
	var wait sync.WaitGroup
	through := func(outer net.Conn) {
		defer outer.Close()
		<-opened
		inner, err := net.Dial("tcp", c.peers["linux"])
		if err != nil {
			return
		}
		defer inner.Close()
		wait.Go(func() { io.Copy(outer, inner); outer.Close() })
		io.Copy(inner, outer)
	}
	wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { through(conn) })
		}
	})
	c.servers["mac"].Close()
	c.startWith("mac", tcp.Options{Timeout: timeout, Peers: map[string]string{"linux": l.Addr().String(), "android": c.peers["android"]}})
	c.t.Cleanup(func() { open(); l.Close(); c.servers["mac"].Close(); wait.Wait() })
	return open
}

// A client that waits longer than the node in between usually does is waited
// for there as well; others are told in the usual time.
func TestTCP_LongTimeout(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newOverTCP(t, nodetest.Three(1, 1))
	if _, err := c.client("linux", client.Options{}).Put(t.Context(), []byte("l1"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	open := c.behindAValve(200 * time.Millisecond)
	cl := c.client("mac", client.Options{Timeout: 20 * time.Second})
	var asked sync.WaitGroup
	asked.Go(func() {
		if got, err := cl.Get(t.Context(), []byte("l1")); err != nil || string(got.Value) != "v" {
			t.Errorf("get is %+v, %v", got, err)
		}
	})
	asked.Go(func() {
		if _, err := cl.Put(t.Context(), []byte("l2"), []byte("w")); err != nil {
			t.Errorf("put is %v", err)
		}
	})
	redis, err := net.Dial("tcp", c.peers["mac"])
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	replies := bufio.NewReader(redis)
	for range 2 { // the usual time is over twice before the owner answers
		if _, err := io.WriteString(redis, "GET l1\r\n"); err != nil {
			t.Fatal(err)
		}
		if reply, err := replies.ReadString('\n'); err != nil || !strings.HasPrefix(reply, "-OWNEROFFLINE linux ") {
			t.Errorf("over Redis it is %q, %v", reply, err)
		}
	}
	open()
	asked.Wait()
}

// Whatever the timeout, an owner that hangs is named, in time, and the
// connection to the node in between serves on.
func TestTCP_OwnerHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	for _, timeout := range []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, 1500 * time.Millisecond} {
		c := newOverTCP(t, nodetest.Three(1, 1))
		c.behindAValve(300 * time.Millisecond)
		cl := c.client("mac", client.Options{Timeout: timeout})
		for op, ask := range map[string]func() error{
			"get": func() error { _, err := cl.Get(t.Context(), []byte("l1")); return err },
			"put": func() error { _, err := cl.Put(t.Context(), []byte("l1"), nil); return err },
		} {
			want := map[string]error{"get": events.ErrOwnerOffline, "put": events.ErrUnknown}[op]
			began := time.Now()
			err := ask()
			if !errors.Is(err, want) || !strings.Contains(err.Error(), "linux did not answer") {
				t.Errorf("within %v %s is %v", timeout, op, err)
			}
			if took := time.Since(began); took > timeout+5*time.Second || timeout > time.Second && took < timeout*3/4 {
				t.Errorf("within %v %s took %v", timeout, op, took)
			}
		}
		if _, err := cl.Put(t.Context(), []byte("m1"), []byte("v")); err != nil && timeout > 100*time.Millisecond {
			t.Errorf("within %v another node's key: %v", timeout, err)
		}
	}
}

// A server that is no node is told from one, in time.
func TestTCP_NotANode(t *testing.T) {
	for name, answer := range map[string]string{"silent": "", "no node": "-ERR unknown command 'DHT'\r\n", "another protocol": "HTTP/1.1 400 Bad Request\r\n\r\n"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = conn.Write([]byte(answer))
			_, _ = conn.Read(make([]byte, 1<<10))
			_, _ = conn.Read(make([]byte, 1<<10))
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if _, err := client.ConnectTCP(ctx, l.Addr().String(), client.Options{Timeout: 300 * time.Millisecond}); !errors.Is(err, events.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		l.Close()
		<-done
	}
}

// A connection may end between a read and its reply: the read is sent once more, on a
// new one. What writes is not: it may have been done.
func TestTCP_ReadsAreSentAgain(t *testing.T) {
	c := newOverTCP(t, nodetest.Three(1, 1))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() { cutOff(l, c.peers["mac"], 0, 2, 3, 4) })
	defer wait.Wait()
	defer l.Close()
	cl, err := client.ConnectTCP(t.Context(), l.Addr().String(), client.Options{})
	if err != nil { // connection 0 is that of the first question, 2 to 4 those of the get
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := cl.Get(t.Context(), []byte("l1")); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("a get whose connections were cut off: %v", err)
	}
}

// cutOff leads connections to addr, but some only up to the first request.
func cutOff(l net.Listener, addr string, some ...int) {
	var wait sync.WaitGroup
	defer wait.Wait()
	for i := 0; ; i++ {
		outer, err := l.Accept()
		if err != nil {
			return
		}
		if slices.Contains(some, i) {
			_, _ = outer.Read(make([]byte, 1))
			_ = outer.Close()
			continue
		}
		wait.Go(func() {
			defer outer.Close()
			inner, err := net.Dial("tcp", addr)
			if err != nil {
				return
			}
			defer inner.Close()
			wait.Go(func() { _, _ = io.Copy(inner, outer); _ = inner.Close() })
			_, _ = io.Copy(outer, inner)
		})
	}
}
