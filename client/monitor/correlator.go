package monitor

import (
	"slices"
	"time"

	"dht/events"
)

const (
	// patience is how long the answers to a request are waited for: a node that
	// has published none by then is silent.
	patience = time.Second
	// overtaking is by how much messages may pass each other: those of several
	// nodes come over several servers.
	overtaking = 50 * time.Millisecond
	// maxOpen bounds the entries that wait for answers.
	maxOpen = 16_384
)

// Correlator makes lines of sights: a request and its answers have the same id.
// Answers without one are to requests that came over TCP.
// It has no clock: sights and ticks bring the time, which never goes backwards.
// Not safe for concurrent use.
type Correlator struct {
	filter     Filter
	show       func(Line)
	publishers publishers
	losses     losses
	open       []*entry // in the order they were begun
	index      map[identity][]*entry
}

// NewCorrelator calls show with each line that f lets through.
func NewCorrelator(f Filter, show func(Line)) *Correlator {
	return &Correlator{filter: f, show: show, publishers: newPublishers(),
		losses: newLosses(), index: map[identity][]*entry{}}
}

// Add takes the next thing seen.
func (c *Correlator) Add(s Sight) {
	switch {
	case s.Event.Type == "":
		c.request(s)
	case s.Event.Type == events.EventAnswer:
		c.answer(s)
	default:
		c.event(s)
	}
	if s.Event.Lost > 0 {
		c.unpublished(s.Event)
	}
}

// unpublished counts answers that a node has not published: it may have answered
// what it seems to be silent about.
func (c *Correlator) unpublished(e events.Event) {
	if c.filter.answersOf(e.Node) {
		c.losses.unpublished[e.Node] += e.Lost
	}
	for _, open := range c.open {
		if !open.hasAnswer(e.Node) && slices.Contains(c.expected(open), e.Node) {
			open.cut = append(open.cut, e.Node)
		}
	}
}

func (c *Correlator) request(s Sight) {
	if !c.filter.shows(s.Subject, s.Op) {
		return
	}
	line := Line{Time: s.Time, Subject: s.Subject, Op: s.Op, Node: s.Node, Key: s.Key,
		Version: s.Version, Bytes: s.Bytes, Expires: s.Expires}
	if s.Fault != nil {
		line.Detail = s.Fault.Error()
	}
	if s.Fault != nil || s.Op == events.OpInfo || s.Op == events.OpWatch { // nodes publish no answers to these
		c.show(line)
		return
	}
	id := identity{string(s.ID), s.Op, string(s.Key)}
	e := c.pending(id, func(e *entry) bool { return !e.asked })
	if e == nil {
		e = c.begin(id, s.Time)
	}
	if e == nil {
		return
	}
	e.line, e.asked, e.until, e.trusted = line, true, s.Time.Add(patience), c.publishers.trusted(s.Time)
	if s.Node != "" {
		e.expected = []string{s.Node}
	}
	c.finishIfComplete(e, s.Time)
}

func (c *Correlator) answer(s Sight) {
	v := s.Event
	if !c.publishers.isNode(v.Node) {
		return
	}
	id := identity{string(v.Request), v.Op, string(v.Key)}
	e := c.pending(id, func(e *entry) bool { return !e.hasAnswer(v.Node) })
	if e == nil {
		e = c.begin(id, s.Time)
	}
	if e == nil {
		return
	}
	e.answered(v, s.Time)
	c.finishIfComplete(e, s.Time)
}

// event shows what else happened.
func (c *Correlator) event(s Sight) {
	if s.Event.Type == events.EventDown {
		c.publishers.left(s.Event.Node)
	}
	t := s.Event.Type
	saidByAnswer := (t == events.EventPut || t == events.EventDelete) && c.filter.answers()
	if t != events.EventLost && !saidByAnswer && c.filter.shows(s.Subject, "") {
		c.show(lineOf(s))
	}
}

// lineOf is an event as a line.
func lineOf(s Sight) Line {
	v := s.Event
	return Line{Time: s.Time, Subject: s.Subject, Event: v.Type, Node: v.Node, Key: v.Key, Version: v.Version,
		Bytes: v.Bytes, Expires: v.Expires, Detail: v.Detail}
}

