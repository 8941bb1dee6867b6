package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"dht/client/monitor"
)

const (
	queue     = 256              // lines that may wait for a viewer before the newest are lost
	heartbeat = 15 * time.Second // when nothing else is sent
	takeFor   = 10 * time.Second // a viewer's time to take what is written
)

// viewer is one open stream.
type viewer struct {
	status chan []byte  // the latest one only
	lines  chan []byte  // filled by the hub alone
	lost   atomic.Int64 // lines
}

func newViewer() *viewer {
	return &viewer{status: make(chan []byte, 1), lines: make(chan []byte, queue)}
}

func (v *viewer) full() bool { return len(v.lines) == cap(v.lines) }

// setStatus replaces what was not taken yet.
func (v *viewer) setStatus(text []byte) {
	select {
	case <-v.status:
	default:
	}
	v.status <- text
}

// write writes what waits, without a copy of it. What was lost comes last, as it
// did.
func (v *viewer) write(w io.Writer, text []byte, taken func(line []byte)) error {
	_, err := w.Write(text)
	for range len(v.lines) {
		line := <-v.lines
		taken(line)
		if err == nil {
			_, err = w.Write(line)
		}
	}
	if lost := v.lost.Swap(0); lost > 0 && err == nil {
		_, err = w.Write(frame("lost", monitor.Line{Time: time.Now(), Lost: lost,
			Detail: "more than this page can show"}))
	}
	return err
}

// frame is one server-sent event.
func frame(event string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Appendf(nil, ": %s cannot be written as JSON\n\n", event)
	}
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", event, data)
}

// events streams to one viewer until it leaves, stops reading, or the server
// closes.
func (s *site) events(w http.ResponseWriter, r *http.Request) {
	if _, err := query(r); err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead { // its response would never end
		return
	}
	v, err := s.hub.join()
	if err != nil {
		fail(w, err)
		return
	}
	defer s.hub.leave(v)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // the request is read, and the stream may last
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for text := []byte("retry: 1000\n\n"); ; {
		_ = control.SetWriteDeadline(time.Now().Add(takeFor))
		if v.write(w, text, s.hub.taken) != nil || control.Flush() != nil {
			return
		}
		select {
		case text = <-v.status:
		case text = <-v.lines:
			s.hub.taken(text)
		case <-beat.C:
			text = []byte(": still here\n\n")
		case <-s.hub.done:
			return
		case <-r.Context().Done():
			return
		}
	}
}
