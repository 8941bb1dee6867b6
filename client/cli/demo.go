package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"dht/client"
	"dht/client/cli/host"
	"dht/configs"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "The whole experiment in one process: scatter, restart, read back",
		Long: "Three nodes with a NATS server each, on free ports and a temporary folder: put 100 random keys\n" +
			"over the bus, hold every answer to the rules, list what each node keeps, stop all nodes,\n" +
			"start them again and read everything back. The exit status tells whether it all held.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			folder, err := os.MkdirTemp("", "dht-demo-")
			if err != nil {
				return fmt.Errorf("make a temporary folder: %w", err)
			}
			defer os.RemoveAll(folder)
			return a.demo(cmd, folder)
		},
	}
}

const (
	demoKeys = 100
	freePort = "127.0.0.1:0"
)

func (a *app) demo(cmd *cobra.Command, folder string) error {
	began := time.Now()
	c, err := a.startCluster(cmd.Context(), folder)
	if err != nil {
		return err
	}
	defer func() { c.Close() }()
	text := io.Writer(a.out)
	if a.json {
		text = io.Discard
	}
	fmt.Fprintf(text, "Three nodes, each with its own NATS server, joined: no central server.\n"+
		"Putting %d random keys over the bus; every node decides by itself:\n\n", demoKeys)
	scattered, m, err := a.scatter(cmd, c.Client, demoKeys)
	if err == nil {
		err = a.showScatter(m, scattered, "", nil)
	}
	if err == nil {
		err = fault(scattered)
	}
	if err != nil {
		return err
	}
	if err := kept(cmd.Context(), c.Client, scattered.ByNode); err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	if c, err = a.startCluster(cmd.Context(), folder); err != nil {
		return fmt.Errorf("start again: %w", err)
	}
	step, end := a.progress(demoKeys, "read back")
	found, err := c.ReadBack(cmd.Context(), scattered.Names, step)
	end()
	if err != nil {
		return oneLine(err)
	}
	fmt.Fprintf(text, "All nodes stopped and started again: %d of %d keys read back.\n", found, demoKeys)
	for _, n := range c.nodes {
		if err := a.readBackOverTCP(cmd.Context(), n, scattered.Names); err != nil {
			return oneLine(err)
		}
	}
	fmt.Fprintf(text, "And over TCP, as any Redis client does, whichever node is asked: %d of %d keys.\n",
		found, demoKeys)
	fmt.Fprintf(text, "%s\n", a.out.Dim(fmt.Sprintf("It took %.1f s. Next: %s", time.Since(began).Seconds(),
		a.typed("dht up"))))
	return nil
}

// readBackOverTCP gets every key through one node, which forwards what it does
// not own.
func (a *app) readBackOverTCP(ctx context.Context, n *host.Node, keys [][]byte) error {
	c, err := client.ConnectTCP(ctx, n.TCPAddr().String(), client.Options{Timeout: a.timeout})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.ReadBack(ctx, keys, func() {})
	return err
}

// kept holds what the nodes list to what they answered: each key on one node.
func kept(ctx context.Context, c *client.Client, byNode map[string]int) error {
	where, listed := map[string]string{}, map[string]int{}
	for k, err := range c.Keys(ctx, "", nil) {
		if err != nil {
			return err
		}
		if other, twice := where[string(k.Key)]; twice {
			return fmt.Errorf("%q is kept by both %s and %s", k.Key, other, k.Node)
		}
		where[string(k.Key)] = k.Node
		listed[k.Node]++
	}
	for name, n := range byNode {
		if listed[name] != n {
			return fmt.Errorf("%s answered stored to %d keys and lists %d", name, n, listed[name])
		}
	}
	return nil
}

// cluster is the built-in cluster in this process, with a client.
type cluster struct {
	*client.Client
	listeners []net.Listener // of the nodes' tcp addresses
	nodes     []*host.Node
}

// startCluster starts every node of the built-in cluster file on free ports.
func (a *app) startCluster(ctx context.Context, folder string) (_ *cluster, err error) {
	config, err := configs.Load("")
	if err != nil {
		return nil, err
	}
	c := &cluster{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if err := c.listen(len(config.Nodes)); err != nil {
		return nil, err
	}
	for i := range config.Nodes { // a cluster that is up on the usual ports is none of ours
		n := &config.Nodes[i]
		*n = configs.Node{Name: n.Name, Rule: n.Rule, TCP: c.listeners[i].Addr().String(), Bus: freePort,
			Data: filepath.Join(folder, n.Name)}
	}
	for i := range config.Nodes {
		n := &config.Nodes[i]
		n.Route = freePort
		known := *config // a node reads it as long as it runs
		known.Nodes = slices.Clone(config.Nodes)
		started, err := host.Open(ctx, host.Options{Config: &known, Node: *n, TCP: c.listeners[i], Build: version()})
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, started)
		n.Route = started.RouteAddr().String() // the next ones join it there
	}
	c.Client, err = client.Connect(client.Options{Servers: []string{c.nodes[0].NATSAddr()}, Timeout: a.timeout})
	return c, err
}

// listen reserves n tcp addresses: the nodes must know them of each other before
// the first one starts, and nobody else may take one meanwhile.
func (c *cluster) listen(n int) error {
	for range n {
		l, err := net.Listen("tcp", freePort)
		if err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
		c.listeners = append(c.listeners, l)
	}
	return nil
}

// Close stops the client and every node. It is idempotent.
func (c *cluster) Close() (err error) {
	if c.Client != nil {
		err = c.Client.Close()
	}
	for _, n := range c.nodes {
		err = errors.Join(err, n.Close())
	}
	for _, l := range c.listeners {
		_ = l.Close() // fails when its node was started, and has closed it
	}
	return err
}
