package monitor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"dht/client"
	"dht/events"
)

const (
	// lease is how often nodes are asked to publish their answers.
	lease = events.WatchFor * 2 / 5
	// interval is how often what has waited is looked at.
	interval = 25 * time.Millisecond
	// suspended is how long nothing may be done here before it is said.
	suspended = 2 * time.Second
	// maxShown is how many lines may wait to be shown.
	maxShown = 16_384
	// maxMessages and maxBytes are what may wait to be read.
	maxMessages = 65_536
	maxBytes    = 64 << 20
)

// Watch calls show, one line at a time, with what f lets through, until ctx ends
// or show fails: its error is returned. As long as it runs, nodes publish their
// answers, each of them rate a second and as many more in a burst (0 leaves that to
// them). However slow show is, no node waits for it: what it could not take in
// time is lost, counted, and shown as a line of its own. [events.ErrUnreachable]
// says that conn was closed for good; the caller closes it otherwise.
func Watch(ctx context.Context, conn *nats.Conn, f Filter, rate int, show func(Line) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &watcher{conn: conn, filter: f, lease: events.AppendRequests(nil, events.Request{Limit: rate}),
		messages: make(chan *nats.Msg), infos: make(chan *nats.Msg, 64), lines: make(chan Line, maxShown)}
	w.correlator = NewCorrelator(f, w.queue)
	if err := w.subscribe(ctx); err != nil {
		w.unsubscribe()
		return err
	}
	var failed, ended error
	var wait sync.WaitGroup
	wait.Go(func() {
		defer close(w.lines)
		defer w.unsubscribe()
		ended = w.run(ctx)
		w.end()
	})
	for line := range w.lines {
		if failed == nil {
			failed = show(line)
		}
		if failed != nil {
			cancel()
		}
	}
	wait.Wait()
	return errors.Join(failed, ended)
}

// watcher brings messages to a correlator and queues its lines.
type watcher struct {
	conn       *nats.Conn
	filter     Filter
	correlator *Correlator
	lease      []byte // the message that asks nodes to publish
	subs       []*nats.Subscription
	infoSub    *nats.Subscription // nil before it is subscribed
	status     chan nats.Status
	inbox      string
	messages   chan *nats.Msg
	infos      chan *nats.Msg
	lines      chan Line
	dropped    int   // messages, as last seen
	lost       int64 // what was not shown yet
}

func (w *watcher) subscribe(ctx context.Context) error {
	w.inbox = events.NewInbox(w.conn.Opts.InboxPrefix)
	w.status = w.conn.StatusChanged(nats.RECONNECTING, nats.CONNECTED, nats.CLOSED)
	for _, subject := range w.filter.Subjects() {
		if err := w.hear(ctx, subject); err != nil {
			return err
		}
	}
	var err error
	if w.infoSub, err = w.conn.ChanSubscribe(w.inbox, w.infos); err != nil {
		return fmt.Errorf("watch %s: %w", w.filter, err)
	}
	w.ask()
	needs := append(w.filter.Subjects(), w.inbox, w.filter.subjects.Broadcast(events.OpWatch))
	if err := client.Subscribed(ctx, w.conn, needs...); errors.Is(err, events.ErrRefused) { // a server may yet come
		return fmt.Errorf("watch %s: %w", w.filter, err)
	}
	return nil
}

// hear brings what comes on one subject to the watcher. Messages of different
// subjects may pass each other, as they may on their way.
func (w *watcher) hear(ctx context.Context, subject string) error {
	sub, err := w.conn.Subscribe(subject, func(m *nats.Msg) {
		select {
		case w.messages <- m:
		case <-ctx.Done():
		}
	})
	if err == nil {
		w.subs = append(w.subs, sub)
		err = sub.SetPendingLimits(maxMessages, maxBytes)
	}
	if err != nil {
		return fmt.Errorf("watch %s: %w", subject, err)
	}
	return nil
}

func (w *watcher) unsubscribe() {
	for _, sub := range append(w.subs, w.infoSub) {
		_ = sub.Unsubscribe() // fails on a connection that is closed, and has ended there too
	}
	w.conn.RemoveStatusListener(w.status)
}

func (w *watcher) run(ctx context.Context) error {
	again, tick := time.NewTicker(lease), time.NewTicker(interval)
	defer again.Stop()
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-w.messages:
			w.take(m)
		case m := <-w.infos:
			if info, err := events.DecodeInfo(m.Data); err == nil {
				w.correlator.Leased(info, time.Now())
			}
		case s := <-w.status:
			if s == nats.CLOSED {
				return fmt.Errorf("%w: the connection to the bus was closed", events.ErrUnreachable)
			}
			w.moved(s)
		case <-again.C:
			w.ask()
		case <-tick.C:
			now := time.Now()
			if asleep := now.Sub(last); asleep > suspended {
				w.woke(now, asleep)
			}
			last = now
			w.correlator.Tick(now)
			w.showLoss()
		}
	}
}

// ask takes out or renews the lease. Between two servers it cannot be sent; it
// is asked again soon.
func (w *watcher) ask() {
	if w.filter.answers() {
		_ = w.conn.PublishRequest(w.filter.subjects.Broadcast(events.OpWatch), w.inbox, w.lease)
	}
}

func (w *watcher) take(m *nats.Msg) {
	for _, s := range NewReader(w.filter.subjects).Read(m.Subject, m.Reply, m.Data, time.Now()) {
		w.correlator.Add(s)
		if s.Event.Type == events.EventUp {
			w.ask()
		}
	}
}

// moved shows that the connection is away, or back.
func (w *watcher) moved(s nats.Status) {
	if s == nats.RECONNECTING {
		w.correlator.Missed()
		w.queue(Line{Time: time.Now(), Detail: "not connected: what happens now is not seen"})
		return
	}
	w.queue(Line{Time: time.Now(), Detail: "connected again, to " + client.Addresses(w.conn.ConnectedUrl())})
	w.ask()
}

// woke shows that this process was stopped for a while: NATS keeps only so much
// for who does not read.
func (w *watcher) woke(now time.Time, asleep time.Duration) {
	w.correlator.Missed()
	w.queue(Line{Time: now,
		Detail: fmt.Sprintf("stopped for %v: not all that happened meanwhile is seen", asleep.Round(time.Second))})
	w.ask()
}

// queue lets a line be shown, or counts it as lost.
func (w *watcher) queue(l Line) {
	select {
	case w.lines <- l:
	default:
		w.lost += max(1, l.Lost)
	}
}

// showLoss shows how much was lost since the last time.
func (w *watcher) showLoss() {
	if w.countLoss() == 0 {
		return
	}
	select {
	case w.lines <- w.loss():
		w.lost = 0
	default:
	}
}

func (w *watcher) countLoss() int64 {
	total := 0
	for _, sub := range w.subs {
		if n, err := sub.Dropped(); err == nil {
			total += n
		}
	}
	w.lost += int64(max(0, total-w.dropped))
	w.dropped = max(total, w.dropped)
	return w.lost
}

func (w *watcher) loss() Line {
	return Line{Time: time.Now(), Lost: w.lost, Detail: "this monitor is too slow"}
}

// end shows what is left, and waits until it is taken.
func (w *watcher) end() {
	w.correlator.Close(time.Now())
	if w.countLoss() > 0 {
		w.lines <- w.loss()
	}
}
