package web_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dht/client"
	"dht/client/monitor/web"
	"dht/events"
)

func everyByte() (b []byte) {
	for i := range 256 {
		b = append(b, byte(i))
	}
	return b
}

func TestKeys_AnyBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	p := newCluster(t).page()
	value := everyByte()
	for _, key := range []string{"a", "eu/berlin", "a//b/", "/", ".", "..", "../..", "%", "%2F", "+", " ", "?q=1#f", "é", "\x00", "\xff\xfe",
		`<script>alert("x")</script>`, "\r\nSet-Cookie: x=1", strings.Repeat("k", events.MaxKey), strings.Repeat("\xff", events.MaxKey)} {
		path := "/v1/keys/" + escape(key)
		var wrote client.WriteReport
		if g := p.ask("PUT", path, value); g.status != http.StatusOK {
			t.Fatalf("put %q: %d %s", key, g.status, g.body)
		} else if g.json(t, &wrote); wrote.Status != events.StatusStored || len(wrote.Answers) != 3 || !same(wrote.KeyText, key) {
			t.Errorf("put %q answers %s", key, g.body)
		}
		for _, way := range []string{path, "/v1/keys/?key64=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(key)))} {
			if g := p.ask("GET", way, nil); g.status != http.StatusOK || !bytes.Equal(g.body, value) {
				t.Errorf("get %q by %s: %d %q", key, way, g.status, g.body)
			}
		}
		if g := p.ask("HEAD", path, nil); g.status != http.StatusOK || len(g.body) > 0 || g.header.Get("Content-Length") != strconv.Itoa(len(value)) {
			t.Errorf("head %q: %d, %s bytes", key, g.status, g.header.Get("Content-Length"))
		}
		var explanation client.ExplainReport
		if p.ask("GET", "/v1/explain/"+escape(key), nil).json(t, &explanation); len(explanation.Rules) != 3 || !same(explanation.KeyText, key) || explanation.Source != client.FromCluster {
			t.Errorf("explain %q answers %+v", key, explanation)
		}
		if g := p.ask("DELETE", path, nil); g.status != http.StatusOK {
			t.Errorf("delete %q: %d %s", key, g.status, g.body)
		}
		if g := p.ask("GET", path, nil); g.status != http.StatusNotFound || g.code() != events.ErrNotFound {
			t.Errorf("get %q after the delete: %d %s", key, g.status, g.body)
		}
	}
}

func same(got client.KeyText, want string) bool { return got.Key+string(got.Key64) == want }

func TestKeys_PlainPathsWork(t *testing.T) {
	p := newCluster(t).page()
	p.ask("PUT", "/v1/keys/eu/berlin", []byte("1"))
	if g := p.ask("GET", "/v1/keys/eu%2Fberlin", nil); string(g.body) != "1" {
		t.Errorf("a slash as itself is not the same key: %d %s", g.status, g.body)
	}
}

func TestKeys_Headers(t *testing.T) {
	p := newCluster(t).page()
	before := time.Now().Add(time.Hour).UnixMilli()
	p.ask("PUT", "/v1/keys/lamp?ttl=1h", []byte("<script>alert(1)</script>"))
	g := p.ask("GET", "/v1/keys/lamp", nil)
	if expires, err := strconv.ParseInt(g.header.Get("Dht-Expires"), 10, 64); err != nil || expires < before || expires > before+10_000 {
		t.Errorf("it expires %q, after %d", g.header.Get("Dht-Expires"), before)
	}
	if _, err := events.ParseVersion([]byte(g.header.Get("Dht-Version"))); err != nil || g.header.Get("Dht-Node") != "linux" {
		t.Errorf("node %q, version %q: %v", g.header.Get("Dht-Node"), g.header.Get("Dht-Version"), err)
	}
	for name, want := range map[string]string{
		"Content-Type":            "application/octet-stream",
		"Content-Disposition":     "attachment",
		"X-Content-Type-Options":  "nosniff",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
		"Cache-Control":           "no-store",
	} {
		if g.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, g.header.Get(name), want)
		}
	}
	p.ask("PUT", "/v1/keys/lamp", nil)
	if g := p.ask("GET", "/v1/keys/lamp", nil); g.status != http.StatusOK || len(g.body) != 0 || g.header.Get("Dht-Expires") != "" {
		t.Errorf("an empty value that never expires: %d %q %v", g.status, g.body, g.header)
	}
}

