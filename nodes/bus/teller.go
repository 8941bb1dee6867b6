package bus

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
)

// teller sends events, over a connection of its own: a NATS server holds up who
// publishes to a reader that lags behind, and that must not hold up answers
// (BenchmarkDeafReader: puts came at less than half the rate).
//
// Nor does it send what nobody would get, where it can ask its own server whether
// somebody listens. A server elsewhere says so to a request, but so can anybody
// who wants others not to hear: there every event is sent.
type teller struct {
	conn     *nats.Conn                // nil until it opens
	interest func(subject string) bool // nil: somebody may listen to everything
	subjects map[events.EventType]string
	listened map[events.EventType]bool // of this batch
	text     []byte                    // room to encode an event in

	wake chan struct{} // holds a token when there is something to send
	many chan struct{} // holds a token when there is much to send
	open atomic.Bool   // set with mu held

	mu    sync.Mutex     // guards what follows
	early []events.Event // from before it opened
	waits backlog
	lost  int64 // events that were not told since the last one that was
}

// backlog is what waits to be sent. The events' keys and requests are copies, one
// behind the other.
type backlog struct {
	events []events.Event
	keys   []byte
}

const (
	askAgain    = 20 * time.Millisecond // whether somebody listens, after nobody did
	gather      = 2 * time.Millisecond  // between two batches, where nobody can be asked
	mostEarly   = 1024
	mostWaiting = 16_384  // events that wait to be sent; further ones are lost
	mostKeys    = 4 << 20 // bytes of their keys
	manyWaiting = 2048    // events that do not wait any longer for somebody to listen
)

func newTeller() teller {
	return teller{wake: make(chan struct{}, 1), many: make(chan struct{}, 1),
		subjects: map[events.EventType]string{}, listened: map[events.EventType]bool{}}
}

// startTelling opens the teller: what has happened so far comes first.
func (s *Server) startTelling() (err error) {
	t := &s.teller
	s.source = events.Source(s.node.Map.Name(), s.node.Name)
	o := s.conn.Opts
	o.Name += ", events"
	if t.conn, err = o.Connect(); err != nil {
		return fmt.Errorf("connect node %s to the bus for its events: %w", s.node.Name, err)
	}
	t.interest = s.Interest
	for _, kind := range events.EventTypes() {
		t.subjects[kind] = s.Subjects.Event(s.node.Name, kind)
	}
	for _, e := range t.begin() {
		s.Notify(e)
	}
	s.wait.Go(func() { t.run(s.gone) })
	return nil
}

// begin opens the teller, and returns what happened before.
func (t *teller) begin() (early []events.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open.Store(true)
	early, t.early = t.early, nil
	return early
}

// tooEarly reports whether e was kept for when the teller opens, or lost.
func (t *teller) tooEarly(e events.Event) bool {
	if t.open.Load() {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.open.Load():
		return false
	case len(t.early) >= mostEarly:
		t.lost++
	default:
		e.Key, e.Request = bytes.Clone(e.Key), bytes.Clone(e.Request)
		t.early = append(t.early, e)
	}
	return true
}

// add leaves e to be sent. It is called from the store's goroutine, which every
// writer waits for: the rest is done elsewhere.
func (t *teller) add(e events.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &t.waits
	if len(w.events) >= mostWaiting || len(w.keys) >= mostKeys {
		t.lost++
		return
	}
	if e.Type != events.EventLost {
		e.Lost, t.lost = t.lost, 0
	}
	begin := len(w.keys)
	w.keys = append(w.keys, e.Key...)
	mid := len(w.keys)
	w.keys = append(w.keys, e.Request...)
	e.Key, e.Request = w.keys[begin:mid:mid], w.keys[mid:]
	w.events = append(w.events, e)
	switch len(w.events) {
	case 1:
		signal(t.wake)
	case manyWaiting:
		signal(t.many)
	}
}

// lose counts n events that are not told.
func (t *teller) lose(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lost += n
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run sends what waits, until gone is closed.
func (t *teller) run(gone <-chan struct{}) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	var batch backlog
	for open := true; open; {
		select {
		case <-t.wake:
		case <-gone:
		}
		select { // as long as somebody listens, pause is over
		case <-pause.C:
		case <-t.many:
		case <-gone:
			open = false
		}
		batch = t.take(batch)
		switch heard := t.send(batch.events); {
		case !heard:
			pause.Reset(askAgain)
		case t.interest == nil:
			pause.Reset(gather)
		default:
			pause.Reset(0)
		}
	}
}

// take returns what waits. It reuses spare.
func (t *teller) take(spare backlog) (batch backlog) {
	if cap(spare.events) > 2*manyWaiting { // after a burst
		spare = backlog{}
	}
	clear(spare.events)
	t.mu.Lock()
	defer t.mu.Unlock()
	batch, t.waits = t.waits, backlog{spare.events[:0], spare.keys[:0]}
	return batch
}

// send sends a batch, and reports whether somebody listens to any of it. What
// the bus does not take is lost.
func (t *teller) send(batch []events.Event) (heard bool) {
	clear(t.listened)
	lost, untold := int64(0), int64(0)
	for i := range batch {
		e := &batch[i]
		if !t.somebody(e.Type) {
			untold += e.Lost
			continue
		}
		t.text = e.AppendTo(t.text[:0])
		if err := t.conn.Publish(t.subjects[e.Type], t.text); err != nil {
			lost += 1 + e.Lost
			continue
		}
		heard = true
	}
	if heard { // of what others lost, too
		lost += untold
	}
	t.lose(lost)
	return heard
}

// somebody reports whether somebody listens to events of a type; it is asked once
// for a batch.
func (t *teller) somebody(kind events.EventType) bool {
	if t.interest == nil {
		return true
	}
	listens, known := t.listened[kind]
	if !known {
		listens = t.interest(t.subjects[kind])
		t.listened[kind] = listens
	}
	return listens
}

func (t *teller) close() {
	if t.conn != nil {
		t.conn.Close()
	}
}
