package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"dht/events"
)

// site is what there is to see once the node is up.
type site struct {
	Backend
	mux    *http.ServeMux
	hub    *hub
	bodies share // of values on their way in
	work   share // of requests to the API, each of which may hold a value
	broker chan struct{}
}

// mostOfBroker is how many requests may be under way to the embedded NATS server.
const mostOfBroker = 4

func newSite(b Backend, conns *connections) (*site, error) {
	s := &site{Backend: b, mux: http.NewServeMux(), bodies: newShare(forBodies, "values", conns.relieve),
		work: newShare(forWork, "requests", conns.relieve), broker: make(chan struct{}, mostOfBroker)}
	s.hub = &hub{look: s.look, watch: b.Watch, done: make(chan struct{}), viewers: map[*viewer]struct{}{}}
	if err := mountAssets(s.mux); err != nil {
		return nil, fmt.Errorf("mount the page: %w", err)
	}
	metrics, err := metricsHandler(b.Info)
	if err != nil {
		return nil, err
	}
	s.mux.Handle("GET /metrics", metrics)
	s.mux.HandleFunc("GET /v1/status", s.status)
	s.mux.HandleFunc("GET /v1/events", s.events)
	s.mux.HandleFunc("GET /v1/keys", s.list)
	s.mux.HandleFunc("/nats/", s.nats)
	return s, nil
}

// ready says why requests cannot be answered.
func (s *site) ready() error {
	if s == nil {
		return fmt.Errorf("%w: the node is starting, and not on the bus yet", events.ErrUnreachable)
	}
	return s.Ready()
}

// ServeHTTP finds keys by itself: a [http.ServeMux] takes some of them for
// folders.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	if strings.HasPrefix(path, "/v1/") {
		if refused := understood(r); refused != nil {
			refused.answer(w)
			return
		}
	}
	if key, ok := strings.CutPrefix(path, "/v1/keys/"); ok {
		s.withKey(key, s.key)(w, r)
	} else if key, ok := strings.CutPrefix(path, "/v1/explain/"); ok {
		s.withKey(key, s.explain)(w, r)
	} else {
		s.mux.ServeHTTP(w, r)
	}
}

// withKey reads the key that a path ends with.
func (s *site) withKey(escaped string, next func(http.ResponseWriter, *http.Request, []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, err := keyOf(escaped, r.URL.Query())
		if err != nil {
			fail(w, err)
			return
		}
		next(w, r, key)
	}
}

// query refuses parameters that are not known: a ttl that is misspelt must not
// be for ever.
func query(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w: query: %v", events.ErrBadRequest, err)
	}
	for name, given := range values {
		if len(given) > 1 {
			return nil, fmt.Errorf("%w: parameter %q is there %d times", events.ErrBadRequest, name, len(given))
		}
		if !slices.Contains(known, name) {
			there := "there are none"
			if len(known) > 0 {
				there = "there is " + strings.Join(known, ", ")
			}
			return nil, fmt.Errorf("%w: no parameter %q here; %s", events.ErrBadRequest, name, there)
		}
	}
	return values, nil
}

// nats hands on to the embedded NATS server.
func (s *site) nats(w http.ResponseWriter, r *http.Request) {
	if s.NATS == nil {
		fail(w, fmt.Errorf("%w: this node embeds no NATS server", events.ErrNotFound))
		return
	}
	select {
	case s.broker <- struct{}{}:
		defer func() { <-s.broker }()
		http.StripPrefix("/nats", s.NATS).ServeHTTP(w, r)
	default:
		fail(w, fmt.Errorf("%w: %d requests to the NATS server are under way", events.ErrBusy, mostOfBroker))
	}
}
