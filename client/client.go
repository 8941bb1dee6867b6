// Package client is the Go library: it puts, gets, deletes and lists keys over
// the bus, and tells what happened to each request.
//
// A client asks every node, or one, gathers what they answer, and lets package
// quorum say what that amounts to. It takes the cluster map from the nodes and
// imports from them only placement, to know whose answer counts. It starts no
// node and knows no command line.
package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/singleflight"

	"dht/events"
	"dht/nodes/placement"
)

// DefaultTimeout is how long a request may take.
const DefaultTimeout = 2 * time.Second

// Options say how to reach the nodes. The zero value of each field has a
// meaning.
type Options struct {
	Servers []string          // NATS servers; empty: [nats.DefaultURL]
	Conn    *nats.Conn        // used instead of Servers; the caller closes it
	NATS    []nats.Option     // credentials and the like, for Servers
	Prefix  string            // first token of every subject; empty: "dht"
	Cluster string            // the name of the only cluster to talk to; empty: whichever answers
	Met     func(name string) // called with the cluster's name before the first request to it; may be nil
	Timeout time.Duration     // of each request; 0: [DefaultTimeout]
	Now     func() time.Time  // nil: [time.Now]
}

// Client talks to the nodes of one cluster. Safe for concurrent use.
type Client struct {
	transport Transport
	clock     *events.Clock
	away      *away
	timeout   time.Duration
	cluster   string // the only one to talk to; empty: whichever answers
	met       func(name string)

	ctx    context.Context // ends with Close
	stop   context.CancelFunc
	asking singleflight.Group // for the map

	mu    sync.Mutex // guards what follows
	m     *placement.Map
	stale bool // some node holds another map: hear all before one is believed
}

// Connect reaches a NATS server, or returns [events.ErrUnreachable]. Whether
// any node is there shows at the first request.
func Connect(o Options) (*Client, error) {
	conn, err := o.Conn, error(nil)
	if conn == nil {
		if conn, err = Dial(o); err != nil {
			return nil, err
		}
	}
	t, err := newBusTransport(conn, o.Conn == nil, events.NewSubjects(o.Prefix))
	if err != nil {
		if o.Conn == nil {
			conn.Close()
		}
		return nil, err
	}
	return New(t, o), nil
}

