package host

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"dht/client"
)

const (
	reconnectFirst  = 250 * time.Millisecond
	reconnectAtMost = 5 * time.Second
)

// reconnectAfter is the pause after all servers were tried for the nth time: for
// ever, ever more seldom, and not all nodes at once.
func reconnectAfter(n int) time.Duration {
	pause := min(reconnectFirst<<min(n-1, 10), reconnectAtMost)
	return pause - rand.N(pause/4)
}

// connect joins the bus: an embedded server of its own, or outside ones.
func (n *Node) connect(ctx context.Context) (err error) {
	opts := n.connection()
	if len(n.config.NATS) == 0 {
		if err := n.openBroker(ctx); err != nil {
			return err
		}
		opts = append(opts, n.broker.InProcess())
	} else {
		// Start order does not matter: the servers may come later.
		opts = append(append(opts, nats.RetryOnFailedConnect(true)), n.o.NATS...)
	}
	servers := strings.Join(n.config.NATS, ",")
	if n.conn, err = nats.Connect(servers, opts...); err != nil {
		return fmt.Errorf("connect node %s to the bus: %w", n.self.Name, err)
	}
	n.parts = append(n.parts, part{"bus connection", func() error { n.conn.Close(); return nil }})
	return n.waitForServer(ctx, client.Addresses(servers))
}

// connection says how the node holds on to its bus.
func (n *Node) connection() []nats.Option {
	var lost atomic.Int64 // unix milliseconds; 0 while it is there
	return []nats.Option{
		nats.Name("dht node " + n.self.Name),
		nats.ReconnectBufSize(-1), // an answer that comes late is worse than none
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // a password may be mended while the node runs
		nats.CustomReconnectDelay(reconnectAfter),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			n.log.Warn("the bus says", "err", err)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil && lost.CompareAndSwap(0, time.Now().UnixMilli()) { // not when the node closes it
				n.log.Warn("the bus is lost", "err", err)
			}
		}),
		nats.ReconnectHandler(func(conn *nats.Conn) {
			if since := lost.Swap(0); since != 0 {
				after := time.Since(time.UnixMilli(since)).Round(time.Millisecond)
				n.log.Info("the bus is back", "server", client.Addresses(conn.ConnectedUrl()), "after", after)
			}
		}),
	}
}

// waitForServer returns when the node is connected to its bus.
func (n *Node) waitForServer(ctx context.Context, servers string) error {
	connected := n.conn.StatusChanged(nats.CONNECTED) // before the first look: it may connect in between
	defer n.conn.RemoveStatusListener(connected)
	for !n.conn.IsConnected() {
		n.log.Info("waiting for a NATS server", "servers", servers)
		select {
		case <-connected:
		case <-ctx.Done():
			return fmt.Errorf("connect node %s to the bus at %s: %w", n.self.Name, servers, context.Cause(ctx))
		}
	}
	return nil
}

// watchRoutes logs which peers' servers are lost and back, until ctx ends; stop
// waits for that. A server that is back may hold another map.
func (n *Node) watchRoutes(ctx context.Context) (stop func()) {
	if n.broker == nil {
		return func() {}
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		// The server speaks a moment before it has met another one, or lost it.
		soon := []time.Duration{100 * time.Millisecond, time.Second}
		joined, left := peersOf(n.broker.Joined()), 0
		look := time.NewTimer(time.Hour)
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-n.broker.News():
				left = len(soon)
			case <-look.C:
				now := peersOf(n.broker.Joined())
				n.logRoutes(joined, now)
				joined = now
			}
			if left > 0 {
				look.Reset(soon[len(soon)-left])
				left--
			}
		}
	})
	return wait.Wait
}

func peersOf(servers []string) map[string]bool {
	peers := map[string]bool{}
	for _, server := range servers {
		peers[nodeOf(server)] = true
	}
	return peers
}

// logRoutes says what has changed.
func (n *Node) logRoutes(before, now map[string]bool) {
	for peer := range before {
		if !now[peer] {
			n.log.Warn("the route to a peer is lost", "peer", peer)
		}
	}
	for peer := range now {
		if !before[peer] {
			n.log.Info("the route to a peer is there", "peer", peer)
			n.bus.Handshake()
		}
	}
}
