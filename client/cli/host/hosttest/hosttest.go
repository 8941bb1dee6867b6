// Package hosttest runs whole nodes for tests of what reaches nodes over NATS. Each
// keeps its keys in a folder of its own, and ends with the test.
//
// It is imported by tests only. It imports host, configs and events.
package hosttest

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"dht/client/cli/host"
	"dht/configs"
	"dht/events"
)

// Config is a cluster file of the nodes of law on the NATS server at url. Where
// there is none, each node brings its own, on a free port.
func Config(law events.Cluster, url, folder string) *configs.Config {
	c := &configs.Config{File: "the test", Name: law.Name, Epoch: law.Epoch, Copies: law.Copies}
	if url != "" {
		c.NATS = []string{url}
	}
	for _, n := range law.Nodes {
		c.Nodes = append(c.Nodes, configs.Node{Name: n.Name, Rule: n.Rule, Bus: "127.0.0.1:0",
			Data: filepath.Join(folder, n.Name)})
	}
	return c
}

// Cluster starts all nodes of law on the NATS server at url; reach says who they
// are to it.
func Cluster(tb testing.TB, law events.Cluster, url string, reach ...nats.Option) map[string]*host.Node {
	tb.Helper()
	var wait sync.WaitGroup
	var mu sync.Mutex // guards nodes
	nodes := map[string]*host.Node{}
	config := Config(law, url, tb.TempDir())
	for _, self := range config.Nodes {
		wait.Go(func() { // together: each looks for the others first
			n, err := host.Open(tb.Context(), host.Options{Config: config, Node: self, NATS: reach, Build: "test"})
			if err != nil {
				tb.Errorf("start %s: %v", self.Name, err)
				return
			}
			tb.Cleanup(func() { Close(tb, n) })
			mu.Lock()
			defer mu.Unlock()
			nodes[self.Name] = n
		})
	}
	if wait.Wait(); tb.Failed() {
		tb.FailNow()
	}
	return nodes
}

// Close ends a node before the test does.
func Close(tb testing.TB, n *host.Node) {
	tb.Helper()
	if err := n.Close(); err != nil {
		tb.Errorf("stop a node: %v", err)
	}
}
