package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/dustin/go-humanize"

	"dht/client/monitor"
	"dht/events"
)

// column is one column of the table of nodes.
type column struct {
	title string
	rank  int  // those of a high rank go first when there is no room
	width int  // at least
	left  bool // text, rather than a number
	order order
	cell  func(monitor.Card) string
	paint func(monitor.Card, string) string // of a cell that ought to strike; nil: as it is
}

const (
	nodeColumn      = "NODE"
	ruleColumn      = "RULE"
	misplacedColumn = "MISPLACED"

	extra       = 10 // the lowest rank of columns for wide terminals
	shortestCut = 14 // what is left, at least, of names and rules that are cut
)

func columns() []column {
	keys := func(c monitor.Card) string { return fmt.Sprint(c.Keys) }
	reads := func(c monitor.Card) string { return short(c.Reads) }
	writes := func(c monitor.Card) string { return short(c.Writes) }
	misplaced := func(c monitor.Card) string { return fmt.Sprint(c.Misplaced) }
	data := func(c monitor.Card) string { return humanize.Bytes(uint64(c.Bytes)) }
	upFor := func(c monitor.Card) string { return lasting(time.Duration(c.UptimeMS) * time.Millisecond) }
	return []column{
		{title: nodeColumn, width: 5, left: true, order: byName, cell: func(c monitor.Card) string { return c.Name }},
		{title: "", rank: 1, left: true, width: len("down"), cell: state, paint: paintState},
		{title: ruleColumn, rank: 6, left: true, cell: func(c monitor.Card) string { return c.Rule }},
		{title: "KEYS", rank: 2, width: 6, order: byKeys, cell: keys},
		{title: "SHARE", rank: 7, width: 9, cell: share},
		{title: "READ/S", rank: 3, width: 6, order: byReads, cell: reads},
		{title: "WRITE/S", rank: 4, width: 7, order: byWrites, cell: writes},
		{title: "P50", rank: 9, width: 5, cell: func(c monitor.Card) string { return latency(c.P50US) }},
		{title: "P99", rank: 5, width: 5, order: byP99, cell: func(c monitor.Card) string { return latency(c.P99US) }},
		{title: "LINKS", rank: 8, cell: links, paint: paintLinks},
		{title: misplacedColumn, rank: extra + 1, order: byMisplaced, cell: misplaced, paint: paintMisplaced},
		{title: "DATA", rank: extra + 2, width: 7, cell: data},
		{title: "UP FOR", rank: extra, cell: upFor},
	}
}

func state(c monitor.Card) string {
	if c.Up {
		return "up"
	}
	return "down"
}

func share(c monitor.Card) string {
	if c.Pinned { // what the rules say of all keys says nothing of those that there are
		return fmt.Sprintf("%.1f%%", 100*c.Share)
	}
	return percents(c.Share, c.Expected)
}

// links counts those that work, or would if they were needed.
func links(c monitor.Card) string {
	if len(c.Links) == 0 {
		return "–"
	}
	return fmt.Sprintf("%d/%d", len(c.Links)-broken(c), len(c.Links))
}

func broken(c monitor.Card) (n int) {
	for _, l := range c.Links {
		if l.State == events.LinkDown {
			n++
		}
	}
	return n
}

func paintState(c monitor.Card, text string) string {
	if c.Up {
		return green(text)
	}
	return red(text)
}

func paintLinks(c monitor.Card, text string) string {
	if broken(c) > 0 {
		return red(text)
	}
	return text
}

func paintMisplaced(c monitor.Card, text string) string {
	if c.Misplaced > 0 {
		return yellow(text)
	}
	return text
}

// table is how cards are laid out in lines.
type table struct {
	columns []column // with the widths they have
	order   order    // the column that the cards are sorted by is marked
	reverse bool
}

// layOut gives every column its width, and leaves out those that width cells
// have no room for.
func layOut(cards []monitor.Card, width int, o order, reverse bool) table {
	t := table{columns: columns(), order: o, reverse: reverse}
	for i := range t.columns {
		t.columns[i].measure(cards, o)
	}
	for t.width() > width && len(t.columns) > 1 {
		last := slices.MaxFunc(t.columns, func(a, b column) int { return a.rank - b.rank })
		if last.rank < extra && t.squeeze(width) {
			break
		}
		t.columns = slices.DeleteFunc(t.columns, func(c column) bool { return c.title == last.title })
	}
	return t
}

