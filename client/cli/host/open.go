package host

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"

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

// open acquires what the node needs, in the order in which one part needs another.
// The folder comes first, so that a second process of the node disturbs nothing.
func (n *Node) open(ctx context.Context) error {
	m, err := n.config.Startable()
	if err != nil {
		return err
	}
	o := nodes.Options{Map: m, Name: n.self.Name, Clock: events.NewClock(n.o.Now), Build: n.o.Build,
		Health: n.partsReady, Links: n.links}
	var publisher *bus.Publisher
	if !n.o.NoBus {
		publisher = bus.NewPublisher(m.Name(), n.self.Name, o.Clock)
		o.Notify, o.Observe = publisher.Notify, publisher.Observe
	}
	if err := n.openStore(m, o.Notify); err != nil {
		return err
	}
	if err := n.listenHTTP(); err != nil {
		return err
	}
	if !n.o.NoBus {
		if err := n.connect(ctx); err != nil {
			return err
		}
	}
	if err := n.openPeers(o.Clock); err != nil {
		return err
	}
	if err := n.listen(); err != nil {
		return err
	}
	o.Store = n.store
	if n.node, err = nodes.New(o); err != nil {
		return err
	}
	if !n.o.NoBus {
		n.bus = bus.New(n.conn, n.node, publisher, n.busOptions())
		n.parts = append(n.parts, part{"bus", n.bus.Close})
	}
	return nil
}

func (n *Node) openStore(m *placement.Map, notify func(events.Event)) (err error) {
	c, name, folder := n.config, n.self.Name, n.config.DataFolder(n.self)
	if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
		return fmt.Errorf("make data folder of node %s: %w", name, err)
	}
	n.store, err = store.Open(folder, store.Options{
		Owner:  store.Owner{Cluster: c.Name, Node: name, Map: m.ID()},
		Log:    n.log,
		Memory: c.Memory,
		Notify: notify,
		Now:    n.o.Now,
	})
	if err != nil {
		return err
	}
	n.parts = append(n.parts, part{"store", n.store.Close})
	return nil
}

// listenHTTP says to supervisors that the process lives, from now on, where the
// cluster file gives an http address.
func (n *Node) listenHTTP() (err error) {
	addr := n.self.HTTP
	if addr == "" {
		return nil
	}
	if n.page, err = web.Listen(addr, n.log); err != nil {
		return fmt.Errorf("node %s: %w", n.self.Name, err)
	}
	n.parts = append(n.parts, part{"http", n.page.Close})
	return nil
}

func (n *Node) openBroker(ctx context.Context) (err error) {
	self := n.self
	o := broker.Options{
		Name:    serverName(self.Name),
		Cluster: "dht-" + n.config.Name,
		Listen:  self.Bus,
		Route:   self.Route,
		Logger:  n.log,
	}
	for _, other := range n.config.Nodes {
		if other.Name != self.Name && other.Route != "" {
			o.Routes = append(o.Routes, other.Route)
		}
	}
	if n.broker, err = broker.Open(ctx, o); err != nil {
		return err
	}
	n.parts = append(n.parts, part{"nats server", n.broker.Close})
	return nil
}

// openPeers lets the node ask others over the bus.
func (n *Node) openPeers(clock *events.Clock) (err error) {
	if n.conn == nil {
		return nil
	}
	if n.peers, err = bus.NewPeers(n.conn, events.NewSubjects(n.config.Prefix), clock, 0); err != nil {
		return fmt.Errorf("node %s: %w", n.self.Name, err)
	}
	n.parts = append(n.parts, part{"peers on the bus", n.peers.Close})
	return nil
}

// listen reserves the address for Redis clients and the other nodes, where the
// cluster file gives one.
func (n *Node) listen() (err error) {
	self := n.self
	if self.TCP == "" {
		return nil
	}
	peers := map[string]string{}
	for _, other := range n.config.Nodes {
		peers[other.Name] = other.TCP
	}
	o := tcp.Options{Peers: peers, Meet: n.o.NoBus, AllowFlush: n.o.AllowFlush, Logger: n.log}
	if n.peers != nil {
		o.Elsewhere = n.peers.Peer
	}
	if n.o.TCP != nil {
		n.tcp = tcp.New(n.o.TCP, o)
	} else if n.tcp, err = tcp.Listen(self.TCP, o); err != nil {
		return fmt.Errorf("node %s: %w", self.Name, err)
	}
	n.parts = append(n.parts, part{"tcp", n.tcp.Close})
	return nil
}

func (n *Node) busOptions() bus.Options {
	o := bus.Options{Subjects: events.NewSubjects(n.config.Prefix), Logger: n.log, Addresses: addresses(n.self)}
	if n.broker != nil {
		o.Interest = n.broker.Interest
	}
	if n.tcp != nil {
		// for those who monitor the node there
		o.Heard = func(op events.Op, reqs []events.Request) { n.tcp.Heard("bus", op, reqs) }
		o.Met = n.tcp.Retry
	}
	return o
}

// addresses are those of the node that are not the bus's.
func addresses(n configs.Node) map[string]string {
	known := map[string]string{"tcp": n.TCP, "http": n.HTTP}
	maps.DeleteFunc(known, func(_, addr string) bool { return addr == "" })
	return known
}

// serve lets the node answer wherever it is to be reached.
func (n *Node) serve(ctx context.Context) error {
	if n.bus != nil {
		if err := n.bus.Serve(ctx); err != nil {
			return err
		}
	}
	if n.tcp != nil {
		if err := n.tcp.Serve(ctx, n.node); err != nil {
			return err
		}
	}
	return n.serveHTTP(ctx)
}
