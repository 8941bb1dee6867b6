package top

import (
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// bar is the style of the line that is selected.
func bar() lipgloss.Style { return lipgloss.NewStyle().Reverse(true) }

func red(text string) string    { return colour(text, lipgloss.Red) }
func green(text string) string  { return colour(text, lipgloss.Green) }
func yellow(text string) string { return colour(text, lipgloss.Yellow) }
func dim(text string) string    { return lipgloss.NewStyle().Faint(true).Render(text) }
func bold(text string) string   { return lipgloss.NewStyle().Bold(true).Render(text) }

func colour(text string, c color.Color) string {
	return lipgloss.NewStyle().Foreground(c).Render(text)
}

// short writes a number in at most five cells: 3.2, 512, 9999, 12.3k, 1.2M.
func short(n float64) string {
	switch {
	case n < 9.95 && n != math.Trunc(n):
		return strconv.FormatFloat(n, 'f', 1, 64)
	case n < 9999.5:
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	for _, unit := range []string{"k", "M", "G"} {
		if n /= 1000; n < 99.95 {
			return strconv.FormatFloat(n, 'f', 1, 64) + unit
		} else if n < 999.5 {
			return strconv.FormatFloat(n, 'f', 0, 64) + unit
		}
	}
	return "many"
}

// latency writes microseconds in at most five cells; – when nothing was
// measured.
func latency(micros float64) string {
	switch {
	case micros == 0:
		return "–"
	case micros < 999.5:
		return strconv.FormatFloat(micros, 'f', 0, 64) + "µs"
	case micros < 9950:
		return strconv.FormatFloat(micros/1e3, 'f', 1, 64) + "ms"
	case micros < 999.5e3:
		return strconv.FormatFloat(micros/1e3, 'f', 0, 64) + "ms"
	}
	return strconv.FormatFloat(micros/1e6, 'f', 1, 64) + "s"
}

// lasting writes a duration by its two largest units: 12s, 3m12s, 5h3m, 2d4h.
func lasting(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}

// percents writes the actual share of the expected one: 48 of 50%.
func percents(actual, expected float64) string {
	digits := 0
	if expected < 0.0995 {
		digits = 1
	}
	return strconv.FormatFloat(100*actual, 'f', digits, 64) + " of " +
		strconv.FormatFloat(100*expected, 'f', digits, 64) + "%"
}

// sparkline draws the last values as bars, one cell each, the highest in full.
func sparkline(values []float64, width int) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	values = values[max(0, len(values)-max(0, width)):]
	highest := 0.0
	for _, v := range values {
		highest = max(highest, v)
	}
	var b strings.Builder
	for _, v := range values {
		level := 0
		if v > 0 {
			level = int(v / highest * float64(len(bars)-1))
		}
		b.WriteRune(bars[level])
	}
	return b.String()
}

// fit cuts text that is wider than width.
func fit(text string, width int) string { return ansi.Truncate(text, max(0, width), "…") }

// pad makes text exactly width wide.
func pad(text string, width int) string {
	text = fit(text, width)
	return text + strings.Repeat(" ", width-ansi.StringWidth(text))
}

func padLeft(text string, width int) string {
	text = fit(text, width)
	return strings.Repeat(" ", width-ansi.StringWidth(text)) + text
}

// apart puts one text at each end of a line. Without room for both, the left one
// counts.
func apart(left, right string, width int) string {
	room := width - ansi.StringWidth(left) - ansi.StringWidth(right)
	if room < 2 {
		return fit(left, width)
	}
	return left + strings.Repeat(" ", room) + right
}
