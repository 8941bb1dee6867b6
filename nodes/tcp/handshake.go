package tcp

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/google/uuid"

	"dht/events"
	"dht/nodes/tcp/resp"
)

// hello is what each of two nodes says to the other before the first request:
// who it is, and whom it means. Whatever else listens on a dead node's port does
// not know how to answer it.
type hello struct {
	Cluster string         `json:"cluster"`
	Node    string         `json:"node"`
	To      string         `json:"to"`
	Map     events.MapID   `json:"map"`
	Run     events.Version `json:"run"` // of the process
	// made up by who begins, and said again: an answer that somebody has recorded is none
	Asked string `json:"asked"`
}

// judge says why the answer to h is not that of the node that was meant.
func (h hello) judge(answer hello) error {
	switch {
	case answer.Node != h.To || answer.Cluster != h.Cluster:
		return fmt.Errorf("%w: it is node %q of cluster %q, not %q of %q",
			events.ErrConfig, answer.Node, answer.Cluster, h.To, h.Cluster)
	case answer.Asked != h.Asked || answer.To != h.Node:
		return fmt.Errorf("%w: what is there answers for node %q, and not to what was asked", events.ErrConfig, h.To)
	case answer.Run == h.Run:
		return fmt.Errorf("%w: it is this node itself", events.ErrConfig)
	}
	return nil
}

// admits says why whoever said theirs, and holds a connection to h's node, is no
// peer of it.
func (h hello) admits(theirs hello) error {
	switch {
	case theirs.Cluster != h.Cluster || theirs.To != h.Node:
		return fmt.Errorf("%w: this is node %q of cluster %q, not %q of %q",
			events.ErrConfig, h.Node, h.Cluster, theirs.To, theirs.Cluster)
	case theirs.Node == h.Node && theirs.Run != h.Run:
		return fmt.Errorf("%w: this node is %q itself, in another process", events.ErrNameTaken, h.Node)
	}
	return nil
}

// hello is what this server says to the node called to.
func (s *Server) hello(to, asked string) hello {
	return hello{Cluster: s.node.Map().Name(), Node: s.node.Name, To: to, Map: s.node.Map().ID(), Run: s.run,
		Asked: asked}
}

// shakeHands makes sure that the peer is at the other end of a connection that
// nobody uses yet.
func (p *peer) shakeHands(conn io.ReadWriter) error {
	mine := p.server.hello(p.name, uuid.NewString())
	message, err := json.Marshal(mine)
	if err != nil {
		return fmt.Errorf("write a hello: %w", err)
	}
	reply, err := resp.Once(conn, []byte("DHT"), []byte("HELLO"), message)
	if err != nil {
		return err
	}
	var answer hello
	if reply.Kind != '$' || json.Unmarshal(reply.Text, &answer) != nil {
		return fmt.Errorf("%w: what is there is no node, it answers %.100q", events.ErrConfig, reply.Text)
	}
	return mine.judge(answer)
}

// beginHello answers DHT HELLO MESSAGE, with which another node begins. One that
// is no peer hears who is here, and is served nothing else on this connection.
func (s *session) beginHello(c *call, args [][]byte) error {
	if len(args) != 1 {
		return wrongNumber("dht hello")
	}
	var theirs hello
	if err := json.Unmarshal(args[0], &theirs); err != nil {
		return fmt.Errorf("%w: the hello cannot be read: %v", events.ErrBadRequest, err)
	}
	mine := s.server.hello(theirs.Node, theirs.Asked)
	s.unfit = mine.admits(theirs)
	message, err := json.Marshal(mine)
	c.flags, c.args = flagHello, [][]byte{message}
	return err
}
