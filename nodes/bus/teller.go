package bus

import (
	"bytes"
	"fmt"
	"strconv"
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
// Nor does it send what nobody would get. An event now and then is published as
// a request: when nobody subscribes to its subject, the server says so. Then
// events of this type wait, and once in a while one of them asks again. If
// somebody listens by now all of them are told, else they are forgotten: a
// subscriber gets every event from its subscription on, the first ones a moment
// later.
type teller struct {
	conn     *nats.Conn     // nil until it opens
	inbox    string         // of all requests
	asked    uint64         // how many there were
	nobody   chan *nats.Msg // what the server says to them
	subjects map[events.EventType]string
	listened map[events.EventType]listened
	text     []byte // room to encode an event in

	wake chan struct{} // holds a token when there is something to send
	many chan struct{} // holds a token when there is much to send
	open atomic.Bool   // set with mu held

	mu    sync.Mutex     // guards what follows
	early []events.Event // from before it opened
	waits backlog
	lost  int64 // events that were not told since the last one that was
}

// listened is what is known about who listens to events of a type.
type listened struct {
	somebody bool
	asked    time.Time
	inbox    string // where the server says that nobody does
}

// backlog is what waits to be sent. The events' keys and requests are copies, one
// behind the other.
type backlog struct {
	events []events.Event
	keys   []byte
}

const (
	askAgain    = 20 * time.Millisecond  // whether somebody listens, after nobody did
	askStill    = 250 * time.Millisecond // the same, after somebody did
	askFor      = time.Second            // a server that is slower is one where somebody does
	mostEarly   = 1024
	mostWaiting = 16_384  // events that wait to be sent; further ones are lost
	mostKeys    = 4 << 20 // bytes of their keys
	manyWaiting = 2048    // events that do not wait any longer for somebody to listen
)

func newTeller() teller {
	return teller{wake: make(chan struct{}, 1), many: make(chan struct{}, 1), nobody: make(chan *nats.Msg, 64),
		subjects: map[events.EventType]string{}, listened: map[events.EventType]listened{}}
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
	t.inbox = t.conn.NewRespInbox()
	if _, err := t.conn.ChanSubscribe(t.inbox+".*", t.nobody); err != nil {
		return fmt.Errorf("subscribe to an inbox: %w", err)
	}
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
		if t.send(batch.events) {
			pause.Reset(0)
		} else {
			pause.Reset(askAgain)
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
	t.hear()
	asked, lost, untold := time.Now(), int64(0), int64(0)
	for i := range batch {
		e := &batch[i]
		known := t.listened[e.Type]
		if !known.somebody && known.asked == asked { // a moment ago
			untold += e.Lost
			continue
		}
		if err := t.publish(e, asked); err != nil {
			lost += 1 + e.Lost
			continue
		}
		if t.listened[e.Type].somebody {
			heard = true
		} else {
			untold += e.Lost
		}
	}
	if heard { // of what others lost, too
		lost += untold
	}
	t.lose(lost)
	return heard
}

// publish sends e, and finds out now and then whether somebody listens.
func (t *teller) publish(e *events.Event, now time.Time) error {
	t.text = e.AppendTo(t.text[:0])
	known := t.listened[e.Type]
	if known.somebody && now.Sub(known.asked) < askStill {
		return t.conn.Publish(t.subjects[e.Type], t.text)
	}
	t.asked++
	inbox := t.inbox + "." + strconv.FormatUint(t.asked, 10)
	t.listened[e.Type] = listened{somebody: true, asked: now, inbox: inbox}
	if err := t.conn.PublishRequest(t.subjects[e.Type], inbox, t.text); err != nil {
		return err
	}
	if !known.somebody && t.conn.IsConnected() {
		_ = t.conn.FlushTimeout(askFor) // what the server has to say comes before its pong
		t.hear()
	}
	return nil
}

// hear takes what the server has said: to which events nobody listens.
func (t *teller) hear() {
	for {
		select {
		case m := <-t.nobody:
			for kind, known := range t.listened {
				if known.inbox == m.Subject && m.Header.Get("Status") == noResponders {
					t.listened[kind] = listened{asked: known.asked}
				}
			}
		default:
			return
		}
	}
}

const noResponders = "503"

func (t *teller) close() {
	if t.conn != nil {
		t.conn.Close()
	}
}
