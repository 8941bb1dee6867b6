package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
)

// denial is that the NATS server lets this node no longer subscribe to what it
// needs.
type denial struct {
	err        error
	reconnects uint64 // that there were then
}

// reachable waits until the node has answered a question of its own: it hears
// what it has subscribed to, and may answer. The error names the subject that the
// NATS server keeps from it.
func (s *Server) reachable(ctx context.Context, h *handshake) error {
	const patience, again = 10 * time.Second, 100 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	retry := time.NewTicker(again)
	defer retry.Stop()
	h.askNode(s.node.Name, patience)
	for {
		select {
		case msg := <-h.answers:
			if info, _ := h.hear(msg); info.ID == s.run {
				return s.refusal()
			}
		case <-retry.C:
			if err := s.refusal(); err != nil {
				return err
			}
			h.askNode(s.node.Name, patience)
		case <-ctx.Done():
			return fmt.Errorf("%w: node %s does not hear on the bus what it asks itself (%s)",
				events.ErrUnreachable, s.node.Name, s.Subjects.Node(s.node.Name, events.OpInfo))
		}
	}
}

// refusal is what the NATS server refused last, of what was sent before the last
// flush or question.
func (s *Server) refusal() error { return s.refused(s.conn.LastError()) }

// refused says in our words what the NATS server does not permit; nil where err
// is something else.
func (s *Server) refused(err error) error {
	if err == nil || !errors.Is(err, nats.ErrPermissionViolation) {
		return nil
	}
	v := events.ReadViolation(err.Error())
	return fmt.Errorf("%w: the NATS server does not let node %s %s", events.ErrRefused, s.node.Name, v)
}

// onError hears what the NATS server says of its own accord.
func (s *Server) onError(conn *nats.Conn, err error) {
	refused := s.refused(err)
	if refused == nil || conn != s.conn {
		return
	}
	if v := events.ReadViolation(err.Error()); v.Subscribe && s.needs[v.Subject] {
		s.denied.Store(&denial{refused, conn.Stats().Reconnects})
		s.Logger.Error("not ready", "err", refused)
	}
}

// Ready says why the node does not hear all that is asked of it; nil when it does.
func (s *Server) Ready() error {
	if d := s.denied.Load(); d != nil {
		return d.err
	}
	return nil
}

// askForPermission subscribes anew, as long as something is denied: nothing else
// shows that it no longer is.
func (s *Server) askForPermission() {
	if s.denied.Load() != nil {
		s.logError("connect anew", s.conn.ForceReconnect())
	}
}

// permitted ends a denial when the node has heard itself on a later connection:
// what that denies was said before.
func (s *Server) permitted() {
	if d := s.denied.Load(); d != nil && s.conn.Stats().Reconnects > d.reconnects && s.denied.CompareAndSwap(d, nil) {
		s.Logger.Info("ready again")
	}
}