// measure gives a column the width of its widest cell, and one that matters now
// a better rank.
func (c *column) measure(cards []monitor.Card, sortedBy order) {
	c.width = max(c.width, ansi.StringWidth(c.title))
	for _, card := range cards {
		c.width = max(c.width, ansi.StringWidth(c.cell(card)))
		if c.title == misplacedColumn && card.Misplaced > 0 {
			c.rank = 1
		}
	}
	if c.order == sortedBy && c.order != byMap {
		c.rank = 0
	}
}

// squeeze cuts rules, then names, and reports whether that is enough; when it is
// not, nothing is cut.
func (t table) squeeze(width int) bool {
	slack, over := 0, t.width()-width
	for _, c := range t.columns {
		slack += c.slack()
	}
	if slack < over {
		return false
	}
	for i := len(t.columns) - 1; i >= 0; i-- {
		cut := min(over, t.columns[i].slack())
		t.columns[i].width -= cut
		over -= cut
	}
	return true
}

// slack is by how much a column can be narrower.
func (c column) slack() int {
	if c.title == nodeColumn || c.title == ruleColumn {
		return max(0, c.width-shortestCut)
	}
	return 0
}

func (t table) width() (sum int) {
	for i, c := range t.columns {
		sum += t.gap(i) + c.width
	}
	return sum
}

// gap is what stands in front of column i.
func (t table) gap(i int) int {
	switch {
	case i == 0:
		return 0
	case t.columns[i-1].title == nodeColumn, t.columns[i-1].title == ruleColumn:
		return 2
	}
	return 1
}

func (t table) head() (text string) {
	for i, c := range t.columns {
		title, gap := c.title, t.gap(i)
		if c.order != t.order || c.order == byMap {
			text += strings.Repeat(" ", gap) + c.align(title)
			continue
		}
		if c.left {
			text += strings.Repeat(" ", gap) + c.align(title+arrow(t.reverse))
			continue
		}
		c.width += gap // the arrow may take the room between columns
		text += c.align(arrow(!t.reverse) + title)
	}
	return dim(strings.TrimRight(text, " "))
}

func arrow(down bool) string {
	if down {
		return "▼"
	}
	return "▲"
}

func (c column) align(text string) string {
	if c.left {
		return pad(text, c.width)
	}
	return padLeft(text, c.width)
}

// row is a card's line. A node that is down has no numbers but a note.
func (t table) row(c monitor.Card, note string, selected bool) string {
	switch {
	case c.Up && selected:
		return bar().Render(pad(t.cells(c, false), t.width()))
	case c.Up:
		return t.cells(c, true)
	case selected:
		return bar().Foreground(lipgloss.Red).Render(pad(t.lost(c, note), t.width()))
	}
	return red(strings.TrimRight(t.lost(c, note), " "))
}

func (t table) cells(c monitor.Card, painted bool) (text string) {
	for i, column := range t.columns {
		cell := column.align(column.cell(c))
		if painted && column.paint != nil {
			cell = column.paint(c, cell)
		}
		text += strings.Repeat(" ", t.gap(i)) + cell
	}
	return text
}

// lost is the line of a node that is down, without colour.
func (t table) lost(c monitor.Card, note string) (text string) {
	for i, column := range t.columns {
		if !column.left {
			break
		}
		text += strings.Repeat(" ", t.gap(i)) + column.align(column.cell(c))
	}
	return fit(text+"  "+note, t.width())
}

// Table lays out cards for somebody who looks once: a heading, then a line for
// each. Columns that do not fit width are left out.
func Table(cards []monitor.Card, width int) (lines []string) {
	t := layOut(cards, width, byMap, false)
	lines = append(lines, t.head())
	for _, c := range cards {
		lines = append(lines, t.row(c, "does not answer", false))
	}
	return lines
}
