package web

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"dht/client/monitor"
	"dht/events"
)

const (
	maxViewers = 100
	lookEvery  = time.Second
	queue      = 256 // frames that may wait for a viewer before the newest are lost
)

// hub looks once for all viewers, and only while there are any.
type hub struct {
	look func(context.Context, *monitor.Board) Status
	done chan struct{} // closed by close

	mu      sync.Mutex // guards what follows
	viewers map[*viewer]struct{}
	last    []byte // status frame
	stop    context.CancelFunc
	wait    sync.WaitGroup // for what runs for viewers
	closed  bool
}

// viewer is one open stream.
type viewer struct {
	status chan []byte // the latest one only
	lines  chan []byte
	lost   atomic.Int64
}

func newHub(look func(context.Context, *monitor.Board) Status) *hub {
	return &hub{look: look, done: make(chan struct{}), viewers: map[*viewer]struct{}{}}
}

// join begins a stream, or says why there can be none.
func (h *hub) join() (*viewer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, fmt.Errorf("%w", events.ErrStopped)
	case len(h.viewers) >= maxViewers:
		return nil, fmt.Errorf("%w: %d are looking already", events.ErrBusy, maxViewers)
	}
	v := &viewer{status: make(chan []byte, 1), lines: make(chan []byte, queue)}
	if len(h.viewers) == 0 {
		h.begin()
	} else if h.last != nil {
		v.status <- h.last
	}
	h.viewers[v] = struct{}{}
	return v, nil
}

func (h *hub) begin() {
	var ctx context.Context
	ctx, h.stop = context.WithCancel(context.Background())
	h.last = nil
	h.wait.Go(func() { h.poll(ctx) })
}

// leave ends a stream.
func (h *hub) leave(v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.viewers, v)
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

// poll looks at once, and then each second.
func (h *hub) poll(ctx context.Context) {
	var board monitor.Board
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		status := h.look(ctx, &board)
		if ctx.Err() != nil {
			return
		}
		h.tellStatus(ctx, frame("status", status))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (h *hub) tellStatus(ctx context.Context, frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil { // it was for viewers who have left
		return
	}
	h.last = frame
	for v := range h.viewers {
		select {
		case <-v.status: // older
		default:
		}
		v.status <- frame
	}
}

// frame is one server-sent event.
func frame(event string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", event, data)
}
