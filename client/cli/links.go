package cli

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"dht/client"
	"dht/configs"
	"dht/events"
)

// serverName is what a node's embedded NATS server is called: two nodes of one
// name must meet to be told apart.
func serverName(node string) string { return node + "-" + uuid.NewString() }

// nodeOf is the node whose server is called so.
func nodeOf(server string) string {
	return server[:max(0, len(server)-len(uuid.Nil.String())-1)]
}

// links tells how node n of c is connected to the others.
func (r *runningNode) links(c *configs.Config, n configs.Node) (links []events.Link) {
	switch {
	case r.broker != nil:
		links = routes(c, n, r.broker.Joined())
	case r.conn != nil:
		links = append(links, outside(r.conn.IsConnected(), client.Addresses(r.conn.ConnectedUrl()), c.NATS))
	}
	if r.tcp != nil {
		links = append(links, r.tcp.Links()...)
	}
	return links
}

// routes are those to the other nodes' servers, joined or not.
func routes(c *configs.Config, n configs.Node, joined []string) (links []events.Link) {
	for i := range joined {
		joined[i] = nodeOf(joined[i])
	}
	for _, other := range c.Nodes {
		if other.Name == n.Name || other.Route == "" {
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
