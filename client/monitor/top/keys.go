package top

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"

	"dht/client/monitor"
)

// order is what nodes are sorted by.
type order int

const (
	byMap order = iota // in which rules are tried
	byName
	byKeys
	byReads
	byWrites
	byP99
	byMisplaced
	orders // how many there are
)

func (o order) String() string {
	return [orders]string{"map order", "name", "keys", "reads", "writes", "p99", "misplaced"}[o]
}

// compare puts names from a to z and numbers from high to low.
func (o order) compare(a, b monitor.Card) int {
	switch o {
	case byName:
		return cmp.Compare(a.Name, b.Name)
	case byKeys:
		return cmp.Compare(b.Keys, a.Keys)
	case byReads:
		return cmp.Compare(b.Reads, a.Reads)
	case byWrites:
		return cmp.Compare(b.Writes, a.Writes)
	case byP99:
		return cmp.Compare(b.P99US, a.P99US)
	case byMisplaced:
		return cmp.Compare(b.Misplaced, a.Misplaced)
	}
	return 0
}

// shown are the cards that pass the filter, sorted.
func (m Model) shown() (cards []monitor.Card) {
	for _, c := range m.cards {
		text := strings.ToLower(c.Name + "\n" + state(c) + "\n" + c.Rule + "\n" + c.OS)
		if strings.Contains(text, strings.ToLower(m.filter)) {
			cards = append(cards, c)
		}
	}
	slices.SortStableFunc(cards, m.order.compare)
	if m.reverse {
		slices.Reverse(cards)
	}
	return cards
}

// cursor is where among cards the selected one is; the first one when it is not
// shown.
func (m Model) cursor(cards []monitor.Card) int {
	return max(0, slices.IndexFunc(cards, func(c monitor.Card) bool { return c.Name == m.selected }))
}

// move selects the node so many lines further down.
func (m Model) move(lines int) Model {
	if cards := m.shown(); len(cards) > 0 {
		m.selected = cards[min(max(0, m.cursor(cards)+lines), len(cards)-1)].Name
	}
	return m
}

func (m Model) press(key tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	if key.String() == "ctrl+c" {
		return m, tea.Quit
	}
	if m.typing {
		return m.write(key), nil
	}
	const end = 1 << 30
	switch key.String() {
	case "q":
		return m, tea.Quit
	case "down", "j":
		return m.move(1), nil
	case "up", "k":
		return m.move(-1), nil
	case "pgdown", "space":
		return m.move(m.page()), nil
	case "pgup", "b":
		return m.move(-m.page()), nil
	case "home", "g":
		return m.move(-end), nil
	case "end", "G":
		return m.move(end), nil
	case "s", "right":
		m.order, m.reverse = (m.order+1)%orders, false
	case "S", "left":
		m.order, m.reverse = (m.order+orders-1)%orders, false
	case "r":
		m.reverse = !m.reverse
	case "enter":
		m.folded = !m.folded
	case "/":
		m.typing = true
	case "esc":
		m.filter = ""
	}
	return m, nil
}

// write edits the filter. (The text input of bubbles makes the program 0.4 MB larger
// and has every command look for clipboard tools on the PATH as it starts.)
func (m Model) write(key tea.KeyPressMsg) Model {
	switch key.String() {
	case "enter":
		m.typing = false
	case "esc":
		m.typing, m.filter = false, ""
	case "ctrl+u":
		m.filter = ""
	case "backspace":
		if text := []rune(m.filter); len(text) > 0 {
			m.filter = string(text[:len(text)-1])
		}
	default:
		m.filter += printable(key.Text)
	}
	return m
}

// printable is text without what would move the terminal's cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
}
