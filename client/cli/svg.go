package cli

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"syscall"
	"text/template"
	"unicode/utf8"

	"dht/client"
	"dht/configs"
	"dht/nodes/placement"
)

//go:embed scatter.svg.tmpl
var scatterSVG string

// Lengths of the chart, in units of its view box.
const (
	chartWidth = 720
	chartSide  = 32 // margin left and right
	chartTop   = 128
	chartRow   = 56
	chartFoot  = 80
	chartBar   = 16
	chartChars = 44 // of a node's name and rule, to leave room for the numbers
)

// chart is a scatter as its template wants it: every length worked out.
type chart struct {
	Width, Height   int
	Title, Subtitle string
	Summary         string // for those who do not see the picture
	Verdict         string
	Faulty          bool
	Rows            []chartRowOf
	Ticks           []tick
	Left, Right     int // ends of the axis
	Top, Bottom     int
	Bar             int
	Foot            int
}

func (c chart) Inner() int       { return c.Width - 1 }
func (c chart) InnerHeight() int { return c.Height - 1 }

type chartRowOf struct {
	Name, Rule, Story string
	Kept, Expected    string
	Text, Y           int // baseline of the words, top of the bar
	Bar, Mark         float64
	Marked            bool // the rules give it a share
}

func (r chartRowOf) MarkTop() int    { return r.Y - 3 }
func (r chartRowOf) MarkBottom() int { return r.Y + chartBar + 3 }

type tick struct {
	X    float64
	Text string
}

func chartOf(m *placement.Map, s client.Scattered) chart {
	nodes := m.Shares().Nodes
	c := chart{
		Width: chartWidth, Height: chartTop + len(nodes)*chartRow + chartFoot,
		Title: fmt.Sprintf("Where %s went", plural(s.Keys, "random key")),
		Subtitle: shorten(fmt.Sprintf("Share of all keys, by node. Cluster %s, epoch %d, copies = %s", m.Name(), m.Epoch(),
			m.Copies()), 90),
		Verdict: verdict(s), Faulty: s.Missing+s.Duplicates > 0,
		Left: chartSide, Right: chartWidth - chartSide,
		Top: chartTop, Bottom: chartTop + len(nodes)*chartRow, Bar: chartBar,
	}
	c.Foot = c.Bottom + 56
	most := 0.01
	for _, n := range nodes {
		most = max(most, share(s.ByNode[n.Name], s.Keys), float(n.Share))
	}
	step := tickStep(most)
	end := min(1, math.Ceil(most*1.02/step)*step)
	position := func(share float64) float64 { return float64(c.Left) + share/end*float64(c.Right-c.Left) }
	for at := 0.0; at < end+step/2; at += step {
		c.Ticks = append(c.Ticks, tick{position(at), fmt.Sprintf("%.0f%%", 100*at)})
	}
	for i, n := range nodes {
		row := rowOf(n, s.ByNode[n.Name], s.Keys)
		row.Text = c.Top + i*chartRow + 18
		row.Y = row.Text + 9
		row.Bar = position(share(s.ByNode[n.Name], s.Keys)) - float64(c.Left)
		row.Mark = position(float(n.Share))
		c.Rows = append(c.Rows, row)
		c.Summary += row.Story + " "
	}
	c.Summary += c.Verdict
	return c
}

func rowOf(n placement.NodeShare, kept, keys int) chartRowOf {
	row := chartRowOf{Name: shorten(n.Name, chartChars), Kept: plural(kept, "key") + ", " + percent(share(kept, keys)),
		Expected: "expected " + percent(float(n.Share)), Marked: !n.Prefix}
	row.Rule = shorten(n.Rule, chartChars-utf8.RuneCountInString(row.Name))
	if n.Prefix {
		row.Expected = "by its prefix"
	}
	row.Story = fmt.Sprintf("%s (%s) keeps %s, %s.", n.Name, n.Rule, row.Kept, row.Expected)
	return row
}

// tickStep divides an axis that must reach most into six parts or less.
func tickStep(most float64) float64 {
	for _, step := range []float64{0.01, 0.02, 0.05, 0.1} {
		if most*1.02 <= 6*step {
			return step
		}
	}
	return 0.2
}

func shorten(text string, most int) string {
	if most < 2 {
		return ""
	}
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// writeSVG draws the scatter for a browser, a document or a slide.
func writeSVG(w io.Writer, m *placement.Map, s client.Scattered) error {
	text := template.Must(template.New("scatter").Parse(scatterSVG))
	if err := text.Execute(w, chartOf(m, s)); err != nil {
		return fmt.Errorf("write chart: %w", err)
	}
	return nil
}

// saveSVG is writeSVG to a file.
func saveSVG(path string, m *placement.Map, s client.Scattered) error {
	var drawn bytes.Buffer
	if err := writeSVG(&drawn, m, s); err != nil {
		return err
	}
	if err := os.WriteFile(path, drawn.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write chart: %w", err)
	}
	return nil
}

// mayWrite refuses a file that cannot be written, before much is done for it. It
// leaves things as they are; what is no file, such as a pipe, it leaves alone.
func mayWrite(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return fmt.Errorf("write chart: %w", configs.InWords(path, syscall.EISDIR))
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil
	}
	missing := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err == nil {
		err = f.Close()
	}
	if err == nil && missing {
		err = os.Remove(path)
	}
	if err != nil {
		return fmt.Errorf("write chart: %w", err)
	}
	return nil
}
