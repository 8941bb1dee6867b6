package monitor

import (
	"fmt"
	"slices"
	"strings"

	"dht/events"
)

// Filter says by a NATS pattern of subjects what is shown: requests and events
// whose subject matches it. A request is shown with all its answers.
type Filter struct {
	subjects events.Subjects
	pattern  []string // tokens
}

// NewFilter reads a pattern; an empty one shows everything of the cluster. Its
// error, [events.ErrBadRequest], says what is wrong with the pattern, which may
// be that nothing can match it.
func NewFilter(s events.Subjects, pattern string) (Filter, error) {
	if pattern == "" {
		pattern = s.All()
	}
	tokens := strings.Split(pattern, ".")
	for i, t := range tokens {
		why := ""
		switch {
		case t == "":
			why = "a token between dots is empty"
		case strings.ContainsAny(t, " \t\r\n"):
			why = "a subject has no spaces"
		case t == ">" && i < len(tokens)-1:
			why = `">" stands for all the rest and comes last`
		case len(t) > 1 && strings.ContainsAny(t, "*>"):
			why = fmt.Sprintf(`"*" and ">" stand for whole tokens, not for part of %q`, t)
		}
		if why != "" {
			return Filter{}, fmt.Errorf("%w: pattern %q: %s", events.ErrBadRequest, pattern, why)
		}
	}
	f := Filter{subjects: s, pattern: tokens}
	if !f.overlaps(s.Events()) && !f.requests() {
		return Filter{}, fmt.Errorf("%w: pattern %q matches no subject of this cluster: try %s, %s or %s",
			events.ErrBadRequest,
			pattern, s.All(), s.Broadcast(events.OpPut), s.Event("NAME", ">"))
	}
	return f, nil
}

// String is the pattern.
func (f Filter) String() string { return strings.Join(f.pattern, ".") }

// Subjects are what must be subscribed to. Requests can only be shown with their
// answers when both are heard. Where answers are published they say what was
// stored and deleted: a node of whose changes nobody hears saves the work.
func (f Filter) Subjects() (list []string) {
	if !f.answers() {
		return []string{f.String()}
	}
	if f.requests() {
		for _, op := range events.Ops() {
			list = append(list, f.subjects.Broadcast(op), f.subjects.Node("*", op))
		}
	}
	for _, t := range events.EventTypes() {
		if t != events.EventPut && t != events.EventDelete {
			list = append(list, f.subjects.Event("*", t))
		}
	}
	return list
}

// shows reports whether a message is to be shown. What monitors and clients ask
// about the nodes themselves is shown only to who asks for it by its name.
func (f Filter) shows(subject string, op events.Op) bool {
	if (op == events.OpInfo || op == events.OpWatch) && f.pattern[len(f.pattern)-1] != string(op) {
		return false
	}
	return f.overlaps(subject)
}

// requests reports whether any request may be shown.
func (f Filter) requests() bool {
	return f.requestsTo("*")
}

// requestsTo reports whether any request to that node, or to all, may be shown.
func (f Filter) requestsTo(node string) bool {
	return slices.ContainsFunc(events.Ops(), func(op events.Op) bool {
		return f.overlaps(f.subjects.Broadcast(op)) || f.overlaps(f.subjects.Node(node, op))
	})
}

// answers reports whether answers must be published.
func (f Filter) answers() bool {
	return f.requests() || f.overlaps(f.subjects.Event("*", events.EventAnswer))
}

// answersOf reports whether answers of that node may be shown.
func (f Filter) answersOf(node string) bool {
	return f.requestsTo(node) || f.overlaps(f.subjects.Event(node, events.EventAnswer))
}

// overTCP reports whether a request for op that node has answered must have
// come over TCP when no message was seen.
func (f Filter) overTCP(node string, op events.Op) bool {
	return f.overlaps(f.subjects.Broadcast(op)) && f.overlaps(f.subjects.Node(node, op))
}

// overlaps reports whether some subject matches both patterns; a subject is a
// pattern that only it matches.
func (f Filter) overlaps(other string) bool {
	tokens := strings.Split(other, ".")
	for i, mine := range f.pattern {
		switch {
		case i == len(tokens):
			return false
		case mine == ">" || tokens[i] == ">":
			return true
		case mine != tokens[i] && mine != "*" && tokens[i] != "*":
			return false
		}
	}
	return len(tokens) == len(f.pattern)
}
