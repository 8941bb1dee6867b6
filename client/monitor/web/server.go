package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"dht/client"
	"dht/client/monitor"
	"dht/events"
)

// Backend is what a server shows.
type Backend struct {
	Client *client.Client
	Info   func() events.Info // of the node beside it, for metrics
	Ready  func() error       // why requests cannot be answered; nil when they can
	NATS   http.Handler       // /varz, /connz, /routez of the embedded server; nil: there is none
	// Pages is where each node serves this page, by its name: when one is down the
	// others' are offered.
	Pages map[string]string
	// Watch calls show with what goes over the bus, until ctx ends; only while
	// somebody looks. nil: there is no bus.
	Watch func(ctx context.Context, show func(monitor.Line) error) error
}

// Server listens from [Listen] until Close. Safe for concurrent use.
type Server struct {
	listener net.Listener
	name     string // of this machine, as given to listen on
	loopback bool   // only this machine reaches it
	http     *http.Server
	log      *slog.Logger
	foreign  http.CrossOriginProtection
	stop     context.CancelFunc // ends every request
	serving  chan struct{}      // closed when the listener is
	site     atomic.Pointer[site]
	closed   sync.Once
	conns    *connections

	mu       sync.Mutex // guards what follows
	closing  bool
	requests sync.WaitGroup
}

const (
	readWithin  = 30 * time.Second // a request
	writeWithin = 30 * time.Second // a response; event streams set their own
	idleFor     = 2 * time.Minute
	maxHeader   = 32 << 10 // a key of 1,024 bytes takes 3 KB
)

// Listen answers on addr, host:port, or says why it cannot. Until
// [Server.Serve] there is only /healthz, and /readyz that says no.
func Listen(addr string, log *slog.Logger) (*Server, error) {
	tcpListener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP: %w", err)
	}
	tcp, _ := tcpListener.Addr().(*net.TCPAddr)
	name, _, _ := net.SplitHostPort(addr) // that it has two parts, listening has shown
	s := &Server{listener: tcpListener, name: name, loopback: tcp != nil && tcp.IP.IsLoopback(), log: log,
		serving: make(chan struct{}), conns: newConnections(files())}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.http = &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       s.conns.enter,
		ConnState:         s.conns.watch,
		ReadHeaderTimeout: readWithin / 3,
		ReadTimeout:       readWithin,
		WriteTimeout:      writeWithin,
		IdleTimeout:       idleFor,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.With("part", "http").Handler(), slog.LevelWarn),
	}
	go func() {
		defer close(s.serving)
		accept := &listener{Listener: tcpListener, spare: s.conns.spare, log: log, done: make(chan struct{})}
		if err := s.http.Serve(accept); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("the page is gone", "err", err)
		}
	}()
	return s, nil
}

// Serve shows b from now on.
func (s *Server) Serve(b Backend) error {
	site, err := newSite(b, s.conns)
	if err == nil {
		s.site.Store(site)
	}
	return err
}

// URL is where the page is, seen from this machine.
func (s *Server) URL() string {
	addr := s.listener.Addr().String()
	if tcp, ok := s.listener.Addr().(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		addr = net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	return "http://" + addr + "/"
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	if !s.begin() {
		w.Header().Set("Connection", "close")
		fail(w, events.ErrStopped)
		return
	}
	defer s.requests.Done()
	from := connectionOf(r)
	if !from.work(forMachines(r.URL.Path)) {
		w.Header().Set("Connection", "close")
		fail(w, fmt.Errorf("%w: too many requests are under way", events.ErrBusy))
		return
	}
	defer from.rest()
	if err := s.admit(r); err != nil {
		failWith(w, http.StatusForbidden, err)
		return
	}
	site := s.site.Load()
	switch {
	case r.URL.Path == "/healthz":
		health(w, "ok", nil)
	case r.URL.Path == "/readyz":
		health(w, "ready", site.ready())
	case site == nil:
		fail(w, site.ready())
	default:
		site.ServeHTTP(w, r)
	}
}

func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.requests.Add(1)
	}
	return !s.closing
}

// drainFor is how long requests may go on while the server closes.
const drainFor = time.Second

// Close stops listening, ends event streams, answers what is in flight within a
// second and returns. It is idempotent.
func (s *Server) Close() (err error) {
	s.closed.Do(func() {
		s.leave()
		ctx, cancel := context.WithTimeout(context.Background(), drainFor)
		defer cancel()
		if s.http.Shutdown(ctx) != nil {
			s.stop()
			err = s.http.Close()
		}
		s.stop()
		<-s.serving
		s.requests.Wait()
	})
	return err
}

// leave takes no more requests, and ends what would never end by itself.
func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	s.conns.close()
	if site := s.site.Load(); site != nil {
		site.hub.close()
	}
}
