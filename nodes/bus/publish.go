package bus

import (
	"time"

	"dht/events"
)

// Notify publishes an event, or drops it and counts it as lost when the bus does
// not take them as fast as they come. Where nobody listens nothing is sent. What
// happens before [Server.Serve] is published then. It fits [nodes.Options], and does
// not block.
func (p *Publisher) Notify(e events.Event) {
	if e.ID.IsZero() {
		e.ID = p.clock.Next()
	}
	e.Node, e.Source = p.node, p.source
	p.add(e)
	if e.Type == events.EventMapMismatch {
		signal(p.anew)
	}
}

// Handshake asks the other nodes who they are, soon: a link is back, or somebody
// believes in another map.
func (s *Server) Handshake() { signal(s.publisher.anew) }

// Observe publishes answers while somebody watches, as many a second as were
// asked for, and costs nothing otherwise. It fits [nodes.Options], and does not
// block.
func (p *Publisher) Observe(op events.Op, reqs []events.Request, answers []events.Answer, took time.Duration) {
	if !p.watch.on.Load() {
		return
	}
	if op == events.OpKeys {
		answers = answers[len(answers)-1:]
	}
	admitted := p.watch.admit(len(answers), p.clock.Now())
	for i := range answers[:admitted] {
		p.Notify(answered(op, &reqs[i], &answers[i], took))
	}
}

// publishLoss says how many answers were not published.
func (p *Publisher) publishLoss(n int64) { p.Notify(events.Event{Type: events.EventLost, Lost: n}) }

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
