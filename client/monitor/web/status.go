package web

import (
	"context"
	"net/http"
	"time"

	"dht/client/monitor"
	"dht/events"
)

// Status is the cluster at a glance, as seen from one node.
type Status struct {
	Cluster string         `json:"cluster"`
	Epoch   uint64         `json:"epoch"`
	Copies  events.Copies  `json:"copies"`
	Map     events.MapID   `json:"map"`
	Node    string         `json:"node"`            // whose page this is
	Build   string         `json:"build"`           // of that node
	Tail    string         `json:"tail,omitempty"`  // why there is no live tail; without it there is
	Error   string         `json:"error,omitempty"` // why nothing is known of the nodes: all count as down
	Nodes   []monitor.Card `json:"nodes"`

	Pages map[string]string `json:"pages,omitempty"` // where each node serves this page
}

// lookFor is how long nodes have to answer, less than from one look to the next.
const lookFor = 800 * time.Millisecond

// status looks once: its rates are those since each node's start.
func (s *site) status(w http.ResponseWriter, r *http.Request) {
	if _, err := query(r); err != nil {
		fail(w, err)
		return
	}
	if err := s.work.take(r.Context(), workOfRead); err != nil {
		fail(w, err)
		return
	}
	defer s.work.Release(workOfRead)
	status, _ := s.look(r.Context(), monitor.Snapshot{})
	connectionOf(r).moves()
	reply(w, http.StatusOK, status)
}

// look asks every node how it is, and what has changed since the snapshot before.
func (s *site) look(ctx context.Context, before monitor.Snapshot) (Status, monitor.Snapshot) {
	info := s.Info()
	status := Status{Cluster: info.Cluster.Name, Epoch: info.Cluster.Epoch, Copies: info.Cluster.Copies, Map: info.Map,
		Node: info.Node, Build: info.Build, Pages: s.Pages}
	if s.Watch == nil {
		status.Tail = "the live tail comes over the bus, and this node runs without one"
	}
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	nodes, err := s.Client.Status(ctx)
	snapshot := before.Next(nodes)
	status.Nodes = snapshot.Cards
	if err != nil {
		status.Error = err.Error()
		for _, n := range info.Cluster.Nodes {
			status.Nodes = append(status.Nodes, monitor.Card{Name: n.Name, Rule: n.Rule})
		}
	}
	return status, snapshot
}
