package monitor

import (
	"maps"
	"slices"
	"time"

	"dht/events"
)

const (
	// patience is how long the answers to a request are waited for: a node that
	// has told of none by then is silent.
	patience = time.Second
	// overtaking is by how much messages may pass each other: those of several
	// nodes come over several servers.
	overtaking = 50 * time.Millisecond
	// settling is how long nodes may take to begin to tell of their answers, from
	// when the first of them has begun; late those that have not said so.
	settling = 500 * time.Millisecond
	late     = 2 * time.Second
	// telling is how long a node that was heard is counted on to tell.
	telling = 3 * time.Second
	// lossEvery is how often losses are shown.
	lossEvery = time.Second
	// maxOpen bounds the entries that wait for answers.
	maxOpen = 16_384
)

// Gatherer makes lines of sights: it finds the answers that belong to a request.
// It has no clock: sights and ticks bring the time, which never goes backwards.
// Not safe for concurrent use.
type Gatherer struct {
	filter  Filter
	show    func(Line)
	members []string                // of the map, in its order; nil: not known
	maps    map[string]events.MapID // that a node holds
	heard   map[string]time.Time
	begun   time.Time // when the first node was heard
	open    []*entry  // in the order they were begun
	index   map[name][]*entry

	lost     int64            // entries that found no room
	untold   map[string]int64 // answers, by the node that did not tell of them
	lossTold time.Time
}

// NewGatherer calls show with each line that f lets through.
func NewGatherer(f Filter, show func(Line)) *Gatherer {
	return &Gatherer{filter: f, show: show, heard: map[string]time.Time{}, maps: map[string]events.MapID{}, untold: map[string]int64{}, index: map[name][]*entry{}}
}

// Add takes the next thing seen.
func (g *Gatherer) Add(s Sight) {
	switch {
	case s.Event.Type == "":
		g.request(s)
	case s.Event.Type == events.EventAnswer:
		g.answer(s)
	default:
		g.event(s)
	}
	if s.Event.Lost > 0 {
		g.notTold(s.Event)
	}
}

// notTold counts what a node says it has not told of: it may have answered what
// it seems to be silent about.
func (g *Gatherer) notTold(e events.Event) {
	if g.filter.answersOf(e.Node) {
		g.untold[e.Node] += e.Lost
	}
	for _, open := range g.open {
		if !open.hasAnswer(e.Node) && slices.Contains(g.expected(open), e.Node) {
			open.cut = append(open.cut, e.Node)
		}
	}
}

// tellLoss shows now and then what was lost since the last time.
func (g *Gatherer) tellLoss(now time.Time) {
	if now.Sub(g.lossTold) < lossEvery {
		return
	}
	g.lossTold = now
	for _, node := range slices.Sorted(maps.Keys(g.untold)) {
		g.show(Line{Time: now, Lost: g.untold[node], Detail: node + " answered more than it tells of"})
	}
	clear(g.untold)
	if g.lost > 0 {
		g.show(Line{Time: now, Lost: g.lost, Detail: "more at once than a monitor can follow"})
		g.lost = 0
	}
}

func (g *Gatherer) request(s Sight) {
	if !g.filter.shows(s.Subject, s.Op) {
		return
	}
	line := Line{Time: s.Time, Subject: s.Subject, Op: s.Op, Node: s.Node, Key: s.Key, Version: s.Version, Bytes: s.Bytes, Expires: s.Expires}
	if s.Fault != nil {
		line.Detail = s.Fault.Error()
	}
	if s.Fault != nil || s.Op == events.OpInfo || s.Op == events.OpWatch { // nodes do not tell of their answers to these
		g.show(line)
		return
	}
	e := g.unasked(nameOf(s.Op, s.Key, s.Version), s.Node)
	if e == nil {
		e = g.begin(line)
	}
	if e == nil {
		return
	}
	e.ask(line)
	e.trusted = g.trusts(s.Time)
	if s.Node != "" {
		e.expected = []string{s.Node}
	}
	g.finishIfComplete(e, s.Time)
}

