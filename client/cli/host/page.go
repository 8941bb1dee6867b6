package host

import (
	"context"
	"fmt"
	"net"

	"github.com/nats-io/nats.go"

	"dht/client"
	"dht/client/monitor"
	"dht/client/monitor/web"
	"dht/configs"
	"dht/events"
)

// serveHTTP shows the page. It is closed before anything else is: what it shows
// comes over the paths that every client takes.
func (n *Node) serveHTTP(ctx context.Context) (err error) {
	if n.page == nil {
		return nil
	}
	b := web.Backend{Info: n.Info, Ready: n.Ready, Pages: pages(n.config)}
	if n.conn == nil {
		b.Client, err = client.ConnectTCP(ctx, dialable(n.tcp.Addr()), client.Options{})
	} else {
		err = n.viewBus(&b)
	}
	if err != nil {
		return err
	}
	n.parts = append(n.parts, part{"client of the page", b.Client.Close}, part{"http", n.page.Close})
	return n.page.Serve(b)
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
func (n *Node) viewBus(b *web.Backend) error {
	opts := []nats.Option{nats.Name("dht page of " + n.self.Name), nats.RetryOnFailedConnect(true), unprinted}
	if n.broker != nil {
		b.NATS = n.broker.Monitor()
		opts = append(opts, n.broker.InProcess())
	} else {
		opts = append(opts, n.o.NATS...)
	}
	conn, err := client.Dial(client.Options{Servers: n.config.NATS, NATS: opts})
	if err != nil {
		return err
	}
	n.parts = append(n.parts, part{"bus connection of the page", func() error { conn.Close(); return nil }})
	everything, err := monitor.NewFilter(events.NewSubjects(n.config.Prefix), "")
	if err != nil {
		return err
	}
	b.Watch = func(ctx context.Context, show func(monitor.Line) error) error {
		return monitor.Watch(ctx, conn, everything, web.MaxRate, show)
	}
	b.Client, err = client.Connect(client.Options{Conn: conn, Prefix: n.config.Prefix})
	return err
}

// unprinted keeps the library from printing what a subscription could not take:
// the page counts and shows that.
func unprinted(o *nats.Options) error {
	o.AsyncErrorCB = func(*nats.Conn, *nats.Subscription, error) {}
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
