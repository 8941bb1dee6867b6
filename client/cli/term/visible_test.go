package term

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// hostile sets a window's title, then turns to red in the 8-bit way, turns
// writing round, and begins a line of its own.
const hostile = "\x1b]0;title\a\u009b31m\u202e\x7f\n\r"

// obeys reports whether a terminal would do something other than show out's
// lines and colours.
func obeys(out string) bool {
	return strings.ContainsFunc(strings.ReplaceAll(ansi.Strip(out), "\n", ""), hidden) ||
		strings.Contains(out, "\x1b]") || strings.Contains(out, "\u009b")
}

func TestEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"":                "",
		`as "it" is \ 日本`: `as "it" is \ 日本`,
		hostile:           `\x1b]0;title\a\u009b31m\u202e\x7f\n\r`,
		"\xff\xfe\ufffd":  `\xff\xfe` + "\ufffd",
	} {
		if got := Visible(text); got != want {
			t.Errorf("Visible(%q) = %s, want %s", text, got, want)
		}
	}
	if got := Escaped("a\n\tb\r\n", "\n\t"); got != "a\n\tb\\r\n" {
		t.Errorf("kept: %q", got)
	}
}

// TestWriteJSON holds that JSON lines are the same text, and one that can be
// shown.
func TestWriteJSON(t *testing.T) {
	for _, text := range []string{"plain <b> 日本", hostile, "\U000e0001 a tag \U0001f600"} {
		var out bytes.Buffer
		if err := WriteJSON(&out, map[string]string{"key": text}); err != nil {
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
