// Package members is what a node knows of the others of its cluster: who was heard
// when and by which path, by which map, who is clean, and which newer maps were
// named.
//
// It is pure: it has no clock, no goroutine and no socket. Whoever hears something
// passes it on with the time; package nodes and package bus act on what follows.
// Liveness steers requests, it never moves ownership: nothing here changes who owns
// a key.
package members

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dht/events"
	"dht/nodes/placement"
)

// Self is the node that keeps a table.
type Self struct {
	Name    string
	Run     events.Version // of its process
	Started time.Time      // by its own clock
}

// Table is what one node knows of the others. Safe for concurrent use.
type Table struct {
	self Self
	view atomic.Pointer[View]

	mu       sync.Mutex // guards what follows
	next     View       // the view that is published when a change is complete
	members  map[string]*member
	named    recent[events.MapID]   // other maps that were reported
	asked    recent[events.Version] // runs that have asked who is there
	reported recent[events.Version] // runs that were reported to be in conflict
	claims   map[string]claim       // by the question that they answer
}

// member is the last word of one other node of the map.
type member struct {
	heard map[events.LinkPath]time.Time
	held  events.MapID // the map that it holds
	clean bool         // by that map
}

// View is what requests need to know of the other nodes. It never changes.
type View struct {
	Map *placement.Map // this node's
	// Unclean are the other nodes that may hold records of an earlier map: all that
	// have not said otherwise. The first epoch has no earlier map.
	Unclean []string
	// Floor is the newest version that one of them holds, as far as it has been said.
	Floor events.Version
	// Newer is the map in force instead of this node's; nil as long as none is.
	Newer   *events.MapID
	doubted int64 // unix milliseconds until which absent keys are uncertain
}

// New makes a table of the nodes of m, of which nothing was heard so far.
func New(self Self, m *placement.Map) *Table {
	t := &Table{self: self, members: map[string]*member{}, claims: map[string]claim{},
		named: newRecent[events.MapID](mostNamed), asked: newRecent[events.Version](mostRuns),
		reported: newRecent[events.Version](mostRuns)}
	t.SetMap(m)
	return t
}

// View is what is known now.
func (t *Table) View() *View { return t.view.Load() }

// SetMap makes m the map in force. Who has spoken by that map already need not say
// it again.
func (t *Table) SetMap(m *placement.Map) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if newer := t.next.Newer; newer != nil && newer.Epoch <= m.Epoch() {
		t.next.Newer = nil
	}
	t.next.Map, t.next.doubted = m, 0
	for name := range t.members {
		if m.Index(name) < 0 {
			delete(t.members, name)
		}
	}
	t.publish()
}

// Hear takes what another node says of itself when nothing speaks against the two
// being together, see [Table.Conflict]. Its last word counts. Of a node that is not
// in the map it takes nothing.
//
// info.Newest is what this node's stamps have to stand above: it is zero where the
// other one's clock is too wrong for that.
func (t *Table) Hear(info events.Info, path events.LinkPath, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next.Map.Index(info.Node) < 0 || info.Node == t.self.Name {
		return
	}
	m := t.member(info.Node)
	m.heard[path] = now
	m.held, m.clean = info.Map, info.Clean
	if !info.Clean && info.Newest.Compare(t.next.Floor) > 0 {
		t.next.Floor = info.Newest
	}
	t.publish()
}

func (t *Table) member(name string) *member {
	m := t.members[name]
	if m == nil {
		m = &member{heard: map[events.LinkPath]time.Time{}}
		t.members[name] = m
	}
	return m
}

// publish lets others see what has changed. The mutex is held.
func (t *Table) publish() {
	view := t.next
	view.Unclean = slices.Clip(t.unclean())
	t.view.Store(&view)
}

func (t *Table) unclean() (names []string) {
	law := t.next.Map
	if law.Epoch() == 1 {
		return nil
	}
	for i := range law.Len() {
		name := law.NodeName(i)
		if m := t.members[name]; name != t.self.Name && (m == nil || !m.clean || m.held != law.ID()) {
			names = append(names, name)
		}
	}
	return names
}

// Above is the version that a write must be newer than, to stand against what
// another node may still hold of its key.
func (v *View) Above() events.Version {
	if len(v.Unclean) == 0 {
		return events.Version{}
	}
	return v.Floor
}

// Silent lists the other nodes of the map, in its order, that have not spoken on a
// path since then.
func (t *Table) Silent(path events.LinkPath, since time.Time) (names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range t.next.Map.Names(nil) {
		if m := t.members[name]; name != t.self.Name && (m == nil || m.heard[path].Before(since)) {
			names = append(names, name)
		}
	}
	return names
}
