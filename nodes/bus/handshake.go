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
	"dht/nodes/members"
)

const (
	probeFor    = 250 * time.Millisecond
	grace       = 80 * time.Millisecond  // in which another process of this name speaks after all others
	confirmFor  = time.Second            // a node that was said to differ has to say so itself
	answerFor   = 5 * time.Second        // answers to a question are heard
	askPause    = time.Second            // between two questions that something else gave rise to
	askNodeEach = 100 * time.Millisecond // one node is not asked more often
	mostPending = 16                     // questions to single nodes that are open
	// newcomer is how long after its start a node leaves when another is in its
	// place. From then on it stays, whatever is said.
	newcomer = 10 * time.Second
)

// handshake asks who else is on the bus, all the time: to refuse a name that is
// taken or a map that differs, and to learn which nodes hold no key of an
// earlier map. Anyone can write to an inbox: an answer counts when its question
// is open, and a conflict when the node that it is about says so itself, to a
// question of its own. What was heard is kept in [members.Table].
type handshake struct {
	server  *Server
	members *members.Table
	message []byte // the question; it names the run that asks
	inbox   string // of all questions, with its last dot; nobody can guess it
	sub     *nats.Subscription
	answers chan *nats.Msg
	asked   uint64             // how many questions there were
	last    time.Time          // when everybody was asked last
	open    map[string]inquiry // by its inbox
	judge   *time.Timer        // when a claim is old enough
}

// inquiry is a question that may still be answered.
type inquiry struct {
	to           string // the node that was asked; empty: everybody
	asked, until time.Time
}

// asker is what a node's own question says of it.
type asker struct {
	From string         `json:"x-from"`
	Run  events.Version `json:"x-run"`
}

func (s *Server) newHandshake() (*handshake, error) {
	h := &handshake{server: s, members: s.node.Members(), answers: make(chan *nats.Msg, 256),
		open: map[string]inquiry{}}
	h.judge = time.NewTimer(members.ClaimFor)
	h.inbox = events.NewInbox(s.conn.Opts.InboxPrefix) + "."
	var err error
	if h.sub, err = s.conn.ChanSubscribe(h.inbox+"*", h.answers); err != nil {
		return nil, fmt.Errorf("subscribe to an inbox: %w", err)
	}
	// Of two processes of one name each wants to hear the other ask, too.
	if h.message, err = json.Marshal(asker{From: s.node.Name, Run: s.run}); err != nil {
		return nil, fmt.Errorf("form a question: %w", err)
	}
	return h, nil
}

func (h *handshake) close() {
	h.judge.Stop()
	_ = h.sub.Unsubscribe()
}

// ask asks everybody.
func (h *handshake) ask() {
	h.last = time.Now()
	h.put(h.server.Subjects.Broadcast(events.OpInfo), inquiry{"", h.last, h.last.Add(answerFor)})
}

// askNode asks one node, unless that was just done.
func (h *handshake) askNode(name string, lasting time.Duration) {
	now, pending := time.Now(), 0
	for _, q := range h.open {
		if q.to == name && now.Sub(q.asked) < askNodeEach {
			return
		}
		if q.to != "" && now.Before(q.until) {
			pending++
		}
	}
	if pending < mostPending {
		h.put(h.server.Subjects.Node(name, events.OpInfo), inquiry{name, now, now.Add(lasting)})
	}
}

func (h *handshake) put(subject string, q inquiry) {
	h.forget(q.asked)
	h.asked++
	inbox := h.inbox + strconv.FormatUint(h.asked, 36)
	h.open[inbox] = q
	h.server.logError("ask who is there", h.server.conn.PublishRequest(subject, inbox, h.message))
}

// forget closes the questions whose time is over.
func (h *handshake) forget(now time.Time) {
	for inbox, q := range h.open {
		if now.After(q.until) {
			delete(h.open, inbox)
		}
	}
}

// pending reports whether a conflict still waits to be confirmed.
func (h *handshake) pending(now time.Time) bool {
	for _, q := range h.open {
		if q.to != "" && now.Before(q.until) {
			return true
		}
	}
	return false
}

