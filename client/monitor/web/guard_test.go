package web_test

import (
	"net/http"
	"strings"
	"testing"

	"dht/events"
)

func TestServer_OnlyItsOwnPages(t *testing.T) {
	p := newCluster(t).page()
	own := strings.TrimSuffix(p.URL(), "/")
	port := own[strings.LastIndex(own, ":"):]
	for _, tt := range []struct {
		what, method, path string
		headers            []string
		refused            bool
	}{
		{"curl writes", "PUT", "/v1/keys/k", nil, false},
		{"our page writes", "PUT", "/v1/keys/k", []string{"Sec-Fetch-Site", "same-origin", "Origin", own}, false},
		{"an old browser's our page", "PUT", "/v1/keys/k", []string{"Origin", own}, false},
		{"typed by a person", "GET", "/v1/keys/k", []string{"Sec-Fetch-Site", "none"}, false},
		{"a link elsewhere to the page", "GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, false},
		{"by name", "GET", "/v1/keys/k", []string{"Host", "localhost" + port}, false},
		{"by IPv6", "GET", "/v1/keys/k", []string{"Host", "[::1]" + port}, false},
		{"through a tunnel", "GET", "/v1/keys/k", []string{"Host", "localhost:9999"}, false},
		{"without a port", "GET", "/v1/keys/k", []string{"Host", "127.0.0.1"}, false},

		{"a page from elsewhere writes", "PUT", "/v1/keys/k", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, true},
		{"the port next door writes", "DELETE", "/v1/keys/k", []string{"Sec-Fetch-Site", "same-site"}, true},
		{"an old browser's page from elsewhere", "PUT", "/v1/keys/k", []string{"Origin", "https://evil.example"}, true},
		{"a page without an origin", "PUT", "/v1/keys/k", []string{"Origin", "null"}, true},
		{"a page from elsewhere reads", "GET", "/v1/keys/k", []string{"Sec-Fetch-Site", "cross-site"}, true},
		{"the port next door looks on", "GET", "/v1/events", []string{"Sec-Fetch-Site", "same-site"}, true},
		{"a name rebound to us", "GET", "/v1/keys/k", []string{"Host", "evil.example" + port}, true},
		{"that begins like ours", "GET", "/", []string{"Host", "localhost.evil.example" + port}, true},
		{"or like an address", "GET", "/", []string{"Host", "127.0.0.1.evil.example"}, true},
		{"another address", "GET", "/healthz", []string{"Host", "10.0.0.1" + port}, true},
	} {
		g := p.ask(tt.method, tt.path, []byte("v"), tt.headers...)
		if refused := g.status == http.StatusForbidden; refused != tt.refused || refused && g.code() != events.ErrRefused {
			t.Errorf("%s: %d %s", tt.what, g.status, g.body)
		}
		for _, header := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Methods"} {
			if g.header.Get(header) != "" {
				t.Errorf("%s: %s is %q", tt.what, header, g.header.Get(header))
			}
		}
	}
	if g := p.ask("GET", "/v1/keys/k", nil); string(g.body) != "v" {
		t.Errorf("after all that the value is %q", g.body)
	}
}

// Beyond this machine, browsers say less, and names are as many as there are
// networks: none of them may be one that somebody else can register.
func TestServer_BeyondThisMachine(t *testing.T) {
	p := listenOn(t, "0.0.0.0:0")
	for _, tt := range []struct {
		path, host, origin string
		refused            bool
	}{
		{"/v1/status", "192.168.1.5:8401", "", false},
		{"/v1/status", "[fe80::1]:8401", "", false},
		{"/v1/status", "linux:8401", "", false},
		{"/v1/status", "Linux.Local", "", false},
		{"/v1/status", "dht-0.dht.default.svc.cluster.local", "", false},
		{"/v1/status", "linux", "http://linux", false},
		{"/healthz", "linux.example.com", "", false},
		{"/metrics", "linux.example.com:8401", "", false},

		{"/v1/status", "rebound.example.com:8401", "", true},
		{"/", "local.example.com", "", true},
		{"/nats/varz", "192.168.1.5.example.com", "", true},
		{"/v1/events", "192.168.1.5:8401", "http://evil.example.com", true},
		{"/v1/status", "192.168.1.5:8401", "http://192.168.1.5:9999", true},
		{"/v1/status", "192.168.1.5:8401", "null", true},
	} {
		headers := []string{"Host", tt.host}
		if tt.origin != "" {
			headers = append(headers, "Origin", tt.origin)
		}
		g := p.ask("GET", tt.path, nil, headers...)
		if refused := g.status == http.StatusForbidden; refused != tt.refused {
			t.Errorf("%s as %s for %q: %d %s", tt.path, tt.host, tt.origin, g.status, g.body)
		}
	}
}

func TestServer_Assets(t *testing.T) {
	p := newCluster(t).page()
	g := p.ask("GET", "/", nil)
	if g.status != http.StatusOK || !strings.HasPrefix(g.header.Get("Content-Type"), "text/html") || !strings.HasPrefix(string(g.body), "<!doctype html>") {
		t.Errorf("the page: %d %v %.60s", g.status, g.header, g.body)
	}
	want := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if policy := g.header.Get("Content-Security-Policy"); policy != want {
		t.Errorf("its policy is %s", policy)
	}
	tag := g.header.Get("ETag")
	if again := p.ask("GET", "/", nil, "If-None-Match", tag); tag == "" || again.status != http.StatusNotModified || len(again.body) > 0 {
		t.Errorf("with the tag %s: %d, %d bytes", tag, again.status, len(again.body))
	}
	if direct := p.ask("HEAD", "/assets/index.html", nil); direct.status != http.StatusOK || direct.header.Get("ETag") != tag {
		t.Errorf("below /assets/: %d %v", direct.status, direct.header)
	}
}

func TestServer_NATS(t *testing.T) {
	p := newCluster(t).page()
	var varz struct {
		Connections int `json:"connections"`
	}
	p.ask("GET", "/nats/varz", nil).json(t, &varz)
	if varz.Connections != 7 {
		t.Errorf("varz counts %d connections, not two of each of three nodes, and the page's", varz.Connections)
	}
	var connz struct {
		Limit       int              `json:"limit"`
		Connections []map[string]any `json:"connections"`
	}
	p.ask("GET", "/nats/connz?limit=1&auth=1", nil).json(t, &connz)
	if connz.Limit != 1 || len(connz.Connections) != 1 || connz.Connections[0]["authorized_user"] != nil || connz.Connections[0]["account"] != nil {
		t.Errorf("connz: %+v", connz)
	}
	if g := p.ask("GET", "/nats/connz?subs=<script>", nil); g.status != http.StatusBadRequest || !strings.HasPrefix(g.header.Get("Content-Type"), "text/plain") {
		t.Errorf("a mistake in a parameter: %d %v", g.status, g.header)
	}
	for _, path := range []string{"/nats/varz", "/nats/connz", "/nats/routez"} {
		if g := p.ask("GET", path, nil); g.status != http.StatusOK || g.header.Get("Content-Type") != "application/json" || g.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", path, g.status, g.header)
		}
	}
}