// answer gives an answer to the oldest request that it can belong to.
func (g *Gatherer) answer(s Sight) {
	v := s.Event
	if !g.isNode(v.Node) {
		return
	}
	e := g.asked(v)
	if e == nil {
		e = g.begin(Line{Time: s.Time, Op: v.Op, Key: v.Key, Version: v.Version})
	}
	if e == nil {
		return
	}
	if v.Op == events.OpKeys && v.Status == "" {
		v.Status = events.StatusListed
	}
	e.answered(Answer{Node: v.Node, Status: v.Status, Detail: v.Detail, Took: v.Took},
		Line{Version: v.Version, Bytes: v.Bytes, Expires: v.Expires})
	e.last = s.Time
	g.finishIfComplete(e, s.Time)
}

// event shows what else happened.
func (g *Gatherer) event(s Sight) {
	if s.Event.Type == events.EventDown {
		delete(g.heard, s.Event.Node)
	}
	t := s.Event.Type
	toldByAnswer := (t == events.EventPut || t == events.EventDelete) && g.filter.answers()
	if t != events.EventLost && !toldByAnswer && g.filter.shows(s.Subject, "") {
		g.show(lineOf(s))
	}
}

// lineOf is an event as a line.
func lineOf(s Sight) Line {
	v := s.Event
	return Line{Time: s.Time, Subject: s.Subject, Event: v.Type, Node: v.Node, Key: v.Key, Version: v.Version,
		Bytes: v.Bytes, Expires: v.Expires, Detail: v.Detail}
}

// Tick gives up what has waited long enough at time now.
func (g *Gatherer) Tick(now time.Time) {
	for _, e := range g.open {
		if !e.done && !now.Before(e.until) {
			g.finish(e, e.trusted)
		}
	}
	g.sweep()
	g.tellLoss(now)
}

// Close shows what is still waiting, as it is.
func (g *Gatherer) Close(now time.Time) {
	for _, e := range g.open {
		if !e.done {
			g.finish(e, false)
		}
	}
	g.lossTold = time.Time{}
	g.Tick(now)
}

// sweep forgets what was shown.
func (g *Gatherer) sweep() {
	isDone := func(e *entry) bool { return e.done }
	swept := map[name]bool{}
	for _, e := range g.open {
		for _, n := range e.names {
			if !e.done || swept[n] {
				continue
			}
			swept[n] = true
			if g.index[n] = slices.DeleteFunc(g.index[n], isDone); len(g.index[n]) == 0 {
				delete(g.index, n)
			}
		}
	}
	g.open = slices.DeleteFunc(g.open, isDone)
}

// begin opens an entry of which nothing but line is known, or counts it as lost
// when too many are open. A write that was not seen is found by no version too:
// perhaps its owner stamped it.
func (g *Gatherer) begin(line Line) *entry {
	if len(g.open) >= maxOpen {
		g.lost++
		return nil
	}
	e := &entry{line: line, version: line.Version, until: line.Time.Add(overtaking)}
	e.names = []name{nameOf(line.Op, line.Key, line.Version)}
	if plain := nameOf(line.Op, line.Key, events.Version{}); plain != e.names[0] {
		e.names = append(e.names, plain)
	}
	for _, n := range e.names {
		g.index[n] = append(g.index[n], e)
	}
	g.open = append(g.open, e)
	return e
}

// unasked is the oldest entry of that name whose request was not seen, or nil; of
// a request to one node, one that this has answered.
func (g *Gatherer) unasked(n name, node string) *entry {
	list := g.index[n]
	i := slices.IndexFunc(list, func(e *entry) bool { return !e.done && !e.asked && (node == "" || e.hasAnswer(node)) })
	switch {
	case i < 0:
		return nil
	case node == "" || len(list[i].line.Answers) == 1:
		return list[i]
	}
	return g.split(list[i], node)
}

