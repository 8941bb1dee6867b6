package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/nodetest"
)

// At copies = 1 a precondition is checked where the key is kept, in the step that
// writes: it holds, or nothing is done and what stands is said.
func TestKeys_Preconditions(t *testing.T) {
	p := newCluster(t).page()
	other := `"` + events.NewClock(time.Now).Next().String() + `"`
	// In the tables NOW is the tag of what stands.
	for _, tt := range []struct {
		stands  bool
		method  string
		headers string // "NAME: VALUE; …"
		status  int
	}{
		{true, "PUT", "If-None-Match: *", 412},
		{false, "PUT", "If-None-Match: *", 200},
		{true, "PUT", "If-Match: *", 200},
		{false, "PUT", "If-Match: *", 412},
		{true, "PUT", "If-Match: NOW", 200},
		{true, "PUT", "If-Match: " + other, 412},
		{false, "PUT", "If-Match: " + other, 412},
		{true, "PUT", `If-Match: "no version at all"`, 400},
		{true, "PUT", `If-Match: "no-version-at-all"`, 412},
		{true, "PUT", "If-Match: " + other + " , NOW", 200},
		{true, "PUT", "If-Match: " + other + "; If-Match: NOW", 200},
		{true, "PUT", "If-Match: W/NOW", 412}, // a weak tag is never the same
		{true, "PUT", "If-Match: W/NOW, NOW", 200},
		{true, "PUT", "If-None-Match: NOW", 412},
		{true, "PUT", "If-None-Match: W/NOW", 412},
		{true, "PUT", "If-None-Match: " + other, 200},
		{false, "PUT", "If-None-Match: " + other, 200},
		{true, "PUT", "If-None-Match: " + other + ",NOW", 412},
		{true, "PUT", "If-Match: *; If-None-Match: NOW", 412},
		{true, "PUT", "If-Match: *; If-None-Match: " + other, 200},
		{true, "PUT", "If-Match: NOW; If-None-Match: *", 412},
		{false, "PUT", "If-Match: *; If-None-Match: " + other, 412},
		{true, "PUT", "If-Match: *, NOW", 400},
		{true, "PUT", "If-Match: BARE", 400},
		{true, "PUT", "If-Match: ", 400},
		{true, "PUT", `If-Match: "x`, 400},
		{true, "PUT", `If-None-Match: "x" "y"`, 400},
		{true, "PUT", `If-None-Match: "x",`, 400},
		{true, "PUT", `If-None-Match: w/"x"`, 400},
		{true, "DELETE", "If-Match: NOW", 200},
		{true, "DELETE", "If-Match: *", 200},
		{true, "DELETE", "If-Match: " + other, 412},
		{false, "DELETE", "If-Match: *", 412},
		{true, "DELETE", "If-None-Match: *", 412},
		{false, "DELETE", "If-None-Match: *", 200},
		{false, "DELETE", "If-None-Match: " + other, 200},
		{true, "DELETE", "If-Match: BARE", 400},
		{true, "GET", "If-None-Match: NOW", 304},
		{true, "GET", "If-None-Match: W/NOW", 304},
		{true, "GET", "If-None-Match: *", 304},
		{true, "HEAD", "If-None-Match: NOW", 304},
		{true, "GET", "If-None-Match: " + other, 200},
		{true, "GET", "If-Match: NOW", 200},
		{true, "GET", "If-Match: " + other, 412},
		{false, "GET", "If-Match: " + other, 404},
		{false, "GET", "If-None-Match: *", 404},
		{true, "GET", "If-None-Match: BARE", 400},
		{true, "GET", "Range: bytes=0-0", 200}, // the whole value
		{true, "GET", "If-Modified-Since: Mon, 02 Jan 2006 15:04:05 GMT", 200},
	} {
		p.ask("DELETE", "/v1/keys/lamp", nil)
		now := `"none"`
		if tt.stands {
			now = p.ask("PUT", "/v1/keys/lamp", []byte("old")).header.Get("ETag")
		}
		bare := strings.Trim(now, `"`)
		g := p.ask(tt.method, "/v1/keys/lamp", bodyOf(tt.method), headers(strings.NewReplacer("NOW", now, "BARE", bare).Replace(tt.headers))...)
		what := fmt.Sprintf("%s with %s (something stands: %v)", tt.method, tt.headers, tt.stands)
		if g.status != tt.status {
			t.Errorf("%s: %d %s, want %d", what, g.status, g.body, tt.status)
		}
		if g.status == 412 && (tt.stands != (g.header.Get("ETag") == now) || tt.method != "HEAD" && g.code() != events.ErrRefused) {
			t.Errorf("%s: what stands is given as %q, %s", what, g.header.Get("ETag"), g.body)
		}
		if g.status == 304 && (g.header.Get("ETag") != now || len(g.body) > 0) {
			t.Errorf("%s: %v %q", what, g.header, g.body)
		}
		p.wantAfter(what, tt.method, g.status, tt.stands)
	}
}

func bodyOf(method string) []byte {
	if method == "PUT" {
		return []byte("new")
	}
	return nil
}

