package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/dustin/go-humanize"

	"dht/client/monitor"
	"dht/events"
)

// details describe the selected node, in the lower half of the screen at most.
func (m Model) details(cards []monitor.Card) []string {
	if m.folded || m.height < low || len(cards) == 0 {
		return nil
	}
	c := cards[m.cursor(cards)]
	lines := []string{m.caption(c), "rule      " + c.Rule + dim(rulesSay(c))}
	if c.Up {
		lines = append(lines, facts(c, m.width)...)
	} else if last, seen := m.seen[c.Name]; seen {
		lines = append(lines, fmt.Sprintf("had       %s, at %s", holds(last.card), last.at.Format(time.TimeOnly)),
			"ran       "+runs(last.card))
	}
	if room := m.height / 2; len(lines) > room {
		lines = append(lines[:room-1],
			dim(fmt.Sprintf("          … %d more lines on a higher screen", len(lines)-room+1)))
	}
	return lines
}

func (m Model) caption(c monitor.Card) string {
	text := "── " + bold(c.Name) + " ── "
	if c.Up {
		text += "up for " + lasting(time.Duration(c.UptimeMS)*time.Millisecond)
	} else {
		text += red(m.absence(c))
	}
	return text + " " + dim(strings.Repeat("─", max(0, m.width-ansi.StringWidth(text)-1)))
}

func rulesSay(c monitor.Card) string {
	if c.Pinned {
		return "  (keys of a location: no share can be expected)"
	}
	return fmt.Sprintf("  (%.1f%% of all keys, expected %.1f%%)", 100*c.Share, 100*c.Expected)
}

func facts(c monitor.Card, width int) []string {
	lines := []string{"holds     " + holds(c), "runs      " + runs(c)}
	for _, group := range []struct {
		name string
		path events.LinkPath
	}{{"routes", events.PathRoute}, {"NATS", events.PathNATS}, {"peers", events.PathTCP}} {
		if text := linksOver(c, group.path, width-10); text != "" {
			lines = append(lines, fmt.Sprintf("%-10s", group.name)+text)
		}
	}
	return append(lines, requests(c)...)
}

func holds(c monitor.Card) string {
	text := fmt.Sprintf("%s keys in %s", humanize.Comma(int64(c.Keys)), humanize.Bytes(uint64(c.Bytes)))
	if c.Misplaced > 0 {
		return text + ", " + yellow(humanize.Comma(int64(c.Misplaced))+" misplaced")
	}
	return text + ", none misplaced"
}

func runs(c monitor.Card) string { return c.Build + dim("  map "+fmt.Sprint(c.Map)) }

// linksOver lists the links of one kind, the broken ones first, as many as fit
// width.
func linksOver(c monitor.Card, path events.LinkPath, width int) (text string) {
	list := slices.DeleteFunc(slices.Clone(c.Links), func(l events.Link) bool { return l.Path != path })
	slices.SortStableFunc(list, func(a, b events.Link) int { return cmp.Compare(severity(a), severity(b)) })
	for i, l := range list {
		next := l.To + " " + paintLink(l.State)
		rest := fmt.Sprintf(" and %d more", len(list)-i)
		room := width - ansi.StringWidth(text) - ansi.StringWidth(next) - 2
		if i > 0 && room < len(rest) && i < len(list)-1 || room < 0 {
			return text + dim(rest)
		}
		if i > 0 {
			text += ", "
		}
		text += next
	}
	return text
}

func severity(l events.Link) int {
	return slices.Index([]events.LinkState{events.LinkDown, events.LinkIdle, events.LinkUp}, l.State)
}

func paintLink(s events.LinkState) string {
	switch s {
	case events.LinkUp:
		return green(string(s))
	case events.LinkDown:
		return red(string(s))
	}
	return dim(string(s))
}

// requests are those answered since the node's start, by operation and status.
func requests(c monitor.Card) (lines []string) {
	for _, op := range events.Ops() {
		counts := c.Requests[op]
		if len(counts) == 0 {
			continue
		}
		var words []string
		for _, status := range byCount(counts) {
			words = append(words, humanize.Comma(counts[status])+" "+string(status))
		}
		lines = append(lines, fmt.Sprintf("%-10s", op)+strings.Join(words, ", "))
	}
	return lines
}

// byCount puts the most frequent status first.
func byCount(counts map[events.Status]int64) (list []events.Status) {
	for status := range counts {
		list = append(list, status)
	}
	slices.SortFunc(list, func(a, b events.Status) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	return list
}
