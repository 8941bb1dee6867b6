package bus

import (
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
)

// Publisher takes a node's events from the moment it is made, and sends them once
// there is a server that serves, over a connection of its own: a NATS server holds up who
// publishes to a reader that lags behind, and that must not hold up answers
// (BenchmarkDeafReader: puts came at less than half the rate).
//
// Nor does it send what nobody would get, where it can ask its own server whether
// somebody listens. A server elsewhere says so to a request, but so can anybody
// who wants others not to hear: there every event is sent.
type Publisher struct {
	node   string
	source string // of all events
	clock  *events.Clock
	watch  watch
	anew   chan struct{} // holds a token when there is a reason to ask who is there

	conn     *nats.Conn                // nil until it opens
	interest func(subject string) bool // nil: somebody may listen to everything
	subjects map[events.EventType]string
	listened map[events.EventType]bool // of what is being sent
	text     []byte                    // room to encode an event in

	wake chan struct{} // holds a token when there is something to send
	many chan struct{} // holds a token when there is much to send

	mu    sync.Mutex // guards what follows
	waits backlog
	lost  int64 // events that were not published since the last one that was
}

// backlog is what waits to be sent. The events' keys and requests are copies, one
// behind the other.
type backlog struct {
	events []events.Event
	keys   []byte
}

const (
	askAgain    = 20 * time.Millisecond // whether somebody listens, after nobody did
	gather      = 2 * time.Millisecond  // between two sendings, where nobody can be asked
	mostWaiting = 16_384                // events that wait to be sent; further ones are lost
	mostKeys    = 4 << 20               // bytes of their keys
	manyWaiting = 2048                  // events that do not wait any longer for somebody to listen
)

// NewPublisher makes the publisher of a cluster's node. What happens before
// [Server.Serve] waits until then.
func NewPublisher(cluster, node string, clock *events.Clock) *Publisher {
	p := &Publisher{node: node, source: events.Source(cluster, node), clock: clock,
		anew: make(chan struct{}, 1), wake: make(chan struct{}, 1), many: make(chan struct{}, 1),
		subjects: map[events.EventType]string{}, listened: map[events.EventType]bool{}}
	p.watch.lost = p.publishLoss
	return p
}

// startPublishing sends events from now on: what has happened so far comes first.
func (s *Server) startPublishing() (err error) {
	p := s.publisher
	o := s.conn.Opts
	o.Name += ", events"
	if p.conn, err = o.Connect(); err != nil {
		return fmt.Errorf("connect node %s to the bus for its events: %w", p.node, err)
	}
	p.interest = s.Interest
	for _, kind := range events.EventTypes() {
		p.subjects[kind] = s.Subjects.Event(p.node, kind)
	}
	s.wait.Go(func() { p.run(s.gone) })
	return nil
}

// add leaves e to be sent. It is called from the store's goroutine, which every
// writer waits for: the rest is done elsewhere.
func (p *Publisher) add(e events.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &p.waits
	if len(w.events) >= mostWaiting || len(w.keys) >= mostKeys {
		p.lost++
		return
	}
	if e.Type != events.EventLost {
		e.Lost, p.lost = p.lost, 0
	}
	begin := len(w.keys)
	w.keys = append(w.keys, e.Key...)
	mid := len(w.keys)
	w.keys = append(w.keys, e.Request...)
	e.Key, e.Request = w.keys[begin:mid:mid], w.keys[mid:]
	w.events = append(w.events, e)
	switch len(w.events) {
	case 1:
		signal(p.wake)
	case manyWaiting:
		signal(p.many)
	}
}

// lose counts n events that are not published.
func (p *Publisher) lose(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost += n
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run sends what waits, until gone is closed.
func (p *Publisher) run(gone <-chan struct{}) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	var taken backlog
	for open := true; open; {
		select {
		case <-p.wake:
		case <-gone:
		}
		select { // as long as somebody listens, pause is over
		case <-pause.C:
		case <-p.many:
		case <-gone:
			open = false
		}
		taken = p.take(taken)
		switch heard := p.send(taken.events); {
		case !heard:
			pause.Reset(askAgain)
		case p.interest == nil:
			pause.Reset(gather)
		default:
			pause.Reset(0)
		}
	}
}

// take returns what waits. It reuses spare.
func (p *Publisher) take(spare backlog) (taken backlog) {
	if cap(spare.events) > 2*manyWaiting { // after a burst
		spare = backlog{}
	}
	clear(spare.events)
	p.mu.Lock()
	defer p.mu.Unlock()
	taken, p.waits = p.waits, backlog{spare.events[:0], spare.keys[:0]}
	return taken
}

// send sends what was taken, and reports whether somebody listens to any of it. What
// the bus does not take is lost.
func (p *Publisher) send(taken []events.Event) (heard bool) {
	clear(p.listened)
	lost, unsent := int64(0), int64(0)
	for i := range taken {
		e := &taken[i]
		if !p.somebody(e.Type) {
			unsent += e.Lost
			continue
		}
		p.text = e.AppendTo(p.text[:0])
		if err := p.conn.Publish(p.subjects[e.Type], p.text); err != nil {
			lost += 1 + e.Lost
			continue
		}
		heard = true
	}
	if heard { // of what others lost, too
		lost += unsent
	}
	p.lose(lost)
	return heard
}

// somebody reports whether somebody listens to events of a type; the server is
// asked once for all that is sent together.
func (p *Publisher) somebody(kind events.EventType) bool {
	if p.interest == nil {
		return true
	}
	listens, known := p.listened[kind]
	if !known {
		listens = p.interest(p.subjects[kind])
		p.listened[kind] = listens
	}
	return listens
}

func (p *Publisher) close() {
	if p.conn != nil {
		p.conn.Close()
	}
}