// headers reads "NAME: VALUE; NAME: VALUE".
func headers(text string) (pairs []string) {
	for _, line := range strings.Split(text, "; ") {
		name, value, _ := strings.Cut(line, ": ")
		pairs = append(pairs, name, value)
	}
	return pairs
}

// wantAfter checks what stands after a request was answered so.
func (p *page) wantAfter(what, method string, status int, stood bool) {
	p.t.Helper()
	want := map[bool]string{true: "old", false: ""}[stood]
	if status == 200 && method == "PUT" {
		want = "new"
	} else if status == 200 && method == "DELETE" {
		want = ""
	}
	g := p.ask("GET", "/v1/keys/lamp", nil)
	if g.status == http.StatusNotFound {
		g.body = nil
	} else if tag := g.header.Get("ETag"); tag != `"`+g.header.Get("Dht-Version")+`"` {
		p.t.Errorf("%s: the tag of what stands is %s, its version %s", what, tag, g.header.Get("Dht-Version"))
	}
	if string(g.body) != want {
		p.t.Errorf("%s: %q stands, want %q", what, g.body, want)
	}
}

// A put answers with the tag that the next one wants.
func TestKeys_TagsFollowOnAnother(t *testing.T) {
	p := newCluster(t).page()
	tag := p.ask("PUT", "/v1/keys/lamp", []byte("0"), "If-None-Match", "*").header.Get("ETag")
	for i := range 5 {
		g := p.ask("PUT", "/v1/keys/lamp?ttl=1h", []byte("v"), "If-Match", tag)
		next := g.header.Get("ETag")
		if g.status != http.StatusOK || next == tag || next == "" {
			t.Fatalf("put %d over %s: %d, %s", i, tag, g.status, next)
		}
		tag = next
	}
}

// Of many who put at once what none of them has seen, one does.
func TestKeys_PreconditionIsOneStep(t *testing.T) {
	p := newCluster(t).page()
	for _, condition := range []string{"If-None-Match: *", "If-Match: NOW", `If-Match: "x", NOW`, `If-None-Match: "x"; If-Match: NOW`} {
		p.ask("DELETE", "/v1/keys/lamp", nil)
		tag := ""
		if strings.Contains(condition, "NOW") {
			tag = p.ask("PUT", "/v1/keys/lamp", []byte("0")).header.Get("ETag")
		}
		var wait sync.WaitGroup
		var won, lost atomic.Int64
		for range 16 {
			wait.Go(func() {
				switch g := p.ask("PUT", "/v1/keys/lamp", []byte("v"), headers(strings.ReplaceAll(condition, "NOW", tag))...); g.status {
				case 200:
					won.Add(1)
				case 412:
					lost.Add(1)
				default:
					t.Errorf("%s: %d %s", condition, g.status, g.body)
				}
			})
		}
		if wait.Wait(); won.Load() != 1 || lost.Load() != 15 {
			t.Errorf("%s: %d won, %d lost", condition, won.Load(), lost.Load())
		}
	}
}

// Where a key has several owners, no step is one: it is said, nothing is done.
func TestKeys_PreconditionAtEveryMatch(t *testing.T) {
	law := nodetest.Three(1, events.EveryMatch)
	law.Nodes[1].Rule = `prefix "la"`
	p := newClusterOf(t, law).page()
	for _, condition := range []string{"If-None-Match: *", "If-Match: *", `If-None-Match: "x"`} {
		g := p.ask("PUT", "/v1/keys/lamp", []byte("v"), headers(condition)...)
		if condition == "If-Match: *" && g.status == 412 {
			continue
		}
		if g.status != http.StatusConflict || g.code() != events.ErrRefused || !strings.Contains(string(g.body), "2 nodes") {
			t.Errorf("%s: %d %s", condition, g.status, g.body)
		}
	}
	if g := p.ask("GET", "/v1/keys/lamp", nil); g.status != http.StatusNotFound {
		t.Errorf("it was put all the same: %d %s", g.status, g.body)
	}
}

