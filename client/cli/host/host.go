// Package host assembles a node: it opens the parts that a cluster file asks for,
// gives each to those that need it, and closes them in the reverse order.
//
// It decides nothing about keys, reads neither flags nor the environment and writes
// nothing but its log: who runs a node says in [Options] what to do. The command
// line runs nodes by it, and so do tests that want whole ones. It may import every
// package below the command line.
package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/nats-io/nats.go"

	"dht/broker"
	"dht/client/monitor/web"
	"dht/configs"
	"dht/events"
	"dht/nodes"
	"dht/nodes/bus"
	"dht/nodes/store"
	"dht/nodes/tcp"
)

// Options say which node to run, and how.
type Options struct {
	Config     *configs.Config // the cluster file, which must not change any more
	Node       configs.Node    // of Config
	Insecure   bool            // listen where other machines can reach
	NoBus      bool            // TCP only
	AllowFlush bool            // FLUSHDB deletes
	Build      string          // what the node says it was built from
	TCP        net.Listener    // on the node's tcp address; nil: yet to be opened
	NATS       []nats.Option   // who the node is to outside NATS servers
	Logger     *slog.Logger    // nil: nowhere

	Now func() time.Time // the machine's clock; nil: time.Now
}

// Node is a node with all its parts, which answers wherever it is to be reached.
type Node struct {
	o      Options
	config *configs.Config
	self   configs.Node
	log    *slog.Logger
	parts  []part
	broker *broker.Broker // nil with outside NATS servers
	conn   *nats.Conn     // nil without a bus
	peers  *bus.Peers     // nil without a bus
	bus    *bus.Server    // nil without a bus
	tcp    *tcp.Server    // nil without a tcp address
	page   *web.Server    // nil without an http address
	store  *store.Journal
	node   *nodes.Node
	failed chan error
	stop   context.CancelFunc
	done   chan struct{}
}

// part is one running thing of a node, closed in the reverse order of opening.
type part struct {
	what  string
	close func() error
}

// Open acquires everything a node needs, then lets it answer. On failure nothing
// stays behind. Until ctx ends it waits for outside NATS servers.
func Open(ctx context.Context, o Options) (_ *Node, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	refuseAtFileLimit()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	n := &Node{o: o, config: o.Config, self: o.Node, log: o.Logger,
		failed: make(chan error, 1), done: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.closeParts())
		}
	}()
	if err := n.open(ctx); err != nil {
		return nil, err
	}
	if err := n.serve(ctx); err != nil {
		return nil, err
	}
	for _, damage := range n.store.Damage() {
		n.node.Notify(events.Event{Type: events.EventCorrupt, Detail: damage})
	}
	n.watch()
	return n, nil
}

// check says what keeps the node from being run like this.
func (o Options) check() error {
	c, n := o.Config, o.Node
	switch exposed := n.Exposed(); {
	case len(exposed) > 0 && !o.Insecure:
		return fmt.Errorf("%w: node %s would listen on %s (%s), which other machines reach, without TLS or users: "+
			"bind a loopback address, or say --insecure",
			events.ErrConfig, n.Name, exposed[0].Addr, exposed[0].Key)
	case o.NoBus && n.TCP == "":
		return fmt.Errorf("%w: node %s has no tcp address in %s, and --no-bus leaves it no other way to be reached",
			events.ErrConfig, n.Name, c.File)
	case !o.NoBus && n.Bus == "" && len(c.NATS) == 0:
		return fmt.Errorf("%w: node %s has no bus address in %s: give it one, or say --no-bus", events.ErrConfig, n.Name,
			c.File)
	}
	return nil
}

// Ready says which part of the node keeps it from serving now; nil: none.
func (n *Node) Ready() error { return cmp.Or(n.node.Ready(), n.partsReady()) }

func (n *Node) partsReady() error {
	if err := n.store.Ready(); err != nil {
		return err
	}
	if n.conn != nil && !n.conn.IsConnected() {
		return fmt.Errorf("%w: no NATS server can be reached", events.ErrUnreachable)
	}
	if n.bus != nil {
		return n.bus.Ready()
	}
	return nil
}

// Info describes the node and the map it holds.
func (n *Node) Info() events.Info { return n.node.Info() }

// NATSAddr is the URL of the node's own NATS server; empty where it has none.
func (n *Node) NATSAddr() string {
	if n.broker == nil {
		return ""
	}
	return n.broker.URL()
}

// RouteAddr is where other nodes' NATS servers join this one's; nil where it has none.
func (n *Node) RouteAddr() net.Addr {
	if n.broker == nil {
		return nil
	}
	return n.broker.RouteAddr()
}

// TCPAddr is where Redis clients and other nodes reach it; nil where they do not.
func (n *Node) TCPAddr() net.Addr {
	if n.tcp == nil {
		return nil
	}
	return n.tcp.Addr()
}

// PageURL is the address of its page; empty where it has none.
func (n *Node) PageURL() string {
	if n.page == nil {
		return ""
	}
	return n.page.URL()
}

// Failed delivers the reason why the node cannot go on.
func (n *Node) Failed() <-chan error { return n.failed }

// Close answers what is in flight, then closes every part. It is idempotent.
func (n *Node) Close() error {
	n.stop()
	<-n.done
	return n.closeParts()
}

func (n *Node) closeParts() (err error) {
	for i := len(n.parts) - 1; i >= 0; i-- {
		if closeErr := n.parts[i].close(); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("close %s: %w", n.parts[i].what, closeErr))
		}
	}
	n.parts = nil
	return err
}

// watch waits for the first reason why the node cannot go on.
func (n *Node) watch() {
	var brokerFailed, busFailed, tcpFailed <-chan error
	if n.broker != nil {
		brokerFailed = n.broker.Failed()
	}
	if n.bus != nil {
		busFailed = n.bus.Failed()
	}
	if n.tcp != nil {
		tcpFailed = n.tcp.Failed()
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	go func() {
		defer close(n.done)
		defer n.watchRoutes(ctx)()
		select {
		case <-ctx.Done():
		case err := <-brokerFailed:
			n.failed <- err
		case err := <-busFailed:
			n.failed <- err
		case err := <-tcpFailed:
			n.failed <- err
		case <-n.store.Failed():
			n.failed <- n.store.Err()
		}
	}()
}
