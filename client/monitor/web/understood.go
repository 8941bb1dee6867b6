package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"dht/events"
)

// refusal is why a request is not understood.
type refusal struct {
	status int
	err    error
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Errorf("%w: "+format, append([]any{events.ErrBadRequest}, args...)...)}
}

// understood refuses what would change the meaning of a request to the API, and
// is not known here: to do the rest all the same would be to do something else.
func understood(r *http.Request) *refusal {
	for _, field := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		if r.Header.Get(field) != "" {
			return refuse(http.StatusBadRequest,
				"%s is not obeyed: send the request with the method that is meant", field)
		}
	}
	for field := range r.Header {
		if strings.HasPrefix(field, "Dht-") {
			return refuse(http.StatusBadRequest,
				"no request has a header %s: how long a value shall live is said by ?ttl=1h or ?expires=UNIX-MILLISECONDS",
				field)
		}
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
		if r.ContentLength != 0 {
			return refuse(http.StatusBadRequest, "a %s has no body here", r.Method)
		}
	}
	switch r.Method {
	case http.MethodPut, http.MethodDelete:
		return understoodWrite(r)
	}
	return nil // what else there is to a read may be passed over: RFC 9110
}

// unkept are fields of a write that promise what is not kept here.
var unkept = []string{"Content-Digest", "Content-Md5", "Digest", "Repr-Digest", "Signature-Input"}

func understoodWrite(r *http.Request) *refusal {
	h := r.Header
	for field := range h {
		condition := field == "If" || strings.HasPrefix(field, "If-") && field != "If-Match" && field != "If-None-Match"
		if condition || slices.Contains(unkept, field) {
			return refuse(http.StatusNotImplemented,
				"%s is not known here; conditions are If-Match and If-None-Match", field)
		}
	}
	for _, field := range []string{"Content-Range", "Range"} {
		if h.Get(field) != "" {
			return refuse(http.StatusBadRequest, "%s: a value is written as a whole", field)
		}
	}
	if h.Get("Expires") != "" {
		return refuse(http.StatusBadRequest, "Expires is not obeyed: write ?ttl=1h or ?expires=UNIX-MILLISECONDS")
	}
	for _, coding := range h.Values("Content-Encoding") {
		if !strings.EqualFold(strings.TrimSpace(coding), "identity") {
			return refuse(http.StatusUnsupportedMediaType,
				"Content-Encoding %s is not undone here: send the bytes as they are to be stored", coding)
		}
	}
	if kind := h.Get("Content-Type"); strings.HasPrefix(strings.ToLower(strings.TrimSpace(kind)), "multipart/") {
		return refuse(http.StatusUnsupportedMediaType,
			"Content-Type %s: send the value's bytes alone, with curl by -T FILE or --data-binary", kind)
	}
	return nil
}

func (f *refusal) answer(w http.ResponseWriter) {
	if f.status == http.StatusUnsupportedMediaType {
		w.Header().Set("Accept-Encoding", "identity")
	}
	failWith(w, f.status, f.err)
}
