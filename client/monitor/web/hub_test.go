package web

import (
	"context"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"dht/client/monitor"
	"dht/events"
)

// What waits for all viewers together has a bound, and what is taken, or waits for
// one who leaves, does not count any more.
func TestHub_WaitingIsBounded(t *testing.T) {
	h := &hub{look: func(context.Context, monitor.Snapshot) (Status, monitor.Snapshot) {
		return Status{}, monitor.Snapshot{}
	}, done: make(chan struct{}), viewers: map[*viewer]struct{}{}}
	defer h.close()
	var viewers []*viewer
	for range maxViewers {
		v, err := h.join()
		if err != nil {
			t.Fatal(err)
		}
		viewers = append(viewers, v)
	}
	detail := strings.Repeat("d", 10_000)
	for i := range queue {
		h.mu.Lock()
		h.show(monitor.Line{Time: time.Now(), Event: events.EventMerge, Node: "mac", Detail: strconv.Itoa(i) + detail})
		h.mu.Unlock()
	}
	waiting, held, lost := h.waiting.Load(), 0, int64(0)
	for _, v := range viewers {
		held += len(v.lines)
		lost += v.lost.Load()
	}
	if waiting > maxWaiting || waiting < maxWaiting/2 || int64(held)+lost != maxViewers*queue || lost == 0 {
		t.Errorf("%d bytes in %d lines wait, %d are not shown", waiting, held, lost)
	}
	if err := viewers[0].write(io.Discard, nil, h.taken); err != nil || viewers[0].lost.Load() != 0 {
		t.Errorf("%v, %d lines still count as lost", err, viewers[0].lost.Load())
	}
	for _, v := range viewers {
		h.leave(v)
	}
	if h.waiting.Load() != 0 {
		t.Errorf("%d bytes wait for nobody", h.waiting.Load())
	}
}
