// Package broker runs an embedded NATS server: one inside each node, joined to
// the others by routes, or one alone.
//
// It knows servers, addresses and routes; it knows nothing of keys, nodes or
// subjects. It imports nats-server and the standard library.
package broker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Options say where a server listens and whom it joins.
type Options struct {
	Name    string   // unique among joined servers; a server whose name is taken is kept out
	Cluster string   // joined servers share it; empty: the server stands alone
	Listen  string   // host:port for clients; port 0 picks a free one
	Route   string   // host:port for other servers; empty: a free port of this machine
	Routes  []string // host:port of other servers, up or not: all of them, for gossiped routes are not retried
	Logger  *slog.Logger
}

// Broker is a running NATS server.
type Broker struct {
	server  *server.Server
	fatal   <-chan error
	news    <-chan struct{}
	watcher *watcher // nil before the server is ready
	close   sync.Once
}

const (
	readyWithin = 10 * time.Second
	// A hung peer holds its route for pings * interval: 2.2 s instead of 90 s.
	routePing    = time.Second
	routePings   = 2
	routeRetries = 1 << 30 // for ever: otherwise a healed partition stays cut
	// For routes it stays what nats-server has: a peer that hangs is found by pings.
	routeWrites = server.DEFAULT_FLUSH_DEADLINE
	// Clients that are idle must not take the process's last files, which the journal
	// and whoever asks for its health want, too.
	mostClients  = 64 << 10
	leastClients = 8
	filesShare   = 8 // one in so many of the process's files may be a client's
)

// clientsOf is how many clients there may be in a process of so many files.
func clientsOf(files uint64) int {
	return int(min(mostClients, max(leastClients, files/filesShare)))
}

// Open starts a server and returns when it accepts clients. An address that is
// in use is an error at once.
func Open(ctx context.Context, o Options) (*Broker, error) {
	opts, err := o.server()
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("configure nats server %s: %w", o.Name, err)
	}
	// Bind errors reach only Fatalf, whose default exits the process.
	log := newLogger(o.Logger)
	s.SetLoggerV2(log, false, false, false)
	s.Start()
	b := &Broker{server: s, fatal: log.fatal, news: log.news}
	if err := b.ready(ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("start nats server %s: %w", o.Name, err)
	}
	b.watcher = watch(s, log.log)
	return b, nil
}

func (o Options) server() (*server.Options, error) {
	host, port, err := splitAddr(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address of nats server %s: %w", o.Name, err)
	}
	opts := &server.Options{
		ServerName: o.Name,
		Host:       host,
		Port:       port,
		NoSigs:     true, // otherwise it takes SIGINT and exits the process
		MaxPending: maxPending,
		// A slow reader stays while it takes anything; by default it is closed that
		// does not take all that waits in time.
		WriteDeadline: stillFor,
		WriteTimeout:  server.WriteTimeoutPolicyRetry,
		MaxConn:       clientsOf(files()),
	}
	if o.Cluster == "" {
		return opts, nil
	}
	opts.Cluster = server.ClusterOpts{
		Name:           o.Cluster,
		ConnectRetries: routeRetries,
		ConnectBackoff: true,
		PingInterval:   routePing,
		MaxPingsOut:    routePings,
		WriteDeadline:  routeWrites,
	}
	// A server that listens for no routes does not join others either.
	if opts.Cluster.Host, opts.Cluster.Port, err = splitAddr(cmp.Or(o.Route, "127.0.0.1:0")); err != nil {
		return nil, fmt.Errorf("route address of nats server %s: %w", o.Name, err)
	}
	for _, r := range o.Routes {
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats-route", Host: r})
	}
	return opts, nil
}

// splitAddr takes host:port apart; nats-server's word for any free port is -1.
func splitAddr(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("port %q of %s is not 0 to 65535", text, addr)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

func (b *Broker) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	up := make(chan bool)
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() {
		for ctx.Err() == nil {
			if b.server.ReadyForConnections(10 * time.Millisecond) {
				close(up)
				return
			}
		}
	})
	select {
	case err := <-b.fatal:
		cancel()
		return err
	case <-up:
		select {
		case err := <-b.fatal: // it was ready for clients, but not for routes
			return err
		default:
			return nil
		}
	case <-ctx.Done():
		return fmt.Errorf("not ready: %w", context.Cause(ctx))
	}
}

// Failed delivers the reason why the server cannot go on.
func (b *Broker) Failed() <-chan error { return b.fatal }

// URL is where clients connect.
func (b *Broker) URL() string { return b.server.ClientURL() }

// RouteAddr is where other servers join, nil when nowhere.
func (b *Broker) RouteAddr() *net.TCPAddr { return b.server.ClusterAddr() }

// Peers is the number of servers joined to this one.
func (b *Broker) Peers() int { return b.server.NumRemotes() }

// News holds a token when the server has said something: it may have met another
// one, or lost it, a moment before or after.
func (b *Broker) News() <-chan struct{} { return b.news }

// Interest reports whether anybody listens to a subject, here or at a joined
// server.
func (b *Broker) Interest(subject string) bool {
	return b.server.GlobalAccount().SubscriptionInterest(subject)
}

// Joined are the names of the servers joined to this one.
func (b *Broker) Joined() (names []string) {
	routes, err := b.server.Routez(nil)
	if err != nil { // without a cluster there are none
		return nil
	}
	for _, r := range routes.Routes { // several to each server
		if r.RemoteName != "" && !slices.Contains(names, r.RemoteName) {
			names = append(names, r.RemoteName)
		}
	}
	return names
}

// InProcess makes a nats.Connect go to this server without a socket.
func (b *Broker) InProcess() nats.Option { return nats.InProcessServer(b.server) }

// Close stops the server and waits until it has stopped. It is idempotent.
func (b *Broker) Close() error {
	b.close.Do(func() {
		if b.watcher != nil {
			b.watcher.close()
		}
		b.server.Shutdown()
		b.server.WaitForShutdown()
	})
	return nil
}

// logger hands the server's log to slog, and its fatal errors to Open.
type logger struct {
	log   *slog.Logger
	fatal chan error
	news  chan struct{}
}

var _ server.Logger = (*logger)(nil)

func newLogger(log *slog.Logger) *logger {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &logger{log: log.With("part", "nats"), fatal: make(chan error, 1), news: make(chan struct{}, 1)}
}

// Noticef is debug here: the server tells twenty things at each start.
func (l *logger) Noticef(format string, v ...any) {
	l.log.Debug(fmt.Sprintf(format, v...))
	l.hint()
}
func (l *logger) Debugf(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l *logger) Tracef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l *logger) Warnf(format string, v ...any)  { l.log.Warn(fmt.Sprintf(format, v...)) }

// Errorf is debug here: every try to reach a peer that is not up is an error to
// the server, and an ordinary thing to a cluster of phones and laptops.
func (l *logger) Errorf(format string, v ...any) {
	l.log.Debug(fmt.Sprintf(format, v...))
	l.hint()
}

func (l *logger) hint() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

func (l *logger) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Errorf(format, v...):
	default:
	}
}
