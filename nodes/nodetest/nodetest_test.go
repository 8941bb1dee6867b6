package nodetest_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"dht/events"
	"dht/nodes/nodetest"
)

// direct calls the nodes: the path that the others are held to.
type direct struct {
	cluster *nodetest.Cluster
	mu      sync.Mutex
	stopped map[string]bool
}

func (d *direct) Ask(_ context.Context, to string, op events.Op, message []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	node := d.cluster.Nodes[to]
	if d.stopped[to] {
		return nil, errors.New("it was stopped")
	}
	reqs, err := events.DecodeRequestsOf(op, message)
	if err != nil {
		return events.AppendAnswers(nil, node.Refuse(err)), nil
	}
	replies := make(chan []byte, 1)
	node.Do(op, reqs, func(answers []events.Answer) { replies <- events.AppendAnswers(nil, answers...) })
	return <-replies, nil
}

func (d *direct) Stop(name string) { d.stopped[name] = true }

func (d *direct) Close() {}

func TestDirect(t *testing.T) {
	nodetest.Test(t, func(_ *testing.T, c *nodetest.Cluster) nodetest.Path {
		return &direct{cluster: c, stopped: map[string]bool{}}
	})
}
