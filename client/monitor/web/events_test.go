package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dht/client/monitor"
	"dht/client/monitor/web"
	"dht/events"
)

// stream is an open /v1/events.
type stream struct {
	t     *testing.T
	body  io.Closer
	lines *bufio.Scanner
}

func (p *page) stream() *stream {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	p.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", p.URL()+"v1/events", nil)
	must(p.t, err)
	response, err := p.Do(r)
	must(p.t, err)
	p.t.Cleanup(func() { response.Body.Close() })
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || kind != "text/event-stream" {
		p.t.Fatalf("/v1/events: %d %s", response.StatusCode, kind)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	return &stream{p.t, response.Body, lines}
}

// next is the next event; ok is false when the stream has ended.
func (s *stream) next() (event string, data []byte, ok bool) {
	for s.lines.Scan() {
		if rest, found := strings.CutPrefix(s.lines.Text(), "event: "); found {
			event = rest
		}
		if rest, found := strings.CutPrefix(s.lines.Text(), "data: "); found {
			return event, []byte(rest), true
		}
	}
	return "", nil, false
}

// find waits for an event of a kind that says so. Its data must be JSON.
func (s *stream) find(kind string, says ...string) string {
	s.t.Helper()
	for event, data, ok := s.next(); ok; event, data, ok = s.next() {
		if !json.Valid(data) {
			s.t.Errorf("%s is no JSON: %s", event, data)
		}
		all := event == kind
		for _, text := range says {
			all = all && strings.Contains(string(data), text)
		}
		if all {
			return string(data)
		}
	}
	s.t.Errorf("the stream ended without %s %q", kind, says)
	return ""
}

func TestEvents_StatusAndLines(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t)
	c.timeout = time.Second
	p := c.page()
	s := p.stream()
	var status web.Status
	must(t, json.Unmarshal([]byte(s.find("status")), &status))
	if status.Cluster != "three" || status.Node != "linux" || status.Tail != "" || status.Error != "" || len(status.Nodes) != 3 || !status.Nodes[2].Up {
		t.Errorf("the status is %+v", status)
	}
	// Putting goes on until the watch has begun.
	seen := make(chan string)
	go func() {
		seen <- s.find("line", `"op":"put"`, `"key":"lamp\u003cb\u003e"`, `"node":"linux","status":"stored"`, `"status":"not-stored"`)
	}()
	for again := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-again.C:
			p.ask("PUT", "/v1/keys/"+escape("lamp<b>"), []byte("on"))
			continue
		case <-seen:
			again.Stop()
		}
		break
	}
	s.find("status", `{"name":"linux","up":true,"rule":"prefix \"l\"","keys":1`)
	c.stop("mac")
	s.find("line", `"event":"down","node":"mac"`)
	s.find("status", `{"name":"mac","up":false`)
	if g := p.ask("GET", "/v1/status", nil); !strings.Contains(string(g.body), `{"name":"mac","up":false`) || g.status != http.StatusOK {
		t.Errorf("/v1/status: %d %s", g.status, g.body)
	}
}

// watchedPage is a page to which the test shows what happens: once somebody looks,
// with what comes over watching.
func watchedPage(t *testing.T) (p *page, watching <-chan func(monitor.Line) error) {
	t.Helper()
	shows := make(chan func(monitor.Line) error)
	return newCluster(t).page(func(b *web.Backend) {
		b.Watch = func(ctx context.Context, show func(monitor.Line) error) error {
			shows <- show
			<-ctx.Done()
			return nil
		}
	}), shows
}

func TestEvents_NodeGoesDownAtOnce(t *testing.T) {
	p, watching := watchedPage(t)
	s := p.stream()
	show := <-watching
	s.find("status")
	// In this test it still answers: the next look, which may come before the
	// viewer was sent, says so.
	seen := make(chan string)
	go func() { seen <- s.find("status", `{"name":"android","up":false`) }()
	for again := time.NewTicker(20 * time.Millisecond); ; {
		must(t, show(monitor.Line{Event: events.EventDown, Node: "android"}))
		select {
		case <-again.C:
			continue
		case <-seen:
			again.Stop()
		}
		break
	}
	s.find("status", `{"name":"android","up":true`)
}

