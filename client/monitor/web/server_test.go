package web_test

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"dht/client/monitor/web"
	"dht/events"
)

func TestServer_Ready(t *testing.T) {
	p := listen(t)
	health := func(want int, word string) {
		t.Helper()
		if g := p.ask("GET", "/healthz", nil); g.status != http.StatusOK || string(g.body) != "ok\n" {
			t.Errorf("/healthz: %d %s", g.status, g.body)
		}
		if g := p.ask("GET", "/readyz", nil); g.status != want || !strings.Contains(string(g.body), word) {
			t.Errorf("/readyz: %d %s, want %d %s", g.status, g.body, want, word)
		}
	}
	health(503, "starting")
	if g := p.ask("GET", "/v1/status", nil); g.status != http.StatusServiceUnavailable || g.code() != events.ErrUnreachable {
		t.Errorf("/v1/status while the node starts: %d %s", g.status, g.body)
	}
	var trouble error
	must(t, p.Serve(web.Backend{Ready: func() error { return trouble }, Info: func() events.Info { return events.Info{} }}))
	health(200, "ready")
	trouble = errors.New("the disk is gone")
	health(503, "the disk is gone")
	trouble = nil
	health(200, "ready")
}

func TestListen_TakenAddress(t *testing.T) {
	taken := listen(t)
	addr := strings.TrimSuffix(strings.TrimPrefix(taken.URL(), "http://"), "/")
	if _, err := web.Listen(addr, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("listening twice: %v", err)
	}
}

// A browser opens connections ahead of need: closing does not wait for them.
func TestServer_CloseIsFast(t *testing.T) {
	p := listen(t)
	for range 3 {
		conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(p.URL(), "http://"), "/"))
		must(t, err)
		defer conn.Close()
	}
	p.ask("GET", "/healthz", nil) // the ones before it were accepted, then
	begun := time.Now()
	must(t, p.Close())
	if took := time.Since(begun); took > 500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	must(t, p.Close())
	if _, err := p.Get(p.URL() + "healthz"); err == nil {
		t.Error("a closed server answers")
	}
}

func TestMetrics(t *testing.T) {
	c := newCluster(t)
	p := c.page(func(b *web.Backend) {
		b.Info = func() events.Info {
			info := c.nodes["linux"].Info()
			info.Links = []events.Link{{To: "mac", Path: events.PathRoute, State: events.LinkUp}, {To: "android", Path: events.PathRoute, State: events.LinkDown}}
			return info
		}
	})
	p.ask("PUT", "/v1/keys/lamp", []byte("on"))
	p.ask("GET", "/v1/keys/lamp", nil)
	p.ask("GET", "/v1/keys/lost", nil)
	p.ask("GET", "/v1/keys/mirror", nil)
	text := string(p.ask("GET", "/metrics", nil).body)

	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	must(t, err)
	for _, name := range []string{"go_goroutines", "process_start_time_seconds", "dht_misplaced_keys", "dht_store_bytes"} {
		if families[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
	started := families["dht_start_time_seconds"].GetMetric()[0].GetGauge().GetValue()
	if age := time.Since(time.UnixMilli(int64(started * 1000))); age < 0 || age > time.Minute {
		t.Errorf("it started %v ago", age)
	}
	for _, line := range []string{
		`dht_requests_total{op="put",status="stored"} 1`,
		`dht_requests_total{op="get",status="found"} 1`,
		`dht_requests_total{op="get",status="absent"} 1`,
		`dht_requests_total{op="get",status="not-stored"} 1`,
		`dht_request_duration_seconds_count{op="get"} 2`,
		`dht_request_duration_seconds_bucket{op="put",le="+Inf"} 1`,
		`dht_keys 1`,
		`dht_peers{path="route",state="up"} 1`,
		`dht_peers{path="route",state="down"} 1`,
		`dht_peers{path="route",state="idle"} 0`,
		`dht_rule_info{cluster="three",node="linux",rule="prefix \"l\""} 1`,
		`dht_build_info{version="test"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no %s in\n%s", line, text)
		}
	}
	if strings.Contains(text, "lamp") {
		t.Error("a key is a label")
	}
	if buckets := families["dht_request_duration_seconds"].GetMetric()[0].GetHistogram().GetBucket(); len(buckets) > 15 {
		t.Errorf("%d buckets an operation", len(buckets))
	}
}
