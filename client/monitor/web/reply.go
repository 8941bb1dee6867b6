package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"dht/events"
)

// Failure is the body of a response that is an error.
type Failure struct {
	Error string      `json:"error"`
	Code  events.Code `json:"code"`
}

func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"cannot be written as JSON","code":"internal"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // whoever asked may be gone
}

func fail(w http.ResponseWriter, err error) { failWith(w, events.CodeOf(err).HTTPStatus(), err) }

func failWith(w http.ResponseWriter, status int, err error) {
	code := events.CodeOf(err)
	if code == events.ErrBusy {
		w.Header().Set("Retry-After", "1")
	}
	reply(w, status, Failure{err.Error(), code})
}

const (
	sendStep = 64 << 10
	sendFor  = 5 * time.Second // each step
)

// send writes a value to who takes it at a pace: memory is held meanwhile.
func send(w http.ResponseWriter, r *http.Request, value []byte) {
	from, control := connectionOf(r), http.NewResponseController(w)
	for step := range slices.Chunk(value, sendStep) {
		from.moves()
		_ = control.SetWriteDeadline(time.Now().Add(sendFor))
		if _, err := w.Write(step); err != nil {
			return // whoever asked is gone
		}
	}
	_ = control.SetWriteDeadline(time.Now().Add(sendFor)) // for what is still in a buffer
}

// health answers a supervisor: a word, or what is wrong.
func health(w http.ResponseWriter, word string, trouble error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if trouble != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, trouble)
		return
	}
	fmt.Fprintln(w, word)
}
