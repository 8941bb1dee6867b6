package web

import (
	"fmt"
	"net"
	"net/http"
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
	if s.loopback && !loopbackHost(r.Host) {
		return fmt.Errorf("%w: this server is not %q: a name that leads to it by way of DNS may belong to anybody; use localhost", events.ErrRefused, r.Host)
	}
	if err := s.foreign.Check(r); err != nil {
		return fmt.Errorf("%w: %w", events.ErrRefused, err)
	}
	site := r.Header.Get("Sec-Fetch-Site")
	if strings.HasPrefix(r.URL.Path, "/v1/") && (site == "cross-site" || site == "same-site") {
		return fmt.Errorf("%w: the API is for this server's own page, not for pages from elsewhere", events.ErrRefused)
	}
	return nil
}

// loopbackHost reports whether a Host header names this machine, whatever DNS
// says.
func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
