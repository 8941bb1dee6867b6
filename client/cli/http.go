package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/nats-io/nats.go"

	"dht/client"
	"dht/client/monitor"
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

// serveHTTP shows the page. It is closed before anything else is: what it shows
// comes over the paths that every client takes.
func (r *runningNode) serveHTTP(ctx context.Context, c *configs.Config, node *nodes.Node, journal *store.Journal) (err error) {
	if r.page == nil {
		return nil
	}
	b := web.Backend{Info: node.Info, Ready: func() error { return cmp.Or(node.Ready(), r.ready(journal)) }, Pages: pages(c)}
	if r.conn == nil {
		b.Client, err = client.ConnectTCP(ctx, dialable(r.tcp.Addr()), client.Options{})
	} else {
		err = r.viewBus(&b, c, node.Name)
	}
	if err != nil {
		return err
	}
	r.parts = append(r.parts, part{"client of the page", b.Client.Close}, part{"http", r.page.Close})
	return r.page.Serve(b)
}

// pages is where the cluster file says that each node serves its page. An address
// without a host or port is none that a browser could go to.
func pages(c *configs.Config) map[string]string {
	known := map[string]string{}
	for _, n := range c.Nodes {
		host, port, err := net.SplitHostPort(n.HTTP)
		if ip := net.ParseIP(host); err != nil || host == "" || port == "0" || ip != nil && ip.IsUnspecified() {
			continue
		}
		known[n.Name] = "http://" + n.HTTP + "/"
	}
	return known
}

// viewBus gives the page a connection of its own: what it has to wait for never
// holds up the node.
func (r *runningNode) viewBus(b *web.Backend, c *configs.Config, name string) error {
	opts := []nats.Option{nats.Name("dht page of " + name), nats.RetryOnFailedConnect(true), unprinted()}
	if r.broker != nil {
		b.NATS = r.broker.Monitor()
		opts = append(opts, r.broker.InProcess())
	} else {
		opts = append(opts, credentials()...)
	}
	conn, err := client.Dial(client.Options{Servers: c.NATS, NATS: opts})
	if err != nil {
		return err
	}
	r.parts = append(r.parts, part{"bus connection of the page", func() error { conn.Close(); return nil }})
	everything, err := monitor.NewFilter(events.NewSubjects(c.Prefix), "")
	if err != nil {
		return err
	}
	b.Watch = func(ctx context.Context, show func(monitor.Line) error) error {
		return monitor.Watch(ctx, conn, everything, web.MaxRate, show)
	}
	b.Client, err = client.Connect(client.Options{Conn: conn, Prefix: c.Prefix})
	return err
}

// ready says which part of the node keeps it from serving now.
func (r *runningNode) ready(journal *store.Journal) error {
	if err := journal.Ready(); err != nil {
		return err
	}
	if r.conn != nil && !r.conn.IsConnected() {
		return fmt.Errorf("%w: no NATS server can be reached", events.ErrUnreachable)
	}
	if r.bus != nil {
		return r.bus.Ready()
	}
	return nil
}

// dialable is where this machine reaches what listens on addr.
func dialable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("localhost", fmt.Sprint(tcp.Port))
}