// probe listens for conflicts before the node answers anything itself: until
// every other member of the map has spoken, and a moment longer; or until
// probeFor is over. Whoever is said to be in conflict is asked, and waited for.
func (h *handshake) probe(ctx context.Context) error {
	again, enough := time.NewTicker(probeFor/5), time.NewTimer(probeFor)
	defer again.Stop()
	defer enough.Stop()
	clock, begun := h.server.node.Clock, time.Now()
	since := clock.Now()
	silent, over := len(h.members.Silent(events.PathNATS, since)), false
	h.ask()
	for !over || h.pending(time.Now()) && time.Since(begun) < probeFor+confirmFor {
		select {
		case msg := <-h.answers:
			if _, conflict := h.hear(msg); conflict != nil {
				return conflict
			}
			before := silent
			if silent = len(h.members.Silent(events.PathNATS, since)); silent == 0 && before > 0 {
				enough.Reset(grace)
			}
		case <-again.C:
			h.ask()
		case <-enough.C:
			over = true
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// hear passes an answer on to the node. What says that it cannot be on the same
// bus is a reason to ask who says so; only when that one says it, too, it is
// returned. What cannot be read, or was not asked, counts as silence.
func (h *handshake) hear(msg *nats.Msg) (info events.Info, conflict error) {
	q, asked := h.open[msg.Subject]
	if !asked || time.Now().After(q.until) || len(msg.Data) == 0 { // empty: no responders
		return events.Info{}, nil
	}
	info, err := events.DecodeInfo(msg.Data)
	if err != nil {
		h.server.logError("read info", err)
		return events.Info{}, nil
	}
	conflict = h.members.Conflict(info)
	switch {
	case conflict == nil:
		if h.server.Met != nil {
			h.server.Met(info.Node)
		}
		if q.to == info.Node {
			h.await(h.members.Deny(msg.Subject, time.Now())) // whoever says something else makes it up
		}
		return info, h.server.node.Heard(info, events.PathNATS)
	case q.to == info.Node:
		h.await(h.members.Claim(msg.Subject, info, time.Now()))
		return info, conflict
	case q.to == "" && isName(info.Node):
		h.askNode(info.Node, confirmFor)
	}
	return events.Info{}, nil
}

// await sees to it that claims are judged in time.
func (h *handshake) await(waiting bool) {
	if waiting {
		h.judge.Reset(members.ClaimFor)
	}
}

// believe acts on what nobody has denied in time.
func (h *handshake) believe() {
	infos, waiting := h.members.Undenied(time.Now())
	h.await(waiting)
	for _, info := range infos {
		h.server.node.Yield(info)
	}
}

// isName reports whether name can be part of a subject.
func isName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	return len(name) <= 63 && strings.Trim(name, letters) == ""
}

// run goes on asking, ever more seldom, until ctx ends.
func (h *handshake) run(ctx context.Context) {
	defer h.close()
	s, tries := h.server, 0
	connected := s.conn.StatusChanged(nats.CONNECTED)
	defer s.conn.RemoveStatusListener(connected)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			h.ask()
			s.askForPermission()
			tries++
			timer.Reset(jittered(members.Backoff(tries)))
		case <-connected:
			h.askNode(s.node.Name, answerFor) // it is on the bus when that comes back
			signal(s.publisher.anew)
		case <-s.publisher.anew:
			tries = 0
			timer.Reset(max(0, askPause-time.Since(h.last)))
		case <-h.judge.C:
			h.believe()
		case <-s.namesake:
			h.askNode(s.node.Name, confirmFor)
		case msg := <-h.answers:
			if err := h.take(msg); err != nil {
				s.fail(err)
				return
			}
		}
	}
}

// jittered keeps nodes that began together from asking together for ever.
func jittered(pause time.Duration) time.Duration { return pause - rand.N(pause/8) }

// take hears an answer while the node serves. An error says why it has to leave.
func (h *handshake) take(msg *nats.Msg) error {
	info, conflict := h.hear(msg)
	switch {
	case info.ID == h.server.run:
		h.server.permitted()
	case conflict == nil:
	case h.leaves(info):
		return conflict
	default:
		h.report(info, conflict)
	}
	return nil
}

// leaves reports whether this node makes room for another: only when it is new
// itself, and has heard the other ask, which no mere answer can pretend. Of two
// that are new the run that began later leaves.
func (h *handshake) leaves(other events.Info) bool {
	if time.Since(h.server.began) > newcomer || !h.members.HasAsked(other.ID, time.Now()) {
		return false
	}
	elder := time.Duration(other.UptimeMS)*time.Millisecond > newcomer
	return elder || other.ID.Compare(h.server.run) < 0
}

// report says that another process cannot be on the same bus, but is.
func (h *handshake) report(other events.Info, conflict error) {
	if !h.members.Report(other.ID, time.Now()) {
		return
	}
	h.server.Logger.Error("another process is in conflict with this node, which stays",
		"other", other.Node, "run", other.ID, "err", conflict)
	h.server.publisher.Notify(events.Event{Type: events.EventMapMismatch, Detail: conflict.Error()})
}

// noteAsker remembers which run has asked, where a question says so. One that is
// new on the bus is asked in turn; one of this node's own name whenever it asks.
func (s *Server) noteAsker(message []byte) {
	var a asker
	if len(message) < len(`{"x-run":""}`) || json.Unmarshal(message, &a) != nil || a.Run == s.run || a.Run.IsZero() {
		return
	}
	if s.node.Members().NoteAsker(a.Run, time.Now()) {
		s.Handshake()
	}
	if a.From == s.node.Name {
		signal(s.namesake)
	}
}

func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}
