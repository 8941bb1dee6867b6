package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"dht/client"
	"dht/events"
)

// Listing is a page of keys in byte order. A key that several nodes hold is
// there once for each.
type Listing struct {
	Keys   []client.KeyReport `json:"keys"`
	More   bool               `json:"more"`             // behind the last one: ask again with after
	Silent []Silent           `json:"silent,omitempty"` // whose keys are not all here
}

// Silent says why a node's keys are missing.
type Silent struct {
	Node string `json:"node"`
	Failure
}

const (
	pageDefault = 100
	pageMost    = 1000
)

func (s *site) list(w http.ResponseWriter, r *http.Request) {
	values, err := query(r, "node", "prefix", "after", "limit")
	if err != nil {
		fail(w, err)
		return
	}
	limit, err := limitOf(values)
	if err != nil {
		fail(w, err)
		return
	}
	if err := s.work.take(r.Context(), workOfListing); err != nil {
		fail(w, err)
		return
	}
	defer s.work.Release(workOfListing)
	page, err := s.Client.Page(r.Context(), client.Listing{Node: values.Get("node"),
		Prefix: []byte(values.Get("prefix")), After: []byte(values.Get("after")), Limit: limit})
	if err != nil {
		fail(w, err)
		return
	}
	out := Listing{Keys: make([]client.KeyReport, 0, len(page.Keys)), More: page.More}
	for _, k := range page.Keys {
		out.Keys = append(out.Keys, k.Report())
	}
	for _, f := range page.Faults {
		out.Silent = append(out.Silent, Silent{f.Node, Failure{f.Err.Error(), events.CodeOf(f.Err)}})
	}
	connectionOf(r).moves() // from here on its client is waited for
	reply(w, http.StatusOK, out)
}

func limitOf(values url.Values) (int, error) {
	if !values.Has("limit") {
		return pageDefault, nil
	}
	n, err := strconv.Atoi(values.Get("limit"))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%w: limit %q: write a number from 1 to %d",
			events.ErrBadRequest, values.Get("limit"), pageMost)
	}
	return min(n, pageMost), nil
}
