package web

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"dht/client"
	"dht/events"
)

// keyOf is the key that stands in a path, or in the query where the path has
// none.
func keyOf(escaped string, query url.Values) ([]byte, error) {
	key, err := url.PathUnescape(escaped)
	if err == nil && escaped == "" && query.Has("key64") {
		var decoded []byte
		decoded, err = base64.StdEncoding.DecodeString(query.Get("key64"))
		key = string(decoded)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: key: %v", events.ErrBadRequest, err)
	}
	return []byte(key), events.CheckKey([]byte(key))
}

func (s *site) key(w http.ResponseWriter, r *http.Request, key []byte) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		s.get(w, r, key)
	case http.MethodPut:
		s.put(w, r, key)
	case http.MethodDelete:
		s.delete(w, r, key)
	default:
		wrongMethod(w, "GET, HEAD, PUT, DELETE")
	}
}

func wrongMethod(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	failWith(w, http.StatusMethodNotAllowed, fmt.Errorf("%w: the methods here are %s", events.ErrBadRequest, allow))
}

// get answers the value's bytes, as what nobody runs or shows.
func (s *site) get(w http.ResponseWriter, r *http.Request, key []byte) {
	if _, err := query(r, "key64"); err != nil {
		fail(w, err)
		return
	}
	result, err := s.Client.Get(r.Context(), key)
	if err != nil {
		fail(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", "attachment")
	h.Set("Content-Length", strconv.Itoa(len(result.Value)))
	h.Set("Dht-Node", result.Node)
	h.Set("Dht-Version", result.Version.String())
	if result.Expires != 0 {
		h.Set("Dht-Expires", strconv.FormatInt(result.Expires, 10))
	}
	_, _ = w.Write(result.Value) // whoever asked may be gone
}

func (s *site) put(w http.ResponseWriter, r *http.Request, key []byte) {
	opts, err := putOptions(r)
	if err != nil {
		fail(w, err)
		return
	}
	value, err := body(w, r)
	if err != nil {
		fail(w, err)
		return
	}
	result, err := s.Client.Put(r.Context(), key, value, opts...)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, result.Report())
}

func putOptions(r *http.Request) ([]client.Option, error) {
	values, err := query(r, "key64", "ttl")
	if err != nil {
		return nil, err
	}
	opts := []client.Option{client.AllAnswers()}
	if values.Has("ttl") {
		ttl, err := time.ParseDuration(values.Get("ttl"))
		if err != nil || ttl <= 0 {
			return nil, fmt.Errorf("%w: ttl %q: write how long the value shall live, as in 10s, 5m or 24h", events.ErrBadRequest, values.Get("ttl"))
		}
		opts = append(opts, client.TTL(ttl))
	}
	return opts, nil
}

// body reads a value; one that is too large is refused before it is read where
// its length is told.
func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > events.MaxValue {
		w.Header().Set("Connection", "close") // rather than read it all the same
		return nil, fmt.Errorf("%w: a value is at most %d bytes long, this one %d", events.ErrTooLarge, events.MaxValue, r.ContentLength)
	}
	value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, events.MaxValue))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, fmt.Errorf("%w: a value is at most %d bytes long", events.ErrTooLarge, events.MaxValue)
	case err != nil:
		return nil, fmt.Errorf("%w: the value did not arrive: %v", events.ErrBadRequest, err)
	}
	return value, nil
}

func (s *site) delete(w http.ResponseWriter, r *http.Request, key []byte) {
	if _, err := query(r, "key64"); err != nil {
		fail(w, err)
		return
	}
	result, err := s.Client.Delete(r.Context(), key, client.AllAnswers())
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, result.Report())
}

// explain tells the story; that the key is not there is part of it.
func (s *site) explain(w http.ResponseWriter, r *http.Request, key []byte) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		wrongMethod(w, "GET, HEAD")
		return
	}
	if _, err := query(r, "key64"); err != nil {
		fail(w, err)
		return
	}
	e, err := s.Client.Explain(r.Context(), key)
	if e.Owners == nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, e.Report(client.FromCluster))
}
