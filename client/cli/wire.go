package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"dht/broker"
	"dht/client/monitor/web"
	"dht/configs"
	"dht/events"
	"dht/nodes"
	"dht/nodes/bus"
	"dht/nodes/placement"
	"dht/nodes/store"
	"dht/nodes/tcp"
)

// part is one running thing of a node, closed in the reverse order of opening.
type part struct {
	what  string
	close func() error
}

// howToRun is what the command line says of a node, beside its cluster file.
type howToRun struct {
	insecure   bool         // listen where other machines can reach
	noBus      bool         // TCP only
	allowFlush bool         // FLUSHDB deletes
	tcp        net.Listener // on the node's tcp address; nil: yet to be opened
}

// runningNode is a node with all its parts.
type runningNode struct {
	parts  []part
	broker *broker.Broker // nil with outside NATS servers
	conn   *nats.Conn     // nil without a bus
	bus    *bus.Server    // nil without a bus
	tcp    *tcp.Server    // nil without a tcp address
	page   *web.Server    // nil without an http address
	failed chan error
	stop   context.CancelFunc
	done   chan struct{}
	log    *slog.Logger
}

// startNode acquires everything a node needs, then lets it answer. On failure
// nothing stays behind.
func startNode(ctx context.Context, c *configs.Config, n configs.Node, how howToRun, log *slog.Logger) (_ *runningNode, err error) {
	if exposed := n.Exposed(); len(exposed) > 0 && !how.insecure {
		return nil, fmt.Errorf("%w: node %s would listen on %s (%s), which other machines reach, without TLS or users: bind a loopback address, or say --insecure",
			events.ErrConfig, n.Name, exposed[0].Addr, exposed[0].Key)
	}
	if err := how.reaches(c, n); err != nil {
		return nil, err
	}
	m, err := c.Startable()
	if err != nil {
		return nil, err
	}
	refuseAtFileLimit()
	r := &runningNode{failed: make(chan error, 1), done: make(chan struct{}), log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.closeParts())
		}
	}()
	o := nodes.Options{Map: m, Name: n.Name, Clock: events.NewClock(time.Now), Build: version(), Links: func() []events.Link { return r.links(c, n) }}
	if !how.noBus {
		r.bus = bus.New(r.busOptions(c, n))
		o.Notify, o.Observe = r.bus.Notify, r.bus.Observe
	}
	journal, err := r.openStore(c, n, m, o.Notify, log)
	if err != nil {
		return nil, err
	}
	o.Store, o.Health = journal, func() error { return r.ready(journal) }
	if err := r.listenHTTP(n, log); err != nil {
		return nil, err
	}
	if !how.noBus {
		if err := r.connect(ctx, c, n, log); err != nil {
			return nil, err
		}
	}
	if err := r.listen(c, n, how, log); err != nil {
		return nil, err
	}
	node, err := nodes.New(o)
	if err != nil {
		return nil, err
	}
	if err := r.serve(ctx, node); err != nil {
		return nil, err
	}
	if err := r.serveHTTP(ctx, c, node, journal); err != nil {
		return nil, err
	}
	for _, damage := range journal.Damage() {
		node.Notify(events.Event{Type: events.EventCorrupt, Detail: damage})
	}
	r.watch(journal)
	return r, nil
}

func (r *runningNode) busOptions(c *configs.Config, n configs.Node) bus.Options {
	o := bus.Options{Subjects: events.NewSubjects(c.Prefix), Logger: r.log, Addresses: addresses(n), Heard: r.heard, Met: r.met}
	if len(c.NATS) == 0 {
		o.Interest = func(subject string) bool { return r.broker.Interest(subject) }
	}
	return o
}

// addresses are those of the node that are not the bus's.
func addresses(n configs.Node) map[string]string {
	known := map[string]string{"tcp": n.TCP, "http": n.HTTP}
	maps.DeleteFunc(known, func(_, addr string) bool { return addr == "" })
	return known
}

// reaches says which address is missing for a node to be run like this.
func (how howToRun) reaches(c *configs.Config, n configs.Node) error {
	switch {
	case how.noBus && n.TCP == "":
		return fmt.Errorf("%w: node %s has no tcp address in %s, and --no-bus leaves it no other way to be reached", events.ErrConfig, n.Name, c.File)
	case !how.noBus && n.Bus == "" && len(c.NATS) == 0:
		return fmt.Errorf("%w: node %s has no bus address in %s: give it one, or say --no-bus", events.ErrConfig, n.Name, c.File)
	}
	return nil
}

