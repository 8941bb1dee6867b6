package monitor

import (
	"slices"
	"time"

	"dht/events"
)

// entry is one entry of a request that waits for answers; or of one not seen,
// whose answers were.
type entry struct {
	line     Line
	names    []name
	version  events.Version // that answers to a write must have; zero is any
	asked    bool           // the request was seen
	trusted  bool           // missing answers mean silence
	cut      []string       // nodes that have not told of all their answers while this one's was missing
	expected []string       // who is to answer; nil: members
	until    time.Time
	last     time.Time // when the last answer was seen
	done     bool
}

// name is what entries are found by: those of writes that were stamped by their
// version, too.
type name struct {
	op      events.Op
	key     string
	version events.Version
}

func nameOf(op events.Op, key []byte, v events.Version) name {
	if !op.Writes() {
		v = events.Version{}
	}
	return name{op, string(key), v}
}

// ask turns what was known from answers alone into the request.
func (e *entry) ask(line Line) {
	before := e.line
	e.line, e.version, e.asked, e.until = line, line.Version, true, line.Time.Add(patience)
	e.line.Answers = nil
	for _, a := range before.Answers {
		e.answered(a, before)
	}
}

// answered adds an answer, and of told what the request did not say.
func (e *entry) answered(a Answer, told Line) {
	e.line.Answers = append(e.line.Answers, a)
	if a.Status == events.StatusNotStored {
		return
	}
	if e.line.Version.IsZero() {
		e.line.Version = told.Version
	}
	if e.line.Bytes == 0 {
		e.line.Bytes = told.Bytes
	}
	if e.line.Expires == 0 {
		e.line.Expires = told.Expires
	}
}

func (e *entry) hasAnswer(node string) bool {
	return slices.ContainsFunc(e.line.Answers, func(a Answer) bool { return a.Node == node })
}

// oldest looks through the end of list that v's node has not answered: there
// may be thousands of one key, and a node answers in turn.
func oldest(list []*entry, v events.Event) (found *entry) {
	for _, e := range slices.Backward(list) {
		if e.hasAnswer(v.Node) {
			break
		}
		addressed := e.asked && e.line.Node != "" && e.line.Node != v.Node
		otherWrite := v.Op.Writes() && !v.Version.IsZero() && !e.version.IsZero() && v.Version != e.version
		if !e.done && !addressed && !otherWrite {
			found = e
		}
	}
	return found
}
