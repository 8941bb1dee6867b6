package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
)

const (
	probeFor   = 250 * time.Millisecond
	grace      = 80 * time.Millisecond // in which another process of this name speaks after all others
	confirmFor = time.Second           // a node that was said to differ has to say so itself
	askFirst   = 100 * time.Millisecond
	askAtMost  = 15 * time.Second // a phone's radio should sleep
	askPause   = time.Second      // between two questions that something else gave rise to
	answerFor  = 5 * time.Second  // answers to a question are heard
	mostDoubts = 16               // questions to one node that are open
	// newcomer is how long after its start a node leaves when another is in its
	// place. From then on it stays, whatever is said.
	newcomer = 10 * time.Second
)

// meeting asks who else is on the bus, all the time: to refuse a name that is
// taken or a map that differs, and to learn which nodes hold no key of an
// earlier map. Anyone can write to an inbox: an answer counts when its question
// is open, and a conflict when the node that it is about says so itself, to a
// question of its own.
type meeting struct {
	server *Server
	inbox  string // of all questions, with its last dot; nobody can guess it
	sub    *nats.Subscription
	infos  chan *nats.Msg
	asked  uint64              // how many questions there were
	last   time.Time           // when everybody was asked last
	open   map[string]question // by its inbox
	claims map[string]claim    // by the inbox of the question that they answer
	judge  *time.Timer         // when a claim is old enough
}

// claim is what a node says for which this one cannot be on the bus with it. Where
// two answer in its name, and one of them says nothing such, somebody makes it up.
type claim struct {
	info events.Info
	at   time.Time
}

// claimFor is how long a claim may be contradicted.
const claimFor = 200 * time.Millisecond

func (m *meeting) claim(inbox string, info events.Info) {
	if earlier, claimed := m.claims[inbox]; claimed && info.Node == "" {
		m.claims[inbox] = claim{at: earlier.at}
	} else if !claimed && len(m.claims) < mostDoubts {
		m.claims[inbox] = claim{info, time.Now()}
		m.judge.Reset(claimFor)
	}
}

// believe acts on what nobody has contradicted in time.
func (m *meeting) believe(now time.Time) {
	for inbox, c := range m.claims {
		if now.Sub(c.at) < claimFor {
			m.judge.Reset(claimFor)
			continue
		}
		delete(m.claims, inbox)
		m.server.node.Yield(c.info)
	}
}

// question is one that may still be answered.
type question struct {
	to           string // the node that was asked; empty: everybody
	asked, until time.Time
}

func (s *Server) newMeeting() (*meeting, error) {
	m := &meeting{server: s, infos: make(chan *nats.Msg, 256), open: map[string]question{}, claims: map[string]claim{}}
	m.judge = time.NewTimer(claimFor)
	m.inbox = events.NewInbox(s.conn.Opts.InboxPrefix) + "."
	var err error
	if m.sub, err = s.conn.ChanSubscribe(m.inbox+"*", m.infos); err != nil {
		return nil, fmt.Errorf("subscribe to an inbox: %w", err)
	}
	// The question says which run asks: of two processes of one name each wants to
	// hear the other ask, too.
	s.question, err = json.Marshal(asker{From: s.node.Name, Run: s.run})
	if err != nil {
		return nil, fmt.Errorf("form a question: %w", err)
	}
	return m, nil
}

func (m *meeting) close() {
	m.judge.Stop()
	_ = m.sub.Unsubscribe()
}

// ask asks everybody.
func (m *meeting) ask() {
	m.last = time.Now()
	m.put(m.server.Subjects.Broadcast(events.OpInfo), question{"", m.last, m.last.Add(answerFor)})
}

// askNode asks one node, unless that was just done.
func (m *meeting) askNode(name string, lasting time.Duration) {
	now, doubts := time.Now(), 0
	for _, q := range m.open {
		if q.to == name && now.Sub(q.asked) < askFirst {
			return
		}
		if q.to != "" && now.Before(q.until) {
			doubts++
		}
	}
	if doubts < mostDoubts {
		m.put(m.server.Subjects.Node(name, events.OpInfo), question{name, now, now.Add(lasting)})
	}
}

func (m *meeting) put(subject string, q question) {
	m.forget(q.asked)
	m.asked++
	inbox := m.inbox + strconv.FormatUint(m.asked, 36)
	m.open[inbox] = q
	m.server.logError("ask who is there", m.server.conn.PublishRequest(subject, inbox, m.server.question))
}

// forget closes the questions whose time is over.
func (m *meeting) forget(now time.Time) {
	for inbox, q := range m.open {
		if now.After(q.until) {
			delete(m.open, inbox)
		}
	}
}

