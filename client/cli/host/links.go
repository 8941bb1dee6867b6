package host

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"dht/client"
	"dht/events"
)

// serverName is what a node's embedded NATS server is called: two nodes of one
// name must meet to be told apart.
func serverName(node string) string { return node + "-" + uuid.NewString() }

// nodeOf is the node whose server is called so.
func nodeOf(server string) string {
	return server[:max(0, len(server)-len(uuid.Nil.String())-1)]
}

// links says how the node is connected to the others.
func (n *Node) links() (links []events.Link) {
	switch {
	case n.broker != nil:
		links = n.routes(n.broker.Joined())
	case n.conn != nil:
		links = append(links, outside(n.conn.IsConnected(), client.Addresses(n.conn.ConnectedUrl()), n.config.NATS))
	}
	if n.tcp != nil {
		links = append(links, n.tcp.Links()...)
	}
	return links
}

// routes are those to the other nodes' servers, joined or not.
func (n *Node) routes(joined []string) (links []events.Link) {
	for i := range joined {
		joined[i] = nodeOf(joined[i])
	}
	for _, other := range n.config.Nodes {
		if other.Name == n.self.Name || other.Route == "" {
			continue
		}
		l := events.Link{To: other.Name, Path: events.PathRoute, State: events.LinkDown}
		if slices.Contains(joined, other.Name) {
			l.State = events.LinkUp
		}
		links = append(links, l)
	}
	return links
}

func outside(connected bool, url string, servers []string) events.Link {
	if connected {
		return events.Link{To: url, Path: events.PathNATS, State: events.LinkUp}
	}
	return events.Link{To: client.Addresses(strings.Join(servers, ",")), Path: events.PathNATS, State: events.LinkDown}
}
