package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"dht/broker"
	"dht/client"
	"dht/client/monitor"
	"dht/client/monitor/web"
	"dht/events"
	"dht/nodes"
	"dht/nodes/bus"
	"dht/nodes/nodetest"
	"dht/nodes/placement"
	"dht/nodes/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is nodes on one bus.
type cluster struct {
	t       *testing.T
	law     events.Cluster
	broker  *broker.Broker
	nodes   map[string]*nodes.Node
	servers map[string]*bus.Server
	timeout time.Duration // of the page's client
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	return newClusterOf(t, nodetest.Three(1, 1))
}

func newClusterOf(t *testing.T, law events.Cluster) *cluster {
	t.Helper()
	b, err := broker.Open(t.Context(), broker.Options{Name: "test", Listen: "127.0.0.1:0"})
	must(t, err)
	t.Cleanup(func() { b.Close() })
	c := &cluster{t, law, b, map[string]*nodes.Node{}, map[string]*bus.Server{}, 5 * time.Second}
	var wait sync.WaitGroup
	for _, name := range []string{"linux", "mac", "android"} {
		serve := c.start(name)
		wait.Go(func() { // together: each looks for the others first
			if err := serve(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start makes a node; serve lets it answer.
func (c *cluster) start(name string) (serve func() error) {
	c.t.Helper()
	m, err := placement.New(c.law)
	must(c.t, err)
	conn, err := nats.Connect("", c.broker.InProcess())
	must(c.t, err)
	c.t.Cleanup(conn.Close)
	s := bus.New(bus.Options{Subjects: events.NewSubjects(""), Logger: slog.New(slog.DiscardHandler)})
	kept := storetest.NewMemory(time.Now)
	c.t.Cleanup(func() { kept.Close() })
	n, err := nodes.New(nodes.Options{Map: m, Name: name, Store: kept, Clock: events.NewClock(time.Now), Notify: s.Notify, Observe: s.Observe, Build: "test"})
	must(c.t, err)
	c.t.Cleanup(func() { s.Close() })
	c.nodes[name], c.servers[name] = n, s
	return func() error { return s.Serve(c.t.Context(), conn, n) }
}

// stop takes a node off the bus.
func (c *cluster) stop(name string) { must(c.t, c.servers[name].Close()) }

// page is linux's server, and a browser of it.
type page struct {
	*web.Server
	http.Client
	t *testing.T
}

func (c *cluster) page(change ...func(*web.Backend)) *page {
	c.t.Helper()
	conn, err := client.Dial(client.Options{NATS: []nats.Option{c.broker.InProcess()}})
	must(c.t, err)
	c.t.Cleanup(conn.Close)
	cl, err := client.Connect(client.Options{Conn: conn, Timeout: c.timeout})
	must(c.t, err)
	c.t.Cleanup(func() { cl.Close() })
	everything, err := monitor.NewFilter(events.NewSubjects(""), "")
	must(c.t, err)
	b := web.Backend{Client: cl, Info: c.nodes["linux"].Info, Ready: func() error { return nil }, NATS: c.broker.Monitor(),
		Watch: func(ctx context.Context, show func(monitor.Line) error) error {
			return monitor.Watch(ctx, conn, everything, 0, show)
		}}
	for _, f := range change {
		f(&b)
	}
	p := listen(c.t)
	must(c.t, p.Serve(b))
	return p
}

// listen begins a server that shows nothing yet.
func listen(t *testing.T) *page {
	t.Helper()
	return listenOn(t, "127.0.0.1:0")
}

func listenOn(t *testing.T, addr string) *page {
	t.Helper()
	s, err := web.Listen(addr, slog.New(slog.DiscardHandler))
	must(t, err)
	p := &page{Server: s, Client: http.Client{Transport: &http.Transport{}}, t: t}
	t.Cleanup(func() {
		s.Close()
		p.CloseIdleConnections()
	})
	return p
}

// got is a response that was read.
type got struct {
	status int
	header http.Header
	body   []byte
}

func (g got) json(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(g.body, v); err != nil {
		t.Fatalf("%v: %s", err, g.body)
	}
}

// code is the code of a failure.
func (g got) code() events.Code {
	var f web.Failure
	_ = json.Unmarshal(g.body, &f)
	return f.Code
}

// ask sends one request. The path is sent as it is; headers come in pairs.
func (p *page) ask(method, path string, body []byte, headers ...string) got {
	p.t.Helper()
	raw, query, _ := cut(path)
	unescaped, err := url.PathUnescape(raw)
	must(p.t, err)
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.URL(), bytes.NewReader(body))
	must(p.t, err)
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = unescaped, raw, query
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := p.Do(r)
	must(p.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	must(p.t, err)
	return got{response.StatusCode, response.Header, content}
}

func cut(path string) (raw, query string, found bool) {
	u, err := url.Parse(path)
	if err != nil {
		return path, "", false
	}
	return u.EscapedPath(), u.RawQuery, u.RawQuery != ""
}

// escape writes every byte of a key as %XX.
func escape(key string) (text string) {
	for i := range len(key) {
		text += fmt.Sprintf("%%%02X", key[i])
	}
	return text
}

// until asks again and again until a condition holds that nothing tells of.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(what)
		}
	}
}
