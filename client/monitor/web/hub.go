package web

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dht/client/monitor"
	"dht/events"
)

const (
	maxViewers = 100
	lookEvery  = time.Second
	watchAgain = time.Second // after a watch that failed

	// MaxRate is how many lines a second are shown: nobody reads more, and each
	// costs a browser its time. Nodes need publish no more.
	MaxRate = 500

	// maxWaiting is how many bytes of lines may wait for all viewers together: two
	// that wait for the same line are two.
	maxWaiting = 32 << 20
)

// hub looks once for all viewers, and only while there are any.
type hub struct {
	look  func(context.Context, monitor.Snapshot) (Status, monitor.Snapshot)
	watch func(ctx context.Context, show func(monitor.Line) error) error // nil: there is nothing to watch
	done  chan struct{}                                                  // closed by close
	wait  sync.WaitGroup                                                 // for what runs for viewers

	mu      sync.Mutex // guards what follows
	viewers map[*viewer]struct{}
	last    *Status
	stop    context.CancelFunc
	closed  bool
	waiting atomic.Int64 // bytes of lines, over all viewers
	second  time.Time    // when counting began
	shown   int          // lines since then
}

// join begins a stream, or says why there can be none.
func (h *hub) join() (*viewer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, events.ErrStopped
	case len(h.viewers) >= maxViewers:
		return nil, fmt.Errorf("%w: %d are looking already", events.ErrBusy, maxViewers)
	}
	v := newViewer()
	if len(h.viewers) == 0 {
		h.begin()
	}
	if h.last != nil {
		v.setStatus(frame("status", h.last))
	}
	h.viewers[v] = struct{}{}
	return v, nil
}

// begin runs what viewers see, until the last one leaves.
func (h *hub) begin() {
	var ctx context.Context
	ctx, h.stop = context.WithCancel(context.Background())
	h.last = nil
	again := make(chan struct{}, 1)
	h.wait.Go(func() { h.poll(ctx, again) })
	if h.watch != nil {
		h.wait.Go(func() { h.tail(ctx, again) })
	}
}

// leave ends a stream.
func (h *hub) leave(v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.viewers, v)
	for range len(v.lines) {
		h.taken(<-v.lines)
	}
	if len(h.viewers) == 0 {
		h.stop()
	}
}

// close ends every stream and waits for what ran for them. It is idempotent.
func (h *hub) close() {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.done)
	}
	if h.stop != nil {
		h.stop()
	}
	h.mu.Unlock()
	h.wait.Wait()
}

// taken says that a line does not wait any more.
func (h *hub) taken(line []byte) { h.waiting.Add(-int64(len(line))) }

// poll looks at once, then each second and whenever again says so.
func (h *hub) poll(ctx context.Context, again <-chan struct{}) {
	var snapshot monitor.Snapshot
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		status, next := h.look(ctx, snapshot)
		snapshot = next
		h.whileViewed(ctx, func() { h.setStatus(&status) })
		select {
		case <-tick.C:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// tail shows what goes over the bus. That it cannot is a loss of its own.
func (h *hub) tail(ctx context.Context, again chan<- struct{}) {
	for ctx.Err() == nil {
		err := h.watch(ctx, func(l monitor.Line) error {
			h.whileViewed(ctx, func() { h.show(l) })
			if comesOrGoes(l) {
				select {
				case again <- struct{}{}:
				default:
				}
			}
			return nil
		})
		if err != nil {
			h.whileViewed(ctx, func() { h.show(monitor.Line{Time: time.Now(), Lost: 1, Detail: err.Error()}) })
		}
		select {
		case <-time.After(watchAgain):
		case <-ctx.Done():
		}
	}
}

func comesOrGoes(l monitor.Line) bool {
	return l.Event == events.EventUp || l.Event == events.EventDrain || l.Event == events.EventDown
}

// whileViewed runs f unless the viewers whom it serves have left.
func (h *hub) whileViewed(ctx context.Context, f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() == nil {
		f()
	}
}

// setStatus is called with mu held.
func (h *hub) setStatus(s *Status) {
	h.last = s
	text := frame("status", s)
	for v := range h.viewers {
		v.setStatus(text)
	}
}

// show is called with mu held. A line is written once for all viewers, and not
// at all when none has room for it.
func (h *hub) show(l monitor.Line) {
	if l.Event == events.EventDown && h.last != nil {
		h.setStatus(h.last.without(l.Node)) // the next look waits for an answer first
	}
	var text []byte
	tooMany := l.Op != "" && h.overRate(time.Now())
	for v := range h.viewers {
		switch {
		case tooMany || v.full():
			v.lost.Add(max(1, l.Lost))
			continue
		case text == nil && l.Lost > 0:
			text = frame("lost", l)
		case text == nil:
			text = frame("line", l)
		}
		if h.waiting.Add(int64(len(text))) > maxWaiting {
			h.waiting.Add(-int64(len(text)))
			v.lost.Add(max(1, l.Lost))
			continue
		}
		v.lines <- text
	}
}

// overRate counts one more line. It is called with mu held.
func (h *hub) overRate(now time.Time) bool {
	if now.Sub(h.second) >= time.Second {
		h.second, h.shown = now, 0
	}
	h.shown++
	return h.shown > MaxRate
}

// without is the status once a node is down.
func (s *Status) without(node string) *Status {
	changed := *s
	changed.Nodes = slices.Clone(s.Nodes)
	for i := range changed.Nodes {
		if changed.Nodes[i].Name == node {
			changed.Nodes[i].Up = false
		}
	}
	return &changed
}
