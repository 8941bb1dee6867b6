package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
)

const (
	probeFor  = 250 * time.Millisecond
	grace     = 80 * time.Millisecond // in which another process of this name speaks after all others
	askFirst  = 100 * time.Millisecond
	askAtMost = 15 * time.Second // a phone's radio should sleep
)

// meeting asks who else is on the bus: to refuse a name that is taken or a map
// that differs, and to learn which nodes hold no key of an earlier map.
type meeting struct {
	server *Server
	inbox  string
	sub    *nats.Subscription
	infos  chan *nats.Msg
}

func (s *Server) newMeeting() (*meeting, error) {
	m := &meeting{server: s, inbox: s.conn.NewRespInbox(), infos: make(chan *nats.Msg, 256)}
	var err error
	if m.sub, err = s.conn.ChanSubscribe(m.inbox, m.infos); err != nil {
		return nil, fmt.Errorf("subscribe to an inbox: %w", err)
	}
	return m, nil
}

func (m *meeting) close() { _ = m.sub.Unsubscribe() }

func (m *meeting) ask() {
	s := m.server
	s.logError("ask who is there", s.conn.PublishRequest(s.Subjects.Broadcast(events.OpInfo), m.inbox, nil))
}

// probe listens for conflicts before the node answers anything itself: until
// every other member of the map has spoken, and a moment longer; or until
// probeFor is over.
func (m *meeting) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeFor)
	defer cancel()
	again, enough := time.NewTicker(probeFor/5), time.NewTimer(probeFor)
	defer again.Stop()
	defer enough.Stop()
	m.ask()
	for missing := m.others(); ; {
		select {
		case msg := <-m.infos:
			info, err := m.hear(msg)
			if err != nil {
				return err
			}
			if delete(missing, info.Node); len(missing) == 0 {
				enough.Reset(grace)
			}
		case <-again.C:
			m.ask()
		case <-enough.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// others is every member of the map but this node.
func (m *meeting) others() map[string]bool {
	names := map[string]bool{}
	for _, name := range m.server.node.Map.Names(nil) {
		names[name] = true
	}
	delete(names, m.server.node.Name)
	return names
}

// hear passes one answer to the node; an unreadable one counts as silence.
func (m *meeting) hear(msg *nats.Msg) (events.Info, error) {
	if len(msg.Data) == 0 { // no responders
		return events.Info{}, nil
	}
	info, err := events.DecodeInfo(msg.Data)
	if err != nil {
		m.server.logError("read info", err)
		return events.Info{}, nil
	}
	return info, m.server.node.Heard(info)
}

// run goes on asking, ever more seldom, until every other member has said that
// it is settled; and listens until ctx ends.
func (m *meeting) run(ctx context.Context) {
	defer m.close()
	missing, every := m.others(), askFirst
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			if len(missing) > 0 {
				m.ask()
				every = min(2*every, askAtMost)
				timer.Reset(every)
			}
		case msg := <-m.infos:
			info, err := m.hear(msg)
			if err != nil {
				m.server.fail(err)
				return
			}
			if info.Map == m.server.node.Map.ID() && info.Settled {
				delete(missing, info.Node)
			}
		}
	}
}

func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}