// listen reserves the address for Redis clients and the other nodes, where the
// cluster file gives one.
func (r *runningNode) listen(c *configs.Config, n configs.Node, how howToRun, log *slog.Logger) (err error) {
	if n.TCP == "" {
		return nil
	}
	peers := map[string]string{}
	for _, other := range c.Nodes {
		peers[other.Name] = other.TCP
	}
	o := tcp.Options{Peers: peers, Meet: how.noBus, AllowFlush: how.allowFlush, Logger: log}
	if how.tcp != nil {
		r.tcp = tcp.New(how.tcp, o)
	} else if r.tcp, err = tcp.Listen(n.TCP, o); err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	r.parts = append(r.parts, part{"tcp", r.tcp.Close})
	return nil
}

// heard shows a request from the bus to those who monitor the node over TCP.
func (r *runningNode) heard(op events.Op, reqs []events.Request) {
	if r.tcp != nil {
		r.tcp.Heard("bus", op, reqs)
	}
}

// met lets the path over TCP know that a peer is there.
func (r *runningNode) met(name string) {
	if r.tcp != nil {
		r.tcp.Retry(name)
	}
}

// serve lets the node answer wherever it is to be reached.
func (r *runningNode) serve(ctx context.Context, node *nodes.Node) error {
	if r.bus != nil {
		r.parts = append(r.parts, part{"bus", r.bus.Close})
		if err := r.bus.Serve(ctx, r.conn, node); err != nil {
			return err
		}
	}
	if r.tcp != nil {
		return r.tcp.Serve(ctx, node)
	}
	return nil
}

func (r *runningNode) openStore(c *configs.Config, n configs.Node, m *placement.Map, notify func(events.Event), log *slog.Logger) (*store.Journal, error) {
	folder := c.DataFolder(n)
	if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
		return nil, fmt.Errorf("make data folder of node %s: %w", n.Name, err)
	}
	journal, err := store.Open(folder, store.Options{
		Owner:  store.Owner{Cluster: c.Name, Node: n.Name, Map: m.ID()},
		Log:    log,
		Memory: c.Memory,
		Notify: notify,
	})
	if err != nil {
		return nil, err
	}
	r.parts = append(r.parts, part{"store", journal.Close})
	return journal, nil
}

func (r *runningNode) openBroker(ctx context.Context, c *configs.Config, n configs.Node, log *slog.Logger) (err error) {
	o := broker.Options{
		Name:    serverName(n.Name),
		Cluster: "dht-" + c.Name,
		Listen:  n.Bus,
		Route:   n.Route,
		Logger:  log,
	}
	for _, other := range c.Nodes {
		if other.Name != n.Name && other.Route != "" {
			o.Routes = append(o.Routes, other.Route)
		}
	}
	if r.broker, err = broker.Open(ctx, o); err != nil {
		return err
	}
	r.parts = append(r.parts, part{"nats server", r.broker.Close})
	return nil
}

// watch waits for the first reason why the node cannot go on.
func (r *runningNode) watch(journal *store.Journal) {
	var brokerFailed, busFailed, tcpFailed <-chan error
	if r.broker != nil {
		brokerFailed = r.broker.Failed()
	}
	if r.bus != nil {
		busFailed = r.bus.Failed()
	}
	if r.tcp != nil {
		tcpFailed = r.tcp.Failed()
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() {
		defer close(r.done)
		defer r.watchRoutes(ctx)()
		select {
		case <-ctx.Done():
		case err := <-brokerFailed:
			r.failed <- err
		case err := <-busFailed:
			r.failed <- err
		case err := <-tcpFailed:
			r.failed <- err
		case <-journal.Failed():
			r.failed <- journal.Err()
		}
	}()
}

// Failed delivers the reason why the node cannot go on.
func (r *runningNode) Failed() <-chan error { return r.failed }

// Close answers what is in flight, then closes every part. It is idempotent.
func (r *runningNode) Close() error {
	r.stop()
	<-r.done
	return r.closeParts()
}

func (r *runningNode) closeParts() (err error) {
	for i := len(r.parts) - 1; i >= 0; i-- {
		if closeErr := r.parts[i].close(); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("close %s: %w", r.parts[i].what, closeErr))
		}
	}
	r.parts = nil
	return err
}