// New makes a client over any transport, which it closes. Of the options,
// Timeout, Now, Cluster and Met count.
func New(t Transport, o Options) *Client {
	c := &Client{transport: t, timeout: o.Timeout, clock: events.NewClock(time.Now),
		away:    &away{nodes: map[string]bool{}},
		cluster: o.Cluster, met: o.Met}
	c.ctx, c.stop = context.WithCancel(context.Background())
	if o.Met != nil {
		var once sync.Once
		c.met = func(name string) { once.Do(func() { o.Met(name) }) }
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if o.Now != nil {
		c.clock = events.NewClock(o.Now)
	}
	return c
}

// Dial reaches a NATS server as a client should, or returns
// [events.ErrUnreachable].
func Dial(o Options) (*nats.Conn, error) {
	servers := strings.Join(o.Servers, ",")
	if servers == "" {
		servers = nats.DefaultURL
	}
	for _, server := range strings.Split(servers, ",") {
		if err := CheckServer(server); err != nil {
			return nil, err
		}
	}
	conn, err := nats.Connect(servers, append([]nats.Option{
		nats.Name("dht client"),
		// A put that timed out must not be delivered when the connection is back.
		nats.ReconnectBufSize(-1),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(time.Second),
		// whoever was let in once may be let in again
		nats.IgnoreAuthErrorAbort(),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // otherwise it prints
	}, o.NATS...)...)
	return conn, dialError(servers, err)
}

// Close ends what is under way. It is idempotent.
func (c *Client) Close() error {
	c.stop()
	return c.transport.Close()
}

// Share returns a client over c's connection, with a timeout of its own: 0 is
// [DefaultTimeout]. Closing it leaves c open.
func (c *Client) Share(timeout time.Duration) *Client {
	shared := New(leaveOpen{c.transport}, Options{Timeout: timeout, Cluster: c.cluster, Met: c.met})
	shared.clock, shared.away = c.clock, c.away
	return shared
}

// leaveOpen is a transport that somebody else closes.
type leaveOpen struct{ Transport }

func (leaveOpen) Close() error { return nil }

// Result is what became of a request for one key.
type Result struct {
	Key     []byte
	Status  events.Status   // stored, found, deleted, absent; error when there was an error
	Version events.Version  // of what is stored now, as far as known
	Value   []byte          // get
	Expires int64           // get: unix milliseconds, 0 is never
	Node    string          // that the status rests on
	Before  events.Version  // put, delete with a condition: of what stood until then; zero when nothing did
	Answers []events.Answer // of every node in map order; whoever had not answered when it was decided is silent
}

// Option changes one request.
type Option func(*options)

type options struct {
	expires int64
	ttl     time.Duration
	all     bool
	clock   *events.Clock // by which it is stamped; nil: the client's

	condition events.Condition
	before    events.Version
}

// TTL lets a put's value expire after d, by this client's clock corrected by
// the nodes'.
func TTL(d time.Duration) Option { return func(o *options) { o.ttl = d } }

// ExpireAt lets a put's value expire at t, unix milliseconds; 0 is never.
func ExpireAt(t int64) Option { return func(o *options) { o.expires = t } }

// AllAnswers waits until every node has answered, rather than until the answer
// is decided; from then on a quarter of the timeout, for those that are down.
// Whoever's answer is lost is silent then, too.
func AllAnswers() Option { return func(o *options) { o.all = true } }

// Put stores value under key. Errors: [events.ErrUnknown] when the owner did
// not answer (the put may have been applied; putting again is safe),
// [events.ErrUnreachable] when nothing was sent, [events.ErrTooLarge],
// [events.ErrBadRequest], and what the owner refused with.
func (c *Client) Put(ctx context.Context, key, value []byte, opts ...Option) (Result, error) {
	return c.do(ctx, events.OpPut, events.Request{Key: key, Value: value}, opts)
}

// Get returns the value stored under key. Errors: [events.ErrNotFound] when the
// owner said so, [events.ErrOwnerOffline] when it did not answer,
// [events.ErrUnreachable], [events.ErrCorrupt].
func (c *Client) Get(ctx context.Context, key []byte, opts ...Option) (Result, error) {
	return c.do(ctx, events.OpGet, events.Request{Key: key}, opts)
}

// Delete removes key; that nothing was there is no error, its status is absent.
// Errors are those of [Client.Put].
func (c *Client) Delete(ctx context.Context, key []byte, opts ...Option) (Result, error) {
	return c.do(ctx, events.OpDelete, events.Request{Key: key}, opts)
}

// attempts bounds how often a request is asked anew for a reason that ought to
// be gone after once.
const attempts = 4

// do asks until the answer is not one that asking anew would change: a node
// with another clock, another map or a newer version says how to go on, and has
// applied nothing. Against others who write the same key it goes on as long as
// ctx lets it.
func (c *Client) do(ctx context.Context, op events.Op, r events.Request, opts []Option) (Result, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	result := Result{Key: r.Key, Status: events.StatusError}
	if err := events.CheckKey(r.Key); err != nil {
		return result, err
	}
	caller := ctx
	op = o.conditional(op, &r)
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for left, refused := attempts, (events.MapID{}); ; {
		m, err := c.currentMap(ctx)
		if err != nil {
			return result, orEnded(caller, err)
		}
		outcome, sent := c.ask(ctx, m, op, r, o)
		result = resultOf(r.Key, outcome)
		if op == events.OpUpdate && o.unmetBy(outcome.Status) {
			return unmet(result)
		}
		if !op.Writes() || !errors.Is(outcome.Err, events.ErrSuperseded) {
			left--
		}
		if outcome.Err == nil {
			c.trust(o.clock, outcome.Winner.Version)
			return result, nil
		}
		learnt := !errors.Is(caller.Err(), context.Canceled) && c.learn(outcome, m, &o)
		switch {
		case !learnt, left == 0, ctx.Err() != nil, m.ID() == refused:
			return result, orEnded(caller, outcome.Err)
		case op.Writes() && sent > 1:
			return result, fmt.Errorf("%w: it was sent twice, and what became of the first time is not known (%v)",
				events.ErrUnknown, outcome.Err)
		case errors.Is(outcome.Err, events.ErrStaleMap):
			refused = m.ID()
		}
	}
}
