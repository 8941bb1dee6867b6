package monitor

import (
	"cmp"
	"slices"
	"time"

	"dht/events"
)

// identity is what a request and its answers have in common. All entries of a
// message may have one id.
type identity struct {
	id  string // empty: it came over TCP, or wants no reply
	op  events.Op
	key string
}

// entry is one entry of a request that waits for answers; or of one not seen,
// whose answers were.
type entry struct {
	id       identity
	line     Line // as the request says; of answers alone: when the first was seen
	answers  []Answer
	result   Line      // what the request did not say, and answers do
	last     time.Time // when the last answer was seen
	asked    bool      // the request was seen
	trusted  bool      // missing answers mean silence
	cut      []string  // nodes that have not published all their answers while this one's was missing
	expected []string  // who is to answer; nil: every node of the map
	until    time.Time
	done     bool
}

// answered adds a node's answer.
func (e *entry) answered(v events.Event, at time.Time) {
	if v.Op == events.OpKeys && v.Status == "" {
		v.Status = events.StatusListed
	}
	e.answers, e.last = append(e.answers, Answer{Node: v.Node, Status: v.Status, Detail: v.Detail, Took: v.Took}), at
	r := &e.result
	r.Version, r.Bytes, r.Expires = cmp.Or(r.Version, v.Version), cmp.Or(r.Bytes, v.Bytes), cmp.Or(r.Expires, v.Expires)
	r.Took = max(r.Took, v.Took)
}

func (e *entry) hasAnswer(node string) bool {
	return slices.ContainsFunc(e.answers, func(a Answer) bool { return a.Node == node })
}

// complete is the whole line, answers in the order of nodes; with silence, those of
// nodes that have not answered are silent.
func (e *entry) complete(nodes []string, silence bool) Line {
	line, rest := e.line, slices.Clone(e.answers)
	line.Took = e.result.Took
	line.Version = cmp.Or(line.Version, e.result.Version)
	line.Bytes = cmp.Or(line.Bytes, e.result.Bytes)
	line.Expires = cmp.Or(line.Expires, e.result.Expires)
	for _, name := range nodes {
		i := slices.IndexFunc(rest, func(a Answer) bool { return a.Node == name })
		switch {
		case i >= 0:
			line.Answers = append(line.Answers, rest[i])
			rest = slices.Delete(rest, i, i+1)
		case silence:
			line.Answers = append(line.Answers, Answer{Node: name, Status: events.StatusSilent})
		}
	}
	line.Answers = append(line.Answers, rest...)
	return line
}
