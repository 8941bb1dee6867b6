// Package top shows the nodes of a cluster in a terminal: as a table for who
// looks once, and as a screen for who goes on looking.
//
// It draws what it is given and asks through a function it is given: it opens no
// connection and reads no clock. It imports monitor, client for what nodes say,
// events, and the terminal libraries.
package top

import (
	"maps"
	"time"

	tea "charm.land/bubbletea/v2"

	"dht/client"
	"dht/client/monitor"
	"dht/events"
)

// Look is what the nodes said when they were asked, or why nobody did.
type Look struct {
	At    time.Time
	Nodes []client.NodeStatus
	Err   error
}

// Model is the screen, a [tea.Model]. It is a value: Update returns the next
// one.
type Model struct {
	ask   func() Look
	every time.Duration

	width, height int
	now           time.Time
	asking        bool

	last    monitor.Snapshot // that nodes answered to
	looks   int
	cluster events.Cluster
	cards   []monitor.Card // in map order
	sum     monitor.Sum
	err     error     // of the last look
	heard   time.Time // from any node
	seen    map[string]sighting
	reads   []float64 // a second, the newest last
	writes  []float64

	order    order
	reverse  bool
	filter   string
	typing   bool // the filter
	selected string
	folded   bool // no details
}

// sighting is a node when it was last up.
type sighting struct {
	at   time.Time
	card monitor.Card
}

// remembered is how many rates are kept: as many as a wide screen shows.
const remembered = 200

// New returns the screen of a cluster that is looked at again and again, every so
// often. ask may block: it is called in a goroutine, never twice at a time.
func New(ask func() Look, every time.Duration) Model {
	return Model{ask: ask, every: every, asking: true, seen: map[string]sighting{}}
}

type tick time.Time

// Init asks for the first time.
func (m Model) Init() tea.Cmd { return tea.Batch(m.look, m.wait()) }

func (m Model) look() tea.Msg { return m.ask() }

func (m Model) wait() tea.Cmd {
	return tea.Tick(m.every, func(t time.Time) tea.Msg { return tick(t) })
}

// Update takes a key, a new size, what nodes say, or that time has passed.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tick:
		m.now = time.Time(msg)
		if m.asking {
			return m, m.wait()
		}
		m.asking = true
		return m, tea.Batch(m.look, m.wait())
	case Look:
		return m.take(msg), nil
	case tea.KeyPressMsg:
		return m.press(msg)
	case tea.PasteMsg:
		if m.typing {
			m.filter += printable(msg.Content)
		}
	}
	return m, nil
}

func (m Model) take(l Look) Model {
	m.asking, m.now, m.err = false, l.At, l.Err
	if l.Err != nil {
		m.cards = silenced(m.cards)
		m.sum = monitor.Sum{Nodes: len(m.cards)}
		return m
	}
	m.last, m.heard = m.last.Next(l.Nodes), l.At
	m.cards, m.sum = m.last.Cards, m.last.Sum()
	m.seen = maps.Clone(m.seen)
	for i, c := range m.cards {
		if c.Up {
			m.seen[c.Name] = sighting{l.At, c}
			m.cluster = l.Nodes[i].Info.Cluster
		}
	}
	if m.looks++; m.looks > 1 { // the first one's rates are those since the nodes' start
		m.reads, m.writes = remember(m.reads, m.sum.Reads), remember(m.writes, m.sum.Writes)
	}
	return m
}

// silenced are the cards when nobody answers any more.
func silenced(cards []monitor.Card) (down []monitor.Card) {
	for _, c := range cards {
		down = append(down, monitor.Card{Name: c.Name, Rule: c.Rule, Expected: c.Expected, Pinned: c.Pinned})
	}
	return down
}

func remember(values []float64, v float64) []float64 {
	values = append(values[:len(values):len(values)], v)
	return values[max(0, len(values)-remembered):]
}
