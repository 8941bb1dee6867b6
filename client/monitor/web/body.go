package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"dht/events"
)

// A value has to come at a steady pace: so long to begin with, and so many bytes
// a second from then on.
const (
	bodyPatience = 5 * time.Second
	bodyPace     = 16 << 10
	bodyStep     = 4 << 10 // what is held before anything has come
)

// body is a value on its way in. What it holds is taken from a share of all
// bodies as it comes, so that a length that is only announced takes nothing.
type body struct {
	held  share
	taken int64
	value []byte
}

// release gives back what the body took. The value must not be used after it.
func (b *body) release() { b.held.Release(b.taken) }

// read reads the whole value. The server only waits meanwhile: the connection may
// have to make room for another.
func (b *body) read(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > events.MaxValue {
		w.Header().Set("Connection", "close") // rather than read it all the same
		return fmt.Errorf("%w: a value is at most %d bytes long, this one %d",
			events.ErrTooLarge, events.MaxValue, r.ContentLength)
	}
	from := connectionOf(r)
	err := b.readAll(w, r, from)
	if err == nil && !from.work(false) {
		err = fmt.Errorf("%w: too many requests are under way", events.ErrBusy)
	}
	return err
}

func (b *body) readAll(w http.ResponseWriter, r *http.Request, from *connection) error {
	control, begun := http.NewResponseController(w), time.Now()
	for {
		if err := b.grow(r); err != nil {
			return err
		}
		_ = control.SetReadDeadline(begun.Add(bodyPatience + time.Duration(len(b.value))*time.Second/bodyPace))
		from.moves()
		n, err := r.Body.Read(b.value[len(b.value):cap(b.value)])
		b.value = b.value[:len(b.value)+n]
		switch {
		case len(b.value) > events.MaxValue:
			w.Header().Set("Connection", "close")
			return fmt.Errorf("%w: a value is at most %d bytes long", events.ErrTooLarge, events.MaxValue)
		case errors.Is(err, io.EOF):
			_ = control.SetReadDeadline(time.Time{}) // or the request would end with it
			_ = control.SetWriteDeadline(time.Now().Add(writeWithin))
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("%w: of the value %d bytes came in %v",
				errSlow, len(b.value), time.Since(begun).Round(time.Second))
		case err != nil:
			return fmt.Errorf("%w: the value did not arrive: %v", events.ErrBadRequest, err)
		}
	}
}

// errSlow is a value that does not come at the pace that is wanted.
var errSlow = fmt.Errorf("%w for a request", events.ErrLate)

// grow makes room for more.
func (b *body) grow(r *http.Request) error {
	if len(b.value) < cap(b.value) {
		return nil
	}
	more := min(max(bodyStep, len(b.value)), events.MaxValue+1-len(b.value))
	if err := b.held.take(r.Context(), int64(more)); err != nil {
		return err
	}
	b.taken += int64(more)
	b.value = append(make([]byte, 0, len(b.value)+more), b.value...)
	return nil
}
