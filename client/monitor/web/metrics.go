package web

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"dht/events"
)

// metrics collects what a node says of itself. A key is never a label: there is
// no end of them.
type metrics struct{ info func() events.Info }

var _ prometheus.Collector = metrics{}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("dht_"+name, help, labels, nil)
}

var (
	descRequests = describe("requests_total",
		"Requests answered, by operation and by what was answered.", "op", "status")
	descDuration = describe("request_duration_seconds",
		"Time from request to answer, of requests that this node carried out.", "op")
	descKeys      = describe("keys", "Live keys held.")
	descMisplaced = describe("misplaced_keys", "Live keys held that belong to other nodes by the rules.")
	descBytes     = describe("store_bytes", "Bytes of the keys and values held.")
	descPeers     = describe("peers",
		"Connections to other nodes and to NATS servers, by path and state.", "path", "state")
	descRule  = describe("rule_info", "The node's placement rule.", "cluster", "node", "rule")
	descBuild = describe("build_info", "What the program was built from.", "version")
	descStart = describe("start_time_seconds", "When the node started, in seconds since 1970.")
)

// metricsHandler serves them from a registry of its own, together with Go's and
// the process's.
func metricsHandler(info func() events.Info) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{metrics{info}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}), nil
}

// Describe names every metric.
func (m metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRequests, descDuration, descKeys, descMisplaced,
		descBytes, descPeers, descRule, descBuild, descStart} {
		out <- d
	}
}

// Collect measures the node as it is now.
func (m metrics) Collect(out chan<- prometheus.Metric) {
	info := m.info()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(descKeys, float64(info.Keys))
	gauge(descMisplaced, float64(info.Misplaced))
	gauge(descBytes, float64(info.Bytes))
	gauge(descStart, float64(info.Started.UnixMilli())/1000)
	gauge(descRule, 1, info.Cluster.Name, info.Node, info.Rule)
	gauge(descBuild, 1, info.Build)
	for path, states := range countLinks(info.Links) {
		for state, n := range states {
			gauge(descPeers, float64(n), string(path), string(state))
		}
	}
	for op, counts := range info.Requests {
		for status, n := range counts {
			out <- prometheus.MustNewConstMetric(descRequests, prometheus.CounterValue, float64(n),
				string(op), string(status))
		}
	}
	for op, h := range info.Took {
		out <- prometheus.MustNewConstHistogram(descDuration, uint64(h.Count()), float64(h.SumNS)/1e9,
			bucketsOf(h), string(op))
	}
}

// countLinks counts by path and state; a state in which there is none counts 0,
// so that an alert can rest on it.
func countLinks(links []events.Link) map[events.LinkPath]map[events.LinkState]int {
	counts := map[events.LinkPath]map[events.LinkState]int{}
	for _, l := range links {
		if counts[l.Path] == nil {
			counts[l.Path] = map[events.LinkState]int{events.LinkUp: 0, events.LinkDown: 0, events.LinkIdle: 0}
		}
		counts[l.Path][l.State]++
	}
	return counts
}

// Every fourth bucket goes out, two octaves each, from 4 µs to 17 s: a series is
// kept of each, for each operation of each node.
const (
	firstBucket = 8
	nextBucket  = 4
)

// bucketsOf counts, for each bound in seconds, what stayed below it.
func bucketsOf(h events.Histogram) map[float64]uint64 {
	buckets, below := map[float64]uint64{}, uint64(0)
	for i := range events.Buckets - 1 {
		if i < len(h.Counts) {
			below += uint64(h.Counts[i])
		}
		if i >= firstBucket && (i-firstBucket)%nextBucket == 0 {
			buckets[events.BucketBound(i).Seconds()] = below
		}
	}
	return buckets
}
