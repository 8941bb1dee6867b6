package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/charmbracelet/colorprofile"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// terminal is an output that knows whether a person looks at it.
type terminal struct {
	out     io.Writer
	live    bool // a terminal: it may be animated
	profile colorprofile.Profile
	failed  error // of the first write that did
}

// Write remembers the first failure, for those who print without looking.
func (t *terminal) Write(b []byte) (int, error) {
	n, err := t.out.Write(b)
	if err != nil && t.failed == nil {
		t.failed = fmt.Errorf("print: %w", err)
	}
	return n, err
}

// newTerminal colours only on a terminal and without NO_COLOR.
func newTerminal(w io.Writer) *terminal {
	file, ok := w.(*os.File)
	return &terminal{out: w, live: ok && term.IsTerminal(int(file.Fd())), profile: profileOf(w)}
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

// styled is text on one line, all of it to be seen: it may be anybody's.
func (t *terminal) styled(text string, style lipgloss.Style) string {
	text = visible(text)
	if t.profile <= colorprofile.ASCII {
		return text
	}
	return style.Render(text)
}

func (t *terminal) colour(text, ansi string) string {
	return t.styled(text, lipgloss.NewStyle().Foreground(lipgloss.Color(ansi)))
}

func (t *terminal) good(text string) string { return t.colour(text, "2") }
func (t *terminal) bad(text string) string  { return t.colour(text, "1") }
func (t *terminal) dim(text string) string  { return t.styled(text, lipgloss.NewStyle().Faint(true)) }
func (t *terminal) bold(text string) string { return t.styled(text, lipgloss.NewStyle().Bold(true)) }

// table prints rows below a head, in columns.
func (t *terminal) table(head []string, rows [][]string) {
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

// bars is a table with a bar at the end of each row: none for a negative share.
func (t *terminal) bars(head []string, rows [][]string, shares []float64) {
	room := t.columns()
	for i := range head {
		widest := lipgloss.Width(head[i])
		for _, row := range rows {
			widest = max(widest, lipgloss.Width(row[i]))
		}
		room -= widest + 2
	}
	width := min(max(room, barLeast), barWidth)
	for i := range rows {
		rows[i] = append(rows[i], t.good(bar(max(shares[i], 0), width)))
	}
	t.table(append(head, ""), rows)
}

// columns is how wide the terminal is; what is no terminal is as wide as most.
func (t *terminal) columns() int {
	if file, ok := t.out.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
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

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + "%" }

// progress shows how far a long command is, on a terminal only.
func (a *app) progress(total int, what string) (step, end func()) {
	if !a.err.live || a.json || a.quiet {
		return func() {}, func() {}
	}
	bar := progressbar.NewOptions(total,
		progressbar.OptionSetWriter(a.err),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(50_000_000),
		progressbar.OptionClearOnFinish())
	return func() { _ = bar.Add(1) }, func() { _ = bar.Finish() }
}

// printJSON writes one line.
func (a *app) printJSON(v any) error {
	if err := writeJSON(a.out, v); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// note says to a person what is no data.
func (a *app) note(format string, args ...any) {
	if !a.quiet && !a.json {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}