func TestEvents_NothingRunsUnseen(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	var looks, watches atomic.Int64
	p := newCluster(t).page(func(b *web.Backend) {
		info := b.Info
		b.Info = func() events.Info { looks.Add(1); return info() }
		b.Watch = func(ctx context.Context, _ func(monitor.Line) error) error {
			watches.Add(1)
			<-ctx.Done()
			watches.Add(-1)
			return nil
		}
	})
	if looks.Load() > 0 || watches.Load() > 0 {
		t.Errorf("unseen: %d looks, %d watches", looks.Load(), watches.Load())
	}
	first, second := p.stream(), p.stream()
	first.find("status")
	second.find("status")
	until(t, "one watch does for two viewers", func() bool { return watches.Load() == 1 })
	first.body.Close()
	second.find("status")
	second.body.Close()
	until(t, "the watch goes on unseen", func() bool { return watches.Load() == 0 })
	p.stream().find("status")
	until(t, "the watch does not begin again", func() bool { return watches.Load() == 1 })
}

func TestEvents_WatchFails(t *testing.T) {
	p := newCluster(t).page(func(b *web.Backend) {
		b.Watch = func(context.Context, func(monitor.Line) error) error { return errors.New("the bus is gone") }
	})
	p.stream().find("lost", "the bus is gone")
}

func TestEvents_WithoutBus(t *testing.T) {
	p := newCluster(t).page(func(b *web.Backend) { b.Watch, b.NATS = nil, nil })
	p.stream().find("status", `"tail":"the live tail comes over the bus`)
	if g := p.ask("GET", "/nats/varz", nil); g.status != http.StatusNotFound || g.code() != events.ErrNotFound {
		t.Errorf("/nats/varz: %d %s", g.status, g.body)
	}
}

// A viewer that does not read holds up nobody, and is shown what it missed.
func TestEvents_SlowViewer(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	p, watching := watchedPage(t)
	slow := p.stream()
	show := <-watching
	brisk := p.stream()
	got := make(chan string)
	go func() { got <- brisk.find("line", `"key":"the last one"`) }()
	happening := monitor.Line{Time: time.Now(), Event: events.EventMerge, Node: "mac", Detail: strings.Repeat("d", 10_000)}
	for range 1500 { // far more than queues hold: it ends although one viewer takes nothing
		must(t, show(happening))
	}
	for delivered := false; !delivered; {
		must(t, show(monitor.Line{Time: time.Now(), Event: events.EventMerge, Node: "mac", Key: []byte("the last one")}))
		select {
		case <-got:
			delivered = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	slow.findLoss(1)
}

// findLoss waits until at least so many lines are said to be lost.
func (s *stream) findLoss(atLeast int64) {
	s.t.Helper()
	for lost := int64(0); lost < atLeast; {
		var loss struct {
			Lost   int64
			Detail string
		}
		must(s.t, json.Unmarshal([]byte(s.find("lost")), &loss))
		if loss.Lost < 1 || loss.Detail != "more than this page can show" {
			s.t.Fatalf("the loss is %+v", loss)
		}
		lost += loss.Lost
	}
}

// More requests than anybody reads are counted rather than shown, though the
// viewer is fast; what happens to nodes is always shown.
func TestEvents_FastBus(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	p, watching := watchedPage(t)
	s := p.stream()
	show := <-watching
	for range 5000 {
		must(t, show(monitor.Line{Time: time.Now(), Subject: "dht.get", Op: events.OpGet, Key: []byte("k")}))
	}
	s.findLoss(5000 - 3*500) // in three seconds, at the slowest
	must(t, show(monitor.Line{Time: time.Now(), Event: events.EventDown, Node: "mac"}))
	s.find("line", `"event":"down"`)
}

func TestEvents_TooManyViewers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	p := newCluster(t).page()
	for range 100 {
		p.stream()
	}
	g := p.ask("GET", "/v1/events", nil)
	if g.status != http.StatusServiceUnavailable || g.code() != events.ErrBusy || g.header.Get("Retry-After") != "1" {
		t.Errorf("one more than there may be: %d %s", g.status, g.body)
	}
}

// Closing ends streams that would never end, and one that nobody reads.
func TestEvents_CloseIsFast(t *testing.T) {
	p := newCluster(t).page()
	for range 3 {
		p.stream().find("status")
	}
	deaf, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(p.URL(), "http://"), "/"))
	must(t, err)
	defer deaf.Close()
	fmt.Fprint(deaf, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	last := p.stream()
	begun := time.Now()
	must(t, p.Close())
	if took := time.Since(begun); took > 800*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	for ok := true; ok; {
		_, _, ok = last.next()
	}
}

func TestEvents_HeadEnds(t *testing.T) {
	p := newCluster(t).page()
	if g := p.ask("HEAD", "/v1/events", nil); g.status != http.StatusOK || g.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%d %v", g.status, g.header)
	}
	if g := p.ask("GET", "/healthz", nil); g.status != http.StatusOK {
		t.Errorf("on the same connection: %d", g.status)
	}
}
