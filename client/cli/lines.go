package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/dustin/go-humanize"

	"dht/client/cli/term"
	"dht/client/monitor"
	"dht/events"
)

// lines prints what a monitor sees, in columns that fit the terminal.
type lines struct{ *term.Terminal }

const (
	timeColumn  = "15:04:05.000"
	whatColumn  = 6
	sizeColumn  = 7
	tookColumn  = 6
	fixedWidth  = len(timeColumn) + 1 + whatColumn + 1 + 1 + sizeColumn + 1 + tookColumn + 2
	answerWidth = 28 // what three nodes say
	narrowKey   = 12
	wideKey     = 36
	plainKey    = 20 // where nothing is cut
)

func (v lines) show(l monitor.Line) error {
	width := v.Width()
	text := v.line(l, width)
	if width > 0 {
		text = ansi.Truncate(text, width, "…")
	}
	_, err := fmt.Fprintln(v, strings.TrimRight(text, " "))
	return err
}

func (v lines) line(l monitor.Line, width int) string {
	at := v.Dim(l.Time.Local().Format(timeColumn)) + " "
	switch {
	case l.Lost > 0:
		return at + v.Warn(pad("…", whatColumn)+" "+unshown(l.Lost)+": "+l.Detail)
	case l.Op == "" && l.Event == "":
		return at + v.Warn(pad("bus", whatColumn)+" "+l.Detail)
	}
	size, took := "", ""
	if l.Bytes > 0 {
		size = humanize.Bytes(uint64(l.Bytes))
	}
	if l.Took > 0 {
		took = tookText(l.Took)
	}
	subject := l.Key
	if l.Event != "" && len(subject) == 0 {
		subject, l.Node = []byte(l.Node), ""
	}
	return at + v.what(l) + " " + key(subject, width) + " " + v.Dim(padLeft(size, sizeColumn)+" "+padLeft(took, tookColumn)) + "  " + v.answers(l)
}

// unshown is how much a monitor left out. It is no loss: what the messages did is
// done.
func unshown(messages int64) string { return plural(int(messages), "message") + " not shown" }

// what is the operation, or what happened.
func (v lines) what(l monitor.Line) string {
	word := pad(string(l.Op)+string(l.Event), whatColumn)
	switch l.Event {
	case events.EventUp:
		return v.Good(word)
	case events.EventDown, events.EventCorrupt, events.EventMapMismatch:
		return v.Bad(word)
	}
	return v.Bold(word)
}

// key is cut to what is left of the terminal's width, and padded.
func key(k []byte, width int) string {
	text := term.Legible(k)
	if width == 0 {
		return pad(text, plainKey)
	}
	room := min(max(width-fixedWidth-answerWidth, narrowKey), wideKey)
	return pad(ansi.Truncate(text, room, "…"), room)
}

// answers is who said what: those who did something, then who was silent, then who
// refused to own the key; the end may be cut.
func (v lines) answers(l monitor.Line) string {
	if l.Event != "" {
		return strings.TrimSpace(term.Visible(l.Node) + " " + v.eventWord(l.Event) + " " + v.Dim(l.Detail))
	}
	var parts, refused, silent []string
	for _, a := range l.Answers {
		switch a.Status {
		case events.StatusNotStored:
			refused = append(refused, a.Node)
		case events.StatusSilent:
			silent = append(silent, a.Node)
		default:
			parts = append(parts, v.answer(a))
		}
	}
	if len(silent) > 0 {
		parts = append(parts, v.Bad(strings.Join(silent, " ")+" silent"))
	}
	if len(refused) > 0 {
		parts = append(parts, v.Dim(strings.Join(refused, " ")+" no"))
	}
	if l.Subject == "" {
		parts = append(parts, v.Dim("over TCP"))
	}
	if l.Detail != "" {
		parts = append(parts, v.Bad(l.Detail))
	}
	return strings.Join(parts, "  ")
}

func (v lines) eventWord(t events.EventType) string {
	switch t {
	case events.EventPut:
		return v.Good("stored")
	case events.EventDelete:
		return v.Good("deleted")
	}
	return ""
}

func (v lines) answer(a monitor.Answer) string {
	node, word := term.Visible(a.Node), string(a.Status)
	switch a.Status {
	case events.StatusStored, events.StatusFound, events.StatusDeleted, events.StatusListed:
		return node + " " + v.Good(word)
	case events.StatusAbsent, events.StatusUnchanged:
		return node + " " + word
	case events.StatusSuperseded:
		return node + " " + v.Warn(word)
	}
	if a.Detail != "" {
		word += ": " + a.Detail
	}
	return node + " " + v.Bad(word)
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
}

func padLeft(text string, width int) string {
	return strings.Repeat(" ", max(0, width-ansi.StringWidth(text))) + text
}

// tookText is a duration in three digits.
func tookText(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < time.Second:
		return threeDigits(float64(d)/float64(time.Millisecond)) + " ms"
	}
	return threeDigits(d.Seconds()) + " s"
}

func threeDigits(x float64) string {
	if x >= 9.95 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'f', 1, 64)
}
