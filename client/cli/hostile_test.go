package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"dht/client/cli/term"
	"dht/client/monitor"
	"dht/events"
)

// hostile sets a window's title, then turns to red in the 8-bit way, turns
// writing round, and begins a line of its own.
const hostile = "\x1b]0;title\a\u009b31m\u202e\x7f\n\r"

// obeys reports whether a terminal would do something other than show out's
// lines and colours.
func obeys(out string) bool {
	text := strings.ReplaceAll(ansi.Strip(out), "\n", "")
	return term.Visible(text) != text || strings.Contains(out, "\x1b]") || strings.Contains(out, "\u009b")
}

// TestLines_Hostile shows what anybody can publish on the bus.
func TestLines_Hostile(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	answer := monitor.Answer{Node: "n" + hostile, Status: events.Status("s" + hostile), Detail: hostile}
	stored, silent, refused := answer, answer, answer
	stored.Status, silent.Status, refused.Status = events.StatusStored, events.StatusSilent, events.StatusNotStored
	for _, l := range []monitor.Line{
		{Op: events.Op("get" + hostile), Key: []byte(hostile), Detail: hostile,
			Answers: []monitor.Answer{answer, stored, silent, refused}},
		{Event: events.EventType("put" + hostile), Node: hostile, Key: []byte("k"), Detail: hostile},
		{Event: events.EventUp, Node: hostile},
		{Lost: 2, Detail: hostile},
		{Detail: hostile},
	} {
		l.Time = time.Unix(0, 0)
		for force, profile := range map[string]colorprofile.Profile{"0": colorprofile.NoTTY, "1": colorprofile.ANSI} {
			t.Setenv("CLICOLOR_FORCE", force)
			var out bytes.Buffer
			to := term.New(&out)
			if to.Profile() != profile {
				t.Fatalf("the colours are %v, want %v", to.Profile(), profile)
			}
			if err := (lines{to}).show(l); err != nil {
				t.Fatal(err)
			}
			if strings.Count(out.String(), "\n") != 1 || obeys(out.String()) {
				t.Errorf("a terminal would obey %q", &out)
			}
		}
	}
}

// TestComplain_Hostile reports a refusal in somebody's words.
func TestComplain_Hostile(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		a := &app{err: term.New(&out)}
		a.json = asJSON
		a.complain(context.Background(), errors.New("linux says: "+strings.ReplaceAll(hostile, "\n", "")))
		if strings.Count(out.String(), "\n") != 1 || obeys(out.String()) || !strings.Contains(out.String(), "linux says") {
			t.Errorf("a terminal would obey %q", &out)
		}
	}
}

// TestTextLogger_Hostile logs a damaged key and somebody's error.
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