func TestKeys_Mistakes(t *testing.T) {
	p := newCluster(t).page()
	for _, tt := range []struct {
		method, path string
		status       int
		code         events.Code
	}{
		{"GET", "/v1/keys/", 400, events.ErrBadRequest},
		{"PUT", "/v1/keys/" + strings.Repeat("k", events.MaxKey+1), 400, events.ErrBadRequest},
		{"GET", "/v1/keys/?key64=!", 400, events.ErrBadRequest},
		{"PUT", "/v1/keys/k?ttl=soon", 400, events.ErrBadRequest},
		{"PUT", "/v1/keys/k?ttl=-1s", 400, events.ErrBadRequest},
		{"PUT", "/v1/keys/k?tll=1h", 400, events.ErrBadRequest},
		{"GET", "/v1/keys/k?ttl=1h", 400, events.ErrBadRequest},
		{"DELETE", "/v1/keys/k?force=1", 400, events.ErrBadRequest},
		{"POST", "/v1/keys/k", 405, events.ErrBadRequest},
		{"POST", "/v1/explain/k", 405, events.ErrBadRequest},
		{"GET", "/v1/keys?limit=none", 400, events.ErrBadRequest},
		{"GET", "/v1/keys?node=toaster", 400, events.ErrBadRequest},
		{"GET", "/v1/status?now", 400, events.ErrBadRequest},
		{"GET", "/v1/events?x=1", 400, events.ErrBadRequest},
		{"GET", "/v1/nothing", 404, ""},
		{"POST", "/v1/status", 405, ""},
		{"GET", "/assets/", 404, ""},
		{"GET", "/nats/jsz", 404, ""},
	} {
		g := p.ask(tt.method, tt.path, nil)
		if g.status != tt.status || g.code() != tt.code {
			t.Errorf("%s %.40s: %d %s, want %d %s", tt.method, tt.path, g.status, g.body, tt.status, tt.code)
		}
		if g.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(g.header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s %.40s: not hardened: %v", tt.method, tt.path, g.header)
		}
	}
}

// unread is a body that is too large to be sent.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("a value that is too large is read")
	return 0, io.EOF
}

func TestKeys_TooLarge(t *testing.T) {
	p := newCluster(t).page()
	largest := bytes.Repeat([]byte("v"), events.MaxValue)
	if g := p.ask("PUT", "/v1/keys/k", largest); g.status != http.StatusOK {
		t.Errorf("the largest value: %d %s", g.status, g.body)
	}
	if g := p.ask("GET", "/v1/keys/k", nil); !bytes.Equal(g.body, largest) {
		t.Errorf("the largest value comes back as %d bytes", len(g.body))
	}
	p.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute // without a word, the body stays here
	for name, body := range map[string]io.Reader{"announced": unread{t}, "not announced": bytes.NewReader(append(largest, 'v'))} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), "PUT", p.URL()+"v1/keys/k", io.NopCloser(body))
			must(t, err)
			if name == "announced" {
				r.ContentLength = 1 << 40
				r.Header.Set("Expect", "100-continue")
			}
			response, err := p.Do(r)
			must(t, err)
			defer response.Body.Close()
			answer, err := io.ReadAll(response.Body)
			must(t, err)
			g := got{response.StatusCode, response.Header, answer}
			if g.status != http.StatusRequestEntityTooLarge || g.code() != events.ErrTooLarge {
				t.Errorf("%d %s", g.status, g.body)
			}
		})
	}
}

func TestKeys_OwnerOffline(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t)
	c.timeout = 500 * time.Millisecond
	p := c.page()
	p.ask("PUT", "/v1/keys/mirror", []byte("v"))
	c.stop("mac")
	for _, tt := range []struct {
		method, path string
		status       int
		code         events.Code
	}{
		{"GET", "/v1/keys/mirror", 503, events.ErrOwnerOffline},
		{"PUT", "/v1/keys/mirror", 504, events.ErrUnknown},
		{"DELETE", "/v1/keys/mirror", 504, events.ErrUnknown},
		{"GET", "/v1/explain/mirror", 200, ""},
		{"GET", "/v1/keys?node=mac", 503, events.ErrOwnerOffline},
		{"PUT", "/v1/keys/lamp", 200, ""},
	} {
		if g := p.ask(tt.method, tt.path, nil); g.status != tt.status || g.code() != tt.code {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, g.status, g.body, tt.status, tt.code)
		}
	}
	var list web.Listing
	p.ask("GET", "/v1/keys", nil).json(t, &list)
	if len(list.Keys) != 1 || len(list.Silent) != 1 || list.Silent[0].Node != "mac" || list.Silent[0].Code != events.ErrOwnerOffline {
		t.Errorf("the listing is %+v", list)
	}
}

func TestKeys_List(t *testing.T) {
	p := newCluster(t).page()
	want := []string{"a%", "a/1", "a/2", "l/1", "l/2", "m/1", "m\xff"}
	for _, key := range want {
		p.ask("PUT", "/v1/keys/"+escape(key), []byte(key))
	}
	list := func(query string) (keys []string, more bool) {
		var list web.Listing
		p.ask("GET", "/v1/keys?"+query, nil).json(t, &list)
		for _, k := range list.Keys {
			keys = append(keys, k.Key+string(k.Key64))
		}
		return keys, list.More
	}
	var all []string
	for more, after := true, ""; more; {
		var part []string
		part, more = list("limit=3&after=" + url.QueryEscape(after))
		if len(part) == 0 || len(part) > 3 {
			t.Fatalf("behind %q: %q, more: %v", after, part, more)
		}
		all, after = append(all, part...), part[len(part)-1]
	}
	if !slices.Equal(all, want) {
		t.Errorf("page by page: %q, want %q", all, want)
	}
	if keys, more := list("prefix=l/&node=linux"); !slices.Equal(keys, []string{"l/1", "l/2"}) || more {
		t.Errorf("linux's: %q, more: %v", keys, more)
	}
	if keys, more := list("prefix=nothing"); len(keys) > 0 || more {
		t.Errorf("nothing's: %q, more: %v", keys, more)
	}
}
