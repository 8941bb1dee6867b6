package term

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTerminal_Bars(t *testing.T) {
	for name, c := range map[string]struct {
		rule string
		want int // cells of the longest bar
	}{
		"room enough":    {"md5 % 2 == 0", 32},
		"a long rule":    {strings.Repeat("x", 50), 21},
		"no room at all": {strings.Repeat("x", 90), 8},
	} {
		var out bytes.Buffer
		New(&out).Bars([]string{"NODE", "RULE"}, [][]string{{"linux", c.rule}, {"mac", "otherwise"}, {"eu", "prefix"}},
			[]float64{1, 0.5, -1})
		lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
		if len(lines) != 4 || strings.Contains(out.String(), "\x1b") {
			t.Fatalf("%s: %q", name, out.String())
		}
		if got := strings.Count(lines[1], "█"); got != c.want || strings.Count(lines[2], "█") != c.want/2 ||
			strings.Contains(lines[3], "█") {
			t.Errorf("%s: the longest bar has %d cells, want %d:\n%s", name, got, c.want, &out)
		}
		if width := utf8.RuneCountInString(lines[1]); width > 80 && c.want > barLeast {
			t.Errorf("%s: a line of %d columns", name, width)
		}
	}
}

func TestBar(t *testing.T) {
	for share, want := range map[float64]string{0: "", 0.001: "", 1.0 / 64: "▌", 0.5: "████████████████",
		1: strings.Repeat("█", 32)} {
		if got := bar(share, 32); got != want {
			t.Errorf("bar of %v is %s, want %s", share, got, want)
		}
	}
}
