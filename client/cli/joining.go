package cli

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"dht/client"
	"dht/configs"
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
func (r *runningNode) connect(ctx context.Context, c *configs.Config, n configs.Node, log *slog.Logger) error {
	var lost atomic.Int64 // unix milliseconds; 0 while it is there
	opts := []nats.Option{
		nats.Name("dht node " + n.Name),
		nats.ReconnectBufSize(-1), // an answer that comes late is worse than none
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // a password may be mended while the node runs
		nats.CustomReconnectDelay(reconnectAfter),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("the bus says", "err", err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil && lost.CompareAndSwap(0, time.Now().UnixMilli()) { // not when the node closes it
				log.Warn("the bus is lost", "err", err)
			}
		}),
		nats.ReconnectHandler(func(conn *nats.Conn) {
			if since := lost.Swap(0); since != 0 {
				log.Info("the bus is back", "server", client.Addresses(conn.ConnectedUrl()), "after", time.Since(time.UnixMilli(since)).Round(time.Millisecond))
			}
		}),
	}
	if len(c.NATS) == 0 {
		if err := r.openBroker(ctx, c, n, log); err != nil {
			return err
		}
		opts = append(opts, r.broker.InProcess())
	} else {
		// Start order does not matter: the servers may come later.
		opts = append(append(opts, nats.RetryOnFailedConnect(true)), credentials()...)
	}
	conn, err := nats.Connect(strings.Join(c.NATS, ","), opts...)
	if err != nil {
		return fmt.Errorf("connect node %s to the bus: %w", n.Name, err)
	}
	r.parts = append(r.parts, part{"bus connection", func() error { conn.Close(); return nil }})
	r.conn = conn
	return r.waitForServer(ctx, n, client.Addresses(strings.Join(c.NATS, ",")))
}

// waitForServer returns when the node is connected to its bus.
func (r *runningNode) waitForServer(ctx context.Context, n configs.Node, servers string) error {
	connected := r.conn.StatusChanged(nats.CONNECTED) // before the first look: it may connect in between
	defer r.conn.RemoveStatusListener(connected)
	for !r.conn.IsConnected() {
		r.log.Info("waiting for a NATS server", "servers", servers)
		select {
		case <-connected:
		case <-ctx.Done():
			return fmt.Errorf("connect node %s to the bus at %s: %w", n.Name, servers, context.Cause(ctx))
		}
	}
	return nil
}

// watchRoutes logs which peers' servers are lost and back, until ctx ends; stop
// waits for that. A server that is back may hold another map.
func (r *runningNode) watchRoutes(ctx context.Context) (stop func()) {
	if r.broker == nil {
		return func() {}
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		// The server speaks a moment before it has met another one, or lost it.
		soon := []time.Duration{100 * time.Millisecond, time.Second}
		joined, left := peersOf(r.broker.Joined()), 0
		look := time.NewTimer(time.Hour)
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-r.broker.News():
				left = len(soon)
			case <-look.C:
				now := peersOf(r.broker.Joined())
				r.logRoutes(joined, now)
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
func (r *runningNode) logRoutes(before, now map[string]bool) {
	for peer := range before {
		if !now[peer] {
			r.log.Warn("the route to a peer is lost", "peer", peer)
		}
	}
	for peer := range now {
		if !before[peer] {
			r.log.Info("the route to a peer is there", "peer", peer)
			r.bus.Handshake()
		}
	}
}
