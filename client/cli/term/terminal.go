// Package term prints on a terminal, or on what is none: colours where there are
// any, columns that fit, and nothing that a terminal would obey in what others have
// sent.
//
// It reads nothing, and knows nothing of keys or nodes. It imports none of our
// packages.
package term

import (
	"fmt"
	"io"
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	xterm "golang.org/x/term"
)

// Terminal is an output that knows whether a person looks at it.
type Terminal struct {
	out     io.Writer
	live    bool // a terminal: it may be animated
	profile colorprofile.Profile
	failed  error // of the first write that did
}

// Live reports whether it is a terminal, which may be animated.
func (t *Terminal) Live() bool { return t.live }

// Output is where it writes, for those who draw there by themselves.
func (t *Terminal) Output() io.Writer { return t.out }

// Profile is what colours it can show.
func (t *Terminal) Profile() colorprofile.Profile { return t.profile }

// Err is why the first write failed that did, for those who print without looking.
func (t *Terminal) Err() error { return t.failed }

// Write remembers the first failure, see [Terminal.Err].
func (t *Terminal) Write(b []byte) (int, error) {
	n, err := t.out.Write(b)
	if err != nil && t.failed == nil {
		t.failed = fmt.Errorf("print: %w", err)
	}
	return n, err
}

// New colours only on a terminal and without NO_COLOR.
func New(w io.Writer) *Terminal {
	file, ok := w.(*os.File)
	return &Terminal{out: w, live: ok && xterm.IsTerminal(int(file.Fd())), profile: profileOf(w)}
}

// profileOf is what colours w can show. NO_COLOR counts with any value, not
// only with those that say yes.
func profileOf(w io.Writer) colorprofile.Profile {
	profile := colorprofile.Detect(w, os.Environ())
	if os.Getenv("NO_COLOR") != "" {
		profile = min(profile, colorprofile.ASCII)
	}
	return profile
}

// Styled is text on one line, all of it to be seen: it may be anybody's.
func (t *Terminal) Styled(text string, style lipgloss.Style) string {
	text = Visible(text)
	if t.profile <= colorprofile.ASCII {
		return text
	}
	return style.Render(text)
}

func (t *Terminal) Colour(text, ansi string) string {
	return t.Styled(text, lipgloss.NewStyle().Foreground(lipgloss.Color(ansi)))
}

func (t *Terminal) Good(text string) string { return t.Colour(text, "2") }
func (t *Terminal) Bad(text string) string  { return t.Colour(text, "1") }
func (t *Terminal) Warn(text string) string { return t.Colour(text, "3") }
func (t *Terminal) Dim(text string) string  { return t.Styled(text, lipgloss.NewStyle().Faint(true)) }
func (t *Terminal) Bold(text string) string { return t.Styled(text, lipgloss.NewStyle().Bold(true)) }

// Table prints rows below a head, in columns.
func (t *Terminal) Table(head []string, rows [][]string) {
	column := lipgloss.NewStyle().PaddingRight(2)
	text := table.New().
		Border(lipgloss.HiddenBorder()).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).
		BorderColumn(false).BorderHeader(false).
		Headers(head...).Rows(rows...).
		StyleFunc(func(row, _ int) lipgloss.Style {
			if row == table.HeaderRow && t.profile > colorprofile.ASCII {
				return column.Faint(true)
			}
			return column
		}).Render()
	for line := range strings.Lines(text) {
		fmt.Fprintln(t, strings.TrimRight(line, " \n"))
	}
}

// A bar for a share of one is so many cells long, where there is room.
const barWidth, barLeast = 32, 8

// Bars is a table with a bar at the end of each row: none for a negative share.
func (t *Terminal) Bars(head []string, rows [][]string, shares []float64) {
	room := t.Columns()
	for i := range head {
		widest := lipgloss.Width(head[i])
		for _, row := range rows {
			widest = max(widest, lipgloss.Width(row[i]))
		}
		room -= widest + 2
	}
	width := min(max(room, barLeast), barWidth)
	for i := range rows {
		rows[i] = append(rows[i], t.Good(bar(max(shares[i], 0), width)))
	}
	t.Table(append(head, ""), rows)
}

// Columns is how wide the terminal is; what is no terminal is as wide as most.
func (t *Terminal) Columns() int {
	if file, ok := t.out.(*os.File); ok {
		if width, _, err := xterm.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// bar draws a share of one, in eighths of a cell.
func bar(share float64, width int) string {
	const eighths = "▏▎▍▌▋▊▉█"
	cells := int(share*float64(width*8) + 0.5)
	text := strings.Repeat("█", cells/8)
	if rest := cells % 8; rest > 0 {
		text += string([]rune(eighths)[rest-1])
	}
	return text
}

// Plain takes the colours from text where none may be.
func (t *Terminal) Plain(text string) string {
	if t.profile <= colorprofile.ASCII {
		return ansi.Strip(text)
	}
	return text
}

// Width is how many columns there are; 0 where nothing is to be cut.
func (t *Terminal) Width() int {
	file, ok := t.out.(*os.File)
	if !ok || !t.live {
		return 0
	}
	w, _, err := xterm.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return w
}

// Closed reports whether this was a terminal, and is none any more.
func (t *Terminal) Closed() bool {
	file, ok := t.out.(*os.File)
	return t.live && ok && !xterm.IsTerminal(int(file.Fd()))
}
