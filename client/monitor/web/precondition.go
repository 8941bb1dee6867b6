package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"dht/client"
	"dht/events"
)

// precondition is what If-Match and If-None-Match want of what stands (RFC 9110,
// 13.1). An entity tag is a version in quotes.
type precondition struct {
	match     *tags // one of these stands
	noneMatch *tags // none of these does
}

// tags are those of one field.
type tags struct {
	any  bool // whatever stands
	list []tag
}

type tag struct {
	text string // without its quotes
	weak bool
}

// tagOf is the entity tag of a version.
func tagOf(v events.Version) string { return `"` + v.String() + `"` }

func preconditionOf(r *http.Request) (p precondition, err error) {
	if p.match, err = parseTags(r.Header, "If-Match"); err == nil {
		p.noneMatch, err = parseTags(r.Header, "If-None-Match")
	}
	return p, err
}

// parseTags reads a field, which may stand on several lines; nil: it is not there.
func parseTags(h http.Header, field string) (*tags, error) {
	lines := h.Values(field)
	if lines == nil {
		return nil, nil
	}
	text := strings.TrimSpace(strings.Join(lines, ","))
	if text == "*" {
		return &tags{any: true}, nil
	}
	t := &tags{}
	for rest := text; rest != ""; {
		one, after, ok := nextTag(rest)
		if !ok {
			return nil, fmt.Errorf(`%w: %s: %q is neither * nor a list of entity tags like "VERSION", with their quotes`,
				events.ErrBadRequest, field, text)
		}
		t.list, rest = append(t.list, one), after
	}
	if len(t.list) == 0 {
		return nil, fmt.Errorf("%w: %s is empty", events.ErrBadRequest, field)
	}
	return t, nil
}

// nextTag reads one entity tag, and the comma behind it.
func nextTag(text string) (t tag, rest string, ok bool) {
	text, t.weak = strings.CutPrefix(text, "W/")
	if text, ok = strings.CutPrefix(text, `"`); !ok {
		return t, "", false
	}
	if t.text, rest, ok = strings.Cut(text, `"`); !ok ||
		strings.ContainsFunc(t.text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return t, "", false
	}
	rest = strings.TrimLeft(rest, " \t")
	if rest == "" {
		return t, "", true
	}
	rest, ok = strings.CutPrefix(rest, ",")
	rest = strings.TrimLeft(rest, " \t")
	return t, rest, ok && rest != ""
}

// allows reports whether a request may be done where this version stands; the
// zero version: nothing does.
func (p precondition) allows(stands events.Version) bool {
	if p.match != nil && !p.match.name(stands, false) {
		return false
	}
	return p.noneMatch == nil || !p.noneMatch.name(stands, true)
}

// name reports whether one of the tags names what stands.
func (t *tags) name(stands events.Version, weakToo bool) bool {
	if stands.IsZero() {
		return false
	}
	return t.any ||
		slices.ContainsFunc(t.list, func(t tag) bool { return t.text == stands.String() && (weakToo || !t.weak) })
}

// alone is the one condition of the nodes that says all of p.
func (p precondition) alone() client.Option {
	switch {
	case p.noneMatch == nil && p.match.any:
		return client.IfPresent()
	case p.match == nil && p.noneMatch.any:
		return client.IfAbsent()
	}
	return nil
}

// precisely wants exactly this to stand.
func precisely(stands events.Version) client.Option {
	if stands.IsZero() {
		return client.IfAbsent()
	}
	return client.IfVersion(stands)
}

// mostTries is how often a write is tried whose precondition others keep true
// while they change what stands.
const mostTries = 16

// write does a put or delete if p holds, in one step with the look at what
// stands. Where it does not hold, the result's status is unchanged, and its Before
// stands.
func (s *site) write(ctx context.Context, key []byte, p precondition,
	do func(...client.Option) (client.Result, error)) (client.Result, error) {
	if p.match == nil && p.noneMatch == nil {
		return do()
	}
	if condition := p.alone(); condition != nil {
		return do(condition)
	}
	stands, err := s.guess(ctx, key, p)
	if err != nil {
		return client.Result{}, err
	}
	for range mostTries {
		if !p.allows(stands) {
			return client.Result{Key: key, Status: events.StatusUnchanged, Before: stands},
				fmt.Errorf("%w: the precondition does not hold", events.ErrRefused)
		}
		result, err := do(precisely(stands))
		if result.Status != events.StatusUnchanged {
			return result, err
		}
		stands = result.Before
	}
	return client.Result{}, fmt.Errorf("%w: others change the key all the time, nothing was done", events.ErrBusy)
}

// guess is what may stand: the only tag that If-Match has, or else what is there.
func (s *site) guess(ctx context.Context, key []byte, p precondition) (events.Version, error) {
	if p.match != nil && len(p.match.list) == 1 {
		if v, err := events.ParseVersion([]byte(p.match.list[0].text)); err == nil && p.allows(v) {
			return v, nil
		}
	}
	result, err := s.Client.Get(ctx, key)
	if errors.Is(err, events.ErrNotFound) {
		return events.Version{}, nil
	}
	return result.Version, err
}

// preconditionFailed answers that what stands is not what was wanted.
func preconditionFailed(w http.ResponseWriter, stands events.Version, err error) {
	if !stands.IsZero() {
		w.Header().Set("ETag", tagOf(stands))
	}
	failWith(w, http.StatusPreconditionFailed, err)
}
