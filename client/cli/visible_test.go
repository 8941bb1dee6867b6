package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"dht/client/monitor"
	"dht/events"
)

// hostile sets a window's title, then turns to red in the 8-bit way, turns
// writing round, and begins a line of its own.
const hostile = "\x1b]0;title\a\u009b31m\u202e\x7f\n\r"

// obeys reports whether a terminal would do something other than show out's
// lines and colours.
func obeys(out string) bool {
	return strings.ContainsFunc(strings.ReplaceAll(ansi.Strip(out), "\n", ""), hidden) || strings.Contains(out, "\x1b]") || strings.Contains(out, "\u009b")
}

func TestEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"":                "",
		`as "it" is \ 日本`: `as "it" is \ 日本`,
		hostile:           `\x1b]0;title\a\u009b31m\u202e\x7f\n\r`,
		"\xff\xfe\ufffd":  `\xff\xfe` + "\ufffd",
	} {
		if got := visible(text); got != want {
			t.Errorf("visible(%q) = %s, want %s", text, got, want)
		}
	}
	if got := escaped("a\n\tb\r\n", "\n\t"); got != "a\n\tb\\r\n" {
		t.Errorf("kept: %q", got)
	}
}

// TestWriteJSON holds that JSON lines are the same text, and one that can be
// shown.
func TestWriteJSON(t *testing.T) {
	for _, text := range []string{"plain <b> 日本", hostile, "\U000e0001 a tag \U0001f600"} {
		var out bytes.Buffer
		if err := writeJSON(&out, map[string]string{"key": text}); err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["key"] != text {
			t.Errorf("%s is read back as %q: %v", &out, back, err)
		}
		if strings.Count(out.String(), "\n") != 1 || obeys(out.String()) {
			t.Errorf("a terminal would obey %q", &out)
		}
	}
}

// TestLines_Hostile shows what anybody can publish on the bus.
func TestLines_Hostile(t *testing.T) {
	answer := monitor.Answer{Node: "n" + hostile, Status: events.Status("s" + hostile), Detail: hostile}
	stored, silent, refused := answer, answer, answer
	stored.Status, silent.Status, refused.Status = events.StatusStored, events.StatusSilent, events.StatusNotStored
	for _, l := range []monitor.Line{
		{Op: events.Op("get" + hostile), Key: []byte(hostile), Detail: hostile, Answers: []monitor.Answer{answer, stored, silent, refused}},
		{Event: events.EventType("put" + hostile), Node: hostile, Key: []byte("k"), Detail: hostile},
		{Event: events.EventUp, Node: hostile},
		{Lost: 2, Detail: hostile},
		{Detail: hostile},
	} {
		l.Time = time.Unix(0, 0)
		for _, profile := range []colorprofile.Profile{colorprofile.ASCII, colorprofile.ANSI} {
			var out bytes.Buffer
			if err := (lines{&terminal{out: &out, profile: profile}}).show(l); err != nil {
				t.Fatal(err)
			}
			if strings.Count(out.String(), "\n") != 1 || obeys(out.String()) {
				t.Errorf("a terminal would obey %q", &out)
			}
		}
	}
}

// TestComplain_Hostile tells of a refusal in a stranger's words.
func TestComplain_Hostile(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		a := &app{err: newTerminal(&out)}
		a.json = asJSON
		a.complain(context.Background(), errors.New("linux says: "+strings.ReplaceAll(hostile, "\n", "")))
		if strings.Count(out.String(), "\n") != 1 || obeys(out.String()) || !strings.Contains(out.String(), "linux says") {
			t.Errorf("a terminal would obey %q", &out)
		}
	}
}

// TestTextLogger_Hostile logs a damaged key and a stranger's error.
func TestTextLogger_Hostile(t *testing.T) {
	for _, noColour := range []bool{false, true} {
		var out bytes.Buffer
		log := textLogger(&out, slog.LevelInfo, noColour)
		log.Warn("told: "+hostile, "key", hostile, "err", errors.New(hostile), "damage", fmt.Sprintf("%q", hostile), "n", 7)
		if strings.Count(out.String(), "\n") != 1 || obeys(out.String()) || !strings.Contains(out.String(), "␛]0;title") {
			t.Errorf("a terminal would obey %q", &out)
		}
	}
}
