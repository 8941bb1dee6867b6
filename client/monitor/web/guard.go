package web

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"dht/events"
)

const (
	// pagePolicy lets the page run its own script and style, and nothing else.
	pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	// dataPolicy lets nothing run: a stored value may be a page.
	dataPolicy = "default-src 'none'; frame-ancestors 'none'; sandbox"
)

// harden sets what every response says to browsers.
func harden(h http.Header) {
	h.Set("Content-Security-Policy", dataPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// admit refuses what a browser sends for a page that is not ours.
func (s *Server) admit(r *http.Request) error {
	if !s.ours(r.Host) && (s.loopback || !forMachines(r.URL.Path)) {
		return fmt.Errorf("%w: this server is not %q: a name that leads to it by way of DNS may belong to anybody; %s",
			events.ErrRefused, r.Host, s.instead())
	}
	if err := s.foreign.Check(r); err != nil {
		return fmt.Errorf("%w: %w", events.ErrRefused, err)
	}
	if strings.HasPrefix(r.URL.Path, "/v1/") && fromElsewhere(r) {
		return fmt.Errorf("%w: the API is for this server's own page, not for pages from elsewhere", events.ErrRefused)
	}
	return nil
}

// ours reports whether a Host header names this server whatever DNS says: a page
// whose name is made to lead here would count as of the same origin. Browsers
// always send one.
func (s *Server) ours(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	switch {
	case host == "" || strings.EqualFold(host, s.name) || strings.EqualFold(host, "localhost"):
		return true
	case s.loopback:
		return ip != nil && ip.IsLoopback()
	}
	return ip != nil || notPublic(strings.ToLower(host))
}

// notPublic reports whether nobody can register the name.
func notPublic(name string) bool {
	reserved := func(end string) bool { return strings.HasSuffix(name, end) }
	return !strings.Contains(name, ".") ||
		slices.ContainsFunc([]string{".local", ".localhost", ".internal", ".home.arpa", ".lan"}, reserved)
}

// instead is what to do about a name that is not ours.
func (s *Server) instead() string {
	if s.loopback {
		return "use localhost"
	}
	return "use the address, or give http that name in the cluster file"
}

// forMachines is what supervisors and Prometheus ask for, by any name.
func forMachines(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == "/metrics"
}

// fromElsewhere reports whether a browser says that the page which asks is not
// ours. To an address without TLS that is not this machine, it sends the Origin
// alone.
func fromElsewhere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return true
	case "":
		origin := r.Header.Get("Origin")
		page, err := url.Parse(origin)
		return origin != "" && (err != nil || page.Host != r.Host)
	}
	return false
}
