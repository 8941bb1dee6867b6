package web

import (
	"net/http"
	"time"
)

const (
	heartbeat = 15 * time.Second
	takeFor   = 10 * time.Second // a viewer's time to take what is written
)

// events streams to one viewer until it leaves, stops reading, or the server
// closes.
func (s *site) events(w http.ResponseWriter, r *http.Request) {
	if _, err := query(r); err != nil {
		fail(w, err)
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
	w.Header().Set("Content-Type", "text/event-stream")
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for text := []byte("retry: 1000\n\n"); ; {
		_ = control.SetWriteDeadline(time.Now().Add(takeFor))
		if _, err := w.Write(text); err != nil || control.Flush() != nil {
			return
		}
		select {
		case text = <-v.status:
		case text = <-v.lines:
		case <-beat.C:
			text = []byte(": still here\n\n")
		case <-s.hub.done:
			return
		case <-r.Context().Done():
			return
		}
	}
}