// What would change what a request means, and is not known, is refused by name,
// and nothing is done.
func TestKeys_NotUnderstood(t *testing.T) {
	p := newCluster(t).page()
	p.ask("PUT", "/v1/keys/lamp", []byte("old"))
	for _, tt := range []struct {
		method, path, headers string
		status                int
		names                 string
	}{
		{"PUT", "lamp", "Content-Range: bytes 0-2/10", 400, "Content-Range"},
		{"PUT", "lamp", "Range: bytes=0-2", 400, "Range"},
		{"PUT", "lamp", "Content-Encoding: gzip", 415, "Content-Encoding"},
		{"PUT", "lamp", "Content-Encoding: identity, br", 415, "Content-Encoding"},
		{"PUT", "lamp", "Content-Encoding: identity; Content-Encoding: gzip", 415, "gzip"},
		{"PUT", "lamp", "Content-Type: multipart/form-data; boundary=x", 415, "multipart"},
		{"PUT", "lamp", "If-Unmodified-Since: Mon, 02 Jan 2006 15:04:05 GMT", 501, "If-Unmodified-Since"},
		{"DELETE", "lamp", "If-Modified-Since: Mon, 02 Jan 2006 15:04:05 GMT", 501, "If-Modified-Since"},
		{"PUT", "lamp", `If-Range: "x"`, 501, "If-Range"},
		{"PUT", "lamp", "If: (<x>)", 501, "If"},
		{"PUT", "lamp", "If-Version-Match: x", 501, "If-Version-Match"},
		{"PUT", "lamp", "Content-MD5: x", 501, "Content-Md5"},
		{"PUT", "lamp", "Content-Digest: sha-256=:x:", 501, "Content-Digest"},
		{"PUT", "lamp", "Dht-Expires: 1790000000000", 400, "Dht-Expires"},
		{"PUT", "lamp", "Dht-Version: x", 400, "Dht-Version"},
		{"PUT", "lamp", "Expires: Mon, 02 Jan 2006 15:04:05 GMT", 400, "Expires"},
		{"PUT", "lamp", "X-HTTP-Method-Override: DELETE", 400, "Method-Override"},
		{"GET", "lamp", "X-HTTP-Method-Override: DELETE", 400, "Method-Override"},
		{"PUT", "lamp", "Expect: miracles", 417, ""},
		{"PUT", "lamp?tll=1h", "", 400, "tll"},
		{"PUT", "lamp?ttl=1h&ttl=2h", "", 400, "ttl"},
		{"PUT", "lamp?ttl=1h&expires=1790000000000", "", 400, "expires"},
		{"PUT", "lamp?expires=soon", "", 400, "expires"},
		{"PUT", "lamp?expires=0", "", 400, "expires"},
		{"PUT", "lamp?key64=bGFtcA%3D%3D", "", 400, "key64"},
		{"DELETE", "lamp?key64=bGFtcA%3D%3D", "", 400, "key64"},
		{"PATCH", "lamp", "", 405, "methods"},
		{"POST", "lamp", "", 405, "methods"},
		{"MOVE", "lamp", "Destination: /v1/keys/other", 405, "methods"},
	} {
		var pairs []string
		if tt.headers != "" && strings.Contains(tt.headers, "multipart") {
			pairs = []string{"Content-Type", "multipart/form-data; boundary=x"}
		} else if tt.headers != "" {
			pairs = headers(tt.headers)
		}
		g := p.ask(tt.method, "/v1/keys/"+tt.path, bodyOf(tt.method), pairs...)
		if g.status != tt.status || !strings.Contains(string(g.body), tt.names) || tt.status != 417 && g.code() != events.ErrBadRequest {
			t.Errorf("%s %s with %s: %d %s, want %d that names %q", tt.method, tt.path, tt.headers, g.status, g.body, tt.status, tt.names)
		}
	}
	for _, method := range []string{"GET", "DELETE"} {
		if g := p.ask(method, "/v1/keys/lamp", []byte("a body")); g.status != http.StatusBadRequest {
			t.Errorf("%s with a body: %d %s", method, g.status, g.body)
		}
	}
	if g := p.ask("GET", "/v1/keys/lamp", nil); string(g.body) != "old" || g.header.Get("Dht-Expires") != "" {
		t.Errorf("after all that %q stands, until %q", g.body, g.header.Get("Dht-Expires"))
	}
	if g := p.ask("PUT", "/v1/keys/lamp", []byte("new"), "Content-Encoding", "identity", "Content-Type", "text/plain"); g.status != http.StatusOK {
		t.Errorf("as it is: %d %s", g.status, g.body)
	}
}

// raw sends bytes as they are, and returns the status line.
func (p *page) raw(request string) string {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.addr())
	must(p.t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, request)
	must(p.t, err)
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line)
}

func (p *page) addr() string { return strings.TrimSuffix(strings.TrimPrefix(p.URL(), "http://"), "/") }

func TestKeys_OddEncodings(t *testing.T) {
	p := newCluster(t).page()
	for request, want := range map[string]string{
		"Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nnew\r\n0\r\n\r\n":             "501",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": "501",
		"Content-Length: 3\r\nContent-Length: 4\r\n\r\nnew":                         "400",
		"Content-Length: -1\r\n\r\n":                                                "400",
		"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n":                            "400",
	} {
		line := p.raw("PUT /v1/keys/lamp HTTP/1.1\r\nHost: localhost\r\n" + request)
		if !strings.Contains(line, " "+want+" ") {
			t.Errorf("%q: %s, want %s", request, line, want)
		}
	}
	if g := p.ask("GET", "/v1/keys/lamp", nil); g.status != http.StatusNotFound {
		t.Errorf("after all that: %d %q", g.status, g.body)
	}
}

// A value put back keeps the moment at which it expires.
func TestKeys_Expires(t *testing.T) {
	p := newCluster(t).page()
	at := time.Now().Add(time.Hour).UnixMilli()
	if g := p.ask("PUT", fmt.Sprintf("/v1/keys/lamp?expires=%d", at), []byte("v")); g.status != http.StatusOK {
		t.Fatalf("%d %s", g.status, g.body)
	}
	if got := p.ask("GET", "/v1/keys/lamp", nil).header.Get("Dht-Expires"); got != fmt.Sprint(at) {
		t.Errorf("it expires at %s, want %d", got, at)
	}
}
