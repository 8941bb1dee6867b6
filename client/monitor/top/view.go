package top

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/dustin/go-humanize"

	"dht/client/monitor"
	"dht/events"
)

// View draws the screen.
func (m Model) View() tea.View {
	v := tea.NewView(m.render())
	v.AltScreen = true
	v.WindowTitle = "dht top"
	return v
}

// render is exactly as many lines as the screen has, none wider than it.
func (m Model) render() string {
	if m.width <= 0 || m.height <= 0 { // the terminal has not said yet
		return ""
	}
	cards := m.shown()
	lines := m.heading()
	details := m.details(cards)
	lines = append(lines, m.nodes(cards, m.room(len(details)))...)
	for len(lines)+len(details)+1 < m.height {
		lines = append(lines, "")
	}
	lines = append(lines, details...)
	lines = append(lines[:min(len(lines), m.height-1)], m.foot(cards))
	for i := range lines {
		lines[i] = fit(lines[i], m.width)
	}
	return strings.Join(lines, "\n")
}

// A screen lower than this has no rates and no details.
const low = 12

// heading is what there is to say of the whole cluster.
func (m Model) heading() []string {
	if m.height < low || m.looks == 0 {
		return []string{m.title(), m.health()}
	}
	return []string{m.title(), m.rates(), m.totals(), m.health()}
}

// room is how many lines there are for nodes, below the heading of their table.
func (m Model) room(details int) int {
	return max(1, m.height-len(m.heading())-1-details-1)
}

// page is how far a key moves that turns pages.
func (m Model) page() int { return max(1, m.room(len(m.details(m.shown())))-1) }

func (m Model) title() string {
	if m.cluster.Name == "" {
		return bold("dht top")
	}
	up := fmt.Sprintf("%d of %d nodes up", m.sum.Up, m.sum.Nodes)
	if m.sum.Up < m.sum.Nodes {
		up = red(up)
	}
	name, clock := bold(m.cluster.Name), dim("  "+m.now.Format(time.TimeOnly))
	kind := dim(fmt.Sprintf("  epoch %d, %s", m.cluster.Epoch, copies(m.cluster.Copies)))
	for _, left := range []string{name + kind, name} {
		if line := apart(left, up+clock, m.width); ansi.StringWidth(line) == m.width {
			return line
		}
	}
	return apart(name, up, m.width)
}

func copies(c events.Copies) string {
	switch c {
	case events.EveryMatch:
		return "a copy at every match"
	case 1:
		return "one copy of each key"
	}
	return fmt.Sprintf("%d copies of each key", c)
}

// rates draws both as they were lately, each over half of the width.
func (m Model) rates() string {
	half := m.width / 2
	return pad(rate("reads/s", m.sum.Reads, m.reads, half), half) +
		rate("writes/s", m.sum.Writes, m.writes, m.width-half)
}

func rate(name string, now float64, lately []float64, width int) string {
	text := fmt.Sprintf("%-8s %5s ", name, short(now))
	return text + green(sparkline(lately, width-len(text)-2))
}

func (m Model) totals() string {
	text := fmt.Sprintf("keys     %5s  data %s  p50 %s  p99 %s",
		short(float64(m.sum.Keys)), humanize.Bytes(uint64(m.sum.Bytes)),
		latency(m.sum.P50US), latency(m.sum.P99US))
	over := "over " + m.every.String()
	if m.looks < 2 {
		over = "since the nodes' start"
	}
	return apart(text, dim(over), m.width)
}

// health is what is wrong, on one line.
func (m Model) health() string {
	faults := monitor.Faults(m.cards)
	switch {
	case m.err != nil && m.looks == 0:
		return red(fit(fmt.Sprintf("Trying again: %v", m.err), m.width))
	case m.err != nil:
		return red(fit(fmt.Sprintf("Nobody answers for %s, trying again: %v",
			lasting(m.now.Sub(m.heard)), m.err), m.width))
	case m.looks == 0:
		return dim("asking the nodes …")
	case len(faults) == 0:
		return green("All is well.")
	}
	more := ""
	if len(faults) > 1 {
		more = fmt.Sprintf(" (and %d more)", len(faults)-1)
	}
	text := fit(faults[0], m.width-len(more)) + more
	if m.sum.Up < m.sum.Nodes {
		return red(text)
	}
	return yellow(text)
}

// nodes is the table, as much of it as there is room for around the selected
// node.
func (m Model) nodes(cards []monitor.Card, room int) []string {
	if m.looks == 0 {
		return nil
	}
	t := layOut(m.cards, m.width, m.order, m.reverse)
	lines := []string{t.head()}
	at := m.cursor(cards)
	first := max(0, min(at-room/2, len(cards)-room))
	for i := first; i < min(first+room, len(cards)); i++ {
		lines = append(lines, t.row(cards[i], m.absence(cards[i]), i == at))
	}
	if len(cards) == 0 {
		lines = append(lines, dim(fmt.Sprintf("No node matches %q.", m.filter)))
	}
	return lines
}

// absence says how long a node has been down.
func (m Model) absence(c monitor.Card) string {
	last, seen := m.seen[c.Name]
	if !seen {
		return "does not answer"
	}
	return "down for " + lasting(m.now.Sub(last.at))
}

// foot is the help, or the filter that is being typed.
func (m Model) foot(cards []monitor.Card) string {
	if m.typing {
		return "filter: " + m.filter + bar().Render(" ") + dim("  enter keeps it, esc clears it")
	}
	help := []string{"q quit  ↑↓ select  enter details  s sort: " + m.order.String() + "  r reverse  / filter",
		"q quit  ↑↓ select  enter details  s sort  / filter", "q quit  s sort  / filter", "q quit"}
	if m.filter != "" {
		found := fmt.Sprintf("filter: %s (%d of %d)", m.filter, len(cards), len(m.cards))
		help = []string{"q quit  " + found + "  esc clear  s sort: " + m.order.String() + "  r reverse",
			"esc clear  " + found}
	}
	position := ""
	if len(cards) > 0 {
		position = fmt.Sprintf("%d/%d", m.cursor(cards)+1, len(cards))
	}
	for _, text := range help {
		if ansi.StringWidth(text)+2+len(position) <= m.width {
			return dim(apart(text, position, m.width))
		}
	}
	return dim(fit(help[len(help)-1], m.width))
}
