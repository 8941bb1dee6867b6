package shell

import (
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                          {},
		"  \t ":                     {},
		"get greeting":              {"get", "greeting"},
		"  put  a\tb  ":             {"put", "a", "b"},
		`put k 'a b'`:               {"put", "k", "a b"},
		`put k "a 'b' \"c\" \\ \n"`: {"put", "k", `a 'b' "c" \ \n`},
		`put k ''`:                  {"put", "k", ""},
		`put a\ b 'it'\''s'`:        {"put", "a b", "it's"},
		`put k '{"a": [1, 2]}'`:     {"put", "k", `{"a": [1, 2]}`},
		`a"b c"d`:                   {"ab cd"},
		"get schlüssel\u00a0x":      {"get", "schlüssel", "x"},
	} {
		words, _, closed := Split(line)
		got := []string{}
		for _, w := range words {
			got = append(got, w.Text)
		}
		if !closed || !slices.Equal(got, want) {
			t.Errorf("%s is %q, closed %v, want %q", line, got, closed, want)
		}
	}
}

func TestSplit_Open(t *testing.T) {
	for line, want := range map[string]struct {
		open   Word
		closed bool
	}{
		"":           {Word{"", 0}, true},
		"get":        {Word{"get", 0}, true},
		"get ":       {Word{"", 4}, true},
		"get gr":     {Word{"gr", 4}, true},
		"get 'a k":   {Word{"a k", 4}, false},
		`get "a`:     {Word{"a", 4}, false},
		`get a\`:     {Word{"a", 4}, false},
		"get ü --no": {Word{"--no", 7}, true},
	} {
		if _, open, closed := Split(line); open != want.open || closed != want.closed {
			t.Errorf("%q ends in %+v, closed %v, want %+v", line, open, closed, want)
		}
	}
}

func FuzzSplit_Quoted(f *testing.F) {
	for _, text := range []string{"", "a", "a b", "it's", `\`, `"`, "--x", "é\n", "#"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, _, closed := Split("put " + Quoted(text) + " x")
		if !closed || len(words) != 3 || words[1].Text != string([]rune(text)) {
			t.Errorf("%q is read as %+v", Quoted(text), words)
		}
	})
}
