package web

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"dht/client"
	"dht/events"
)

// keyOf is the key that stands in a path, or in the query where the path has
// none.
func keyOf(escaped string, query url.Values) ([]byte, error) {
	key, err := url.PathUnescape(escaped)
	switch {
	case err != nil || !query.Has("key64"):
	case escaped != "":
		err = errors.New("it stands in the path and in key64: give one of them")
	default:
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
	_, err := query(r, "key64")
	wants, errWants := preconditionOf(r)
	if err = cmp.Or(err, errWants); err != nil {
		fail(w, err)
		return
	}
	if err := s.work.take(r.Context(), workOfRead); err != nil {
		fail(w, err)
		return
	}
	result, err := s.Client.Get(r.Context(), key)
	s.work.Release(workOfRead - int64(len(result.Value)))
	defer s.work.Release(int64(len(result.Value)))
	if err != nil {
		fail(w, err)
		return
	}
	found(w, r, result, wants)
}

// found answers what was found, if it is wanted.
func found(w http.ResponseWriter, r *http.Request, result client.Result, wants precondition) {
	h := w.Header()
	h.Set("ETag", tagOf(result.Version))
	h.Set("Dht-Node", result.Node)
	h.Set("Dht-Version", result.Version.String())
	if result.Expires != 0 {
		h.Set("Dht-Expires", strconv.FormatInt(result.Expires, 10))
	}
	switch {
	case wants.match != nil && !wants.match.name(result.Version, false):
		preconditionFailed(w, result.Version,
			fmt.Errorf("%w: version %s stands under this key", events.ErrRefused, result.Version))
	case !wants.allows(result.Version):
		w.WriteHeader(http.StatusNotModified)
	default:
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", "attachment")
		h.Set("Content-Length", strconv.Itoa(len(result.Value)))
		h.Set("Accept-Ranges", "none")
		send(w, r, result.Value)
	}
}

func (s *site) put(w http.ResponseWriter, r *http.Request, key []byte) {
	opts, err := putOptions(r)
	wants, errWants := preconditionOf(r)
	if err = cmp.Or(err, errWants); err != nil {
		fail(w, err)
		return
	}
	body := body{held: s.bodies}
	defer body.release()
	switch err := body.read(w, r); {
	case errors.Is(err, errSlow):
		w.Header().Set("Connection", "close")
		failWith(w, http.StatusRequestTimeout, err)
	case err != nil:
		fail(w, err)
	default:
		s.answerWrite(w, r, key, wants, int64(len(body.value)), func(condition ...client.Option) (client.Result, error) {
			return s.Client.Put(r.Context(), key, body.value,
				slices.Concat(condition, opts, []client.Option{client.AllAnswers()})...)
		})
	}
}

func putOptions(r *http.Request) ([]client.Option, error) {
	values, err := query(r, "key64", "ttl", "expires")
	switch {
	case err != nil:
		return nil, err
	case values.Has("ttl") && values.Has("expires"):
		return nil, fmt.Errorf("%w: write either ttl or expires", events.ErrBadRequest)
	case values.Has("ttl"):
		ttl, err := time.ParseDuration(values.Get("ttl"))
		if err != nil || ttl <= 0 {
			return nil, fmt.Errorf("%w: ttl %q: write how long the value shall live, as in 10s, 5m or 24h",
				events.ErrBadRequest, values.Get("ttl"))
		}
		return []client.Option{client.TTL(ttl)}, nil
	case values.Has("expires"):
		at, err := strconv.ParseInt(values.Get("expires"), 10, 64)
		if err != nil || at <= 0 {
			return nil, fmt.Errorf("%w: expires %q: write when the value expires, in milliseconds since 1970",
				events.ErrBadRequest, values.Get("expires"))
		}
		return []client.Option{client.ExpireAt(at)}, nil
	}
	return nil, nil
}

func (s *site) delete(w http.ResponseWriter, r *http.Request, key []byte) {
	_, err := query(r, "key64")
	wants, errWants := preconditionOf(r)
	if err = cmp.Or(err, errWants); err != nil {
		fail(w, err)
		return
	}
	s.answerWrite(w, r, key, wants, 0, func(condition ...client.Option) (client.Result, error) {
		return s.Client.Delete(r.Context(), key, append(condition, client.AllAnswers())...)
	})
}

// answerWrite does a put or delete, and answers what became of it.
func (s *site) answerWrite(w http.ResponseWriter, r *http.Request, key []byte,
	wants precondition, size int64, do func(...client.Option) (client.Result, error)) {
	work := workOfWrite + size
	if err := s.work.take(r.Context(), work); err != nil {
		fail(w, err)
		return
	}
	defer s.work.Release(work)
	result, err := s.write(r.Context(), key, wants, do)
	switch {
	case result.Status == events.StatusUnchanged:
		preconditionFailed(w, result.Before, err)
	case err != nil:
		fail(w, err)
	default:
		if result.Status == events.StatusStored {
			w.Header().Set("ETag", tagOf(result.Version))
		}
		reply(w, http.StatusOK, result.Report())
	}
}

// explain answers the explanation; that the key is not there is part of it.
func (s *site) explain(w http.ResponseWriter, r *http.Request, key []byte) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		wrongMethod(w, "GET, HEAD")
		return
	}
	if _, err := query(r, "key64"); err != nil {
		fail(w, err)
		return
	}
	if err := s.work.take(r.Context(), workOfRead); err != nil {
		fail(w, err)
		return
	}
	defer s.work.Release(workOfRead)
	e, err := s.Client.Explain(r.Context(), key)
	if e.Owners == nil {
		fail(w, err)
		return
	}
	connectionOf(r).moves()
	reply(w, http.StatusOK, e.Report(client.FromCluster))
}