// doubts reports whether a conflict still waits to be confirmed.
func (m *meeting) doubts(now time.Time) bool {
	for _, q := range m.open {
		if q.to != "" && now.Before(q.until) {
			return true
		}
	}
	return false
}

// probe listens for conflicts before the node answers anything itself: until
// every other member of the map has spoken, and a moment longer; or until
// probeFor is over. Whoever is said to be in conflict is asked, and waited for.
func (m *meeting) probe(ctx context.Context) error {
	again, enough := time.NewTicker(probeFor/5), time.NewTimer(probeFor)
	defer again.Stop()
	defer enough.Stop()
	m.ask()
	missing, over := m.others(), false
	for begun := time.Now(); !over || m.doubts(time.Now()) && time.Since(begun) < probeFor+confirmFor; {
		select {
		case msg := <-m.infos:
			info, conflict := m.hear(msg)
			if conflict != nil {
				return conflict
			}
			if missing[info.Node] && len(missing) == 1 { // the last one
				enough.Reset(grace)
			}
			delete(missing, info.Node)
		case <-again.C:
			m.ask()
		case <-enough.C:
			over = true
		case <-ctx.Done():
			return nil
		}
	}
	return nil
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

// hear passes an answer on to the node. What says that it cannot be on the same
// bus is a reason to ask who says so; only when that one says it, too, it is
// returned. What cannot be read, or was not asked, counts as silence.
func (m *meeting) hear(msg *nats.Msg) (info events.Info, conflict error) {
	q, asked := m.open[msg.Subject]
	if !asked || time.Now().After(q.until) || len(msg.Data) == 0 { // empty: no responders
		return events.Info{}, nil
	}
	info, err := events.DecodeInfo(msg.Data)
	if err != nil {
		m.server.logError("read info", err)
		return events.Info{}, nil
	}
	conflict = m.server.node.Members().Conflict(info)
	switch {
	case conflict == nil:
		if m.server.Met != nil {
			m.server.Met(info.Node)
		}
		if q.to == info.Node {
			m.claim(msg.Subject, events.Info{}) // of nothing: whoever says something else makes it up
		}
		return info, m.server.node.Heard(info, events.PathNATS)
	case q.to == info.Node:
		m.claim(msg.Subject, info)
		return info, conflict
	case q.to == "" && isName(info.Node):
		m.askNode(info.Node, confirmFor)
	}
	return events.Info{}, nil
}

// isName reports whether name can be part of a subject.
func isName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	return len(name) <= 63 && strings.Trim(name, letters) == ""
}

// run goes on asking, ever more seldom, until ctx ends.
func (m *meeting) run(ctx context.Context) {
	defer m.close()
	s, every := m.server, askFirst
	moved := s.conn.StatusChanged(nats.CONNECTED)
	defer s.conn.RemoveStatusListener(moved)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			m.ask()
			s.askForPermission()
			every = min(2*every, askAtMost)
			timer.Reset(every - rand.N(every/8))
		case <-moved:
			m.askNode(s.node.Name, answerFor) // it is on the bus when that comes back
			signal(s.meet)
		case <-s.meet:
			every = askFirst
			timer.Reset(max(0, askPause-time.Since(m.last)))
		case <-m.judge.C:
			m.believe(time.Now())
		case <-s.rivals.heard:
			m.askNode(s.node.Name, confirmFor)
		case msg := <-m.infos:
			info, conflict := m.hear(msg)
			if info.ID == s.run {
				s.permitted()
			}
			if conflict == nil {
				continue
			}
			if s.leaves(info) {
				s.fail(conflict)
				return
			}
			s.report(info, conflict)
		}
	}
}

// leaves reports whether this node makes room for another: only when it is new
// itself, and has heard the other ask, which no mere answer can pretend. Of two
// that are new the run that began later leaves.
func (s *Server) leaves(other events.Info) bool {
	if time.Since(s.began) > newcomer || !s.rivals.has(other.ID) {
		return false
	}
	elder := time.Duration(other.UptimeMS)*time.Millisecond > newcomer
	return elder || other.ID.Compare(s.run) < 0
}

// report says that another process cannot be on the same bus, but is.
func (s *Server) report(other events.Info, conflict error) {
	if !s.rivals.news(other.ID, time.Now()) {
		return
	}
	s.Logger.Error("another process is in conflict with this node, which stays", "other", other.Node, "run", other.ID, "err", conflict)
	s.Notify(events.Event{Type: events.EventMapMismatch, Detail: conflict.Error()})
}

func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}
