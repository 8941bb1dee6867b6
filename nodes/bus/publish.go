package bus

import (
	"time"

	"dht/events"
)

// Notify publishes an event, or drops it and counts it as lost when the bus does
// not take them as fast as they come. Where nobody listens nothing is sent. What
// happens before [Server.Serve] is published then. It fits [nodes.Options], and does
// not block.
func (s *Server) Notify(e events.Event) {
	if s.publisher.tooEarly(e) {
		return
	}
	if e.ID.IsZero() {
		e.ID = s.node.Clock.Next()
	}
	e.Node, e.Source = s.node.Name, s.source
	s.publisher.add(e)
	if e.Type == events.EventMapMismatch {
		s.Handshake()
	}
}

// Handshake asks the other nodes who they are, soon: a link is back, or somebody
// believes in another map.
func (s *Server) Handshake() { signal(s.anew) }

// Observe publishes answers while somebody watches, as many a second as were
// asked for, and costs nothing otherwise. It fits [nodes.Options], and does not
// block.
func (s *Server) Observe(op events.Op, reqs []events.Request, answers []events.Answer, took time.Duration) {
	if !s.watch.on.Load() {
		return
	}
	if op == events.OpKeys {
		answers = answers[len(answers)-1:]
	}
	admitted := s.watch.admit(len(answers), s.node.Clock.Now())
	for i := range answers[:admitted] {
		s.Notify(answered(op, &reqs[i], &answers[i], took))
	}
}

// publishLoss says how many answers were not published.
func (s *Server) publishLoss(n int64) { s.Notify(events.Event{Type: events.EventLost, Lost: n}) }

func answered(op events.Op, r *events.Request, a *events.Answer, took time.Duration) events.Event {
	e := events.Event{Type: events.EventAnswer, Op: op, Key: r.Key, Version: r.Version, Expires: a.Expires,
		Status: a.Status, Took: took, Detail: a.Reason, Request: r.ID}
	switch {
	case op == events.OpKeys:
		e.Key = r.Prefix
	case op.Writes():
		e.Bytes = int64(len(r.Value))
	default:
		e.Bytes = int64(len(a.Value))
	}
	if e.Version.IsZero() {
		e.Version = a.Version
	}
	if a.Error != "" {
		e.Detail = a.Error
	}
	return e
}
