package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/nats-io/nats.go"

	"dht/client"
	"dht/client/monitor/web"
	"dht/configs"
	"dht/events"
	"dht/nodes"
	"dht/nodes/store"
)

// listenHTTP tells supervisors that the process lives, from now on, where the
// cluster file gives an http address.
func (r *runningNode) listenHTTP(n configs.Node, log *slog.Logger) (err error) {
	if n.HTTP == "" {
		return nil
	}
	if r.page, err = web.Listen(n.HTTP, log); err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	r.parts = append(r.parts, part{"http", r.page.Close})
	return nil
}

// serveHTTP shows the page, to be closed before anything else is: what it shows
// comes over the paths that every client takes.
func (r *runningNode) serveHTTP(ctx context.Context, c *configs.Config, node *nodes.Node, journal *store.Journal) error {
	if r.page == nil {
		return nil
	}
	b := web.Backend{Info: node.Info, Ready: func() error { return r.ready(journal) }}
	var err error
	if b.Client, err = r.ownClient(ctx, c, node.Name); err != nil {
		return err
	}
	r.parts = append(r.parts, part{"client of the page", b.Client.Close}, part{"http", r.page.Close})
	if r.broker != nil {
		b.NATS = r.broker.Monitor()
	}
	return r.page.Serve(b)
}

// ready says why the node cannot answer requests now.
func (r *runningNode) ready(journal *store.Journal) error {
	if err := journal.Err(); err != nil {
		return err
	}
	if r.conn != nil && !r.conn.IsConnected() {
		return fmt.Errorf("%w: no NATS server can be reached", events.ErrUnreachable)
	}
	return nil
}

// ownClient is a client like any other, with a connection of its own: what it
// has to wait for never holds up the node.
func (r *runningNode) ownClient(ctx context.Context, c *configs.Config, name string) (*client.Client, error) {
	if r.conn == nil {
		return client.ConnectTCP(ctx, dialable(r.tcp.Addr()), client.Options{})
	}
	opts := []nats.Option{nats.Name("dht page of " + name), nats.RetryOnFailedConnect(true)}
	if r.broker != nil {
		opts = append(opts, r.broker.InProcess())
	} else {
		opts = append(opts, credentials()...)
	}
	conn, err := client.Dial(client.Options{Servers: c.NATS, NATS: opts})
	if err != nil {
		return nil, err
	}
	r.parts = append(r.parts, part{"bus connection of the page", func() error { conn.Close(); return nil }})
	return client.Connect(client.Options{Conn: conn, Prefix: c.Prefix})
}

// dialable is where this machine reaches what listens on addr.
func dialable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("localhost", fmt.Sprint(tcp.Port))
}