// Tick gives up what has waited long enough at time now.
func (c *Correlator) Tick(now time.Time) {
	for _, e := range c.open {
		if !e.done && !now.Before(e.until) {
			c.finish(e, e.trusted)
		}
	}
	c.open = slices.DeleteFunc(c.open, func(e *entry) bool { return e.done })
	c.losses.show(now, c.show)
}

// Close shows what is still waiting, as it is.
func (c *Correlator) Close(now time.Time) {
	for _, e := range c.open {
		if !e.done {
			c.finish(e, false)
		}
	}
	c.losses.shown = time.Time{}
	c.Tick(now)
}

// Leased says that a node has begun, or goes on, to publish its answers. What is
// no node of the map that it names does not count.
func (c *Correlator) Leased(i events.Info, at time.Time) { c.publishers.leased(i, at) }

// Missed says that messages were missed: until nodes are leased anew, what was not
// published means nothing.
func (c *Correlator) Missed() {
	c.publishers.forget()
	for _, e := range c.open {
		e.trusted = false
	}
}

// begin opens an entry of which nothing is known yet, or counts it as lost when too
// many are open.
func (c *Correlator) begin(id identity, at time.Time) *entry {
	if len(c.open) >= maxOpen {
		c.losses.unfollowed++
		return nil
	}
	e := &entry{id: id, line: Line{Time: at, Op: id.op, Key: []byte(id.key)}, until: at.Add(overtaking)}
	c.index[id] = append(c.index[id], e)
	c.open = append(c.open, e)
	return e
}

// pending is the oldest entry of that identity that waits, as all younger ones do;
// nil when none does. There may be thousands without an id.
func (c *Correlator) pending(id identity, waits func(*entry) bool) (oldest *entry) {
	for _, e := range slices.Backward(c.index[id]) {
		if !waits(e) {
			break
		}
		oldest = e
	}
	return oldest
}

// finishIfComplete ends a request when everybody has answered who can be
// expected to publish it.
func (c *Correlator) finishIfComplete(e *entry, now time.Time) {
	expected := c.expected(e)
	if !e.asked || len(expected) == 0 || len(e.answers) == 0 {
		return
	}
	for _, name := range expected {
		if !e.hasAnswer(name) && (e.expected != nil || c.publishers.publishes(name, now)) {
			return
		}
	}
	c.finish(e, e.trusted)
}

func (c *Correlator) expected(e *entry) []string {
	if e.expected != nil {
		return e.expected
	}
	return c.publishers.members
}

// finish shows an entry; with silence, those who have not answered are named. Not
// shown is one that lacks an answer which was not published: that is counted.
func (c *Correlator) finish(e *entry, silence bool) {
	e.done = true
	c.forget(e)
	switch {
	case !e.asked:
		c.finishUnasked(e)
	case !slices.ContainsFunc(e.cut, func(name string) bool { return !e.hasAnswer(name) }):
		line := e.complete(c.expected(e), silence)
		line.Took = max(line.Took, e.last.Sub(line.Time))
		c.show(line)
	}
}

func (c *Correlator) forget(e *entry) {
	list := c.index[e.id]
	i := slices.Index(list, e)
	if list = slices.Delete(list, i, i+1); len(list) == 0 {
		delete(c.index, e.id)
		return
	}
	c.index[e.id] = list
}

// finishUnasked shows answers whose request was no message that this monitor
// hears. As long as nodes only begin to publish, it may have been one from before:
// nobody knows that it came over TCP.
func (c *Correlator) finishUnasked(e *entry) {
	overTCP := true
	e.answers = slices.DeleteFunc(e.answers, func(a Answer) bool {
		subject := c.filter.subjects.Event(a.Node, events.EventAnswer)
		if !c.filter.shows(subject, "") {
			return true
		}
		e.line.Subject = subject
		overTCP = overTCP && c.filter.overTCP(a.Node, e.id.op)
		return false
	})
	if len(e.answers) == 0 || overTCP && !c.publishers.began(e.line.Time, warmUp) {
		return
	}
	if overTCP {
		e.line.Subject = ""
	}
	c.show(e.complete(c.publishers.members, false))
}