// split makes the answer of one node an entry of its own: what several nodes have
// answered was no request to all of them, but one to each.
func (g *Gatherer) split(e *entry, node string) *entry {
	own := g.begin(e.line)
	if own == nil {
		return nil
	}
	own.line.Answers, own.last = nil, e.last
	if !e.line.Op.Writes() { // what another may have told
		own.line.Version, own.line.Bytes, own.line.Expires = events.Version{}, 0, 0
	}
	e.line.Answers = slices.DeleteFunc(slices.Clone(e.line.Answers), func(a Answer) bool {
		if a.Node == node {
			own.line.Answers = append(own.line.Answers, a)
		}
		return a.Node == node
	})
	return own
}

// asked is the oldest entry that v can be the answer to, or nil.
func (g *Gatherer) asked(v events.Event) *entry {
	if e := oldest(g.index[nameOf(v.Op, v.Key, v.Version)], v); e != nil {
		return e
	}
	return oldest(g.index[nameOf(v.Op, v.Key, events.Version{})], v)
}

// finishIfComplete ends a request when everybody has answered who can be
// expected to tell of it.
func (g *Gatherer) finishIfComplete(e *entry, now time.Time) {
	expected := g.expected(e)
	if !e.asked || len(expected) == 0 {
		return
	}
	for _, name := range expected {
		heard, ok := g.heard[name]
		if !e.hasAnswer(name) && (e.expected != nil || ok && now.Sub(heard) < telling) {
			return
		}
	}
	if len(e.line.Answers) > 0 {
		g.finish(e, e.trusted)
	}
}

func (g *Gatherer) expected(e *entry) []string {
	if e.expected != nil {
		return e.expected
	}
	return g.members
}

// finish shows an entry; with silence, those who have not answered are named.
// One that lacks an answer which was not told of is not: that is counted.
func (g *Gatherer) finish(e *entry, silence bool) {
	e.done = true
	for _, a := range e.line.Answers {
		e.line.Took = max(e.line.Took, a.Took)
	}
	if !e.asked {
		g.finishUnasked(e)
		return
	}
	if slices.ContainsFunc(e.cut, func(name string) bool { return !e.hasAnswer(name) }) {
		return
	}
	e.line.Took = max(e.line.Took, e.last.Sub(e.line.Time))
	g.inOrder(e, silence)
	g.show(e.line)
}

// inOrder sorts answers as the map has the nodes.
func (g *Gatherer) inOrder(e *entry, silence bool) {
	told := e.line.Answers
	e.line.Answers = nil
	for _, name := range g.expected(e) {
		i := slices.IndexFunc(told, func(a Answer) bool { return a.Node == name })
		switch {
		case i >= 0:
			e.line.Answers = append(e.line.Answers, told[i])
			told = slices.Delete(told, i, i+1)
		case silence:
			e.line.Answers = append(e.line.Answers, Answer{Node: name, Status: events.StatusSilent})
		}
	}
	e.line.Answers = append(e.line.Answers, told...)
}

// finishUnasked shows answers whose request was no message that this monitor
// hears. As long as nodes only begin to tell, it may have been one from before:
// nobody knows that it came over TCP.
func (g *Gatherer) finishUnasked(e *entry) {
	overTCP := true
	e.line.Answers = slices.DeleteFunc(e.line.Answers, func(a Answer) bool {
		subject := g.filter.subjects.Event(a.Node, events.EventAnswer)
		if !g.filter.shows(subject, "") {
			return true
		}
		e.line.Subject = subject
		overTCP = overTCP && g.filter.overTCP(a.Node, e.line.Op)
		return false
	})
	if len(e.line.Answers) == 0 || overTCP && !g.hasSettled(e.line.Time, settling) {
		return
	}
	if overTCP {
		e.line.Subject = ""
	}
	g.inOrder(e, false)
	g.show(e.line)
}
