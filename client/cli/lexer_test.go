package cli

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
		words, _, closed := split(line)
		got := []string{}
		for _, w := range words {
			got = append(got, w.text)
		}
		if !closed || !slices.Equal(got, want) {
			t.Errorf("%s is %q, closed %v, want %q", line, got, closed, want)
		}
	}
}

func TestSplit_Open(t *testing.T) {
	for line, want := range map[string]struct {
		open   word
		closed bool
	}{
		"":           {word{"", 0}, true},
		"get":        {word{"get", 0}, true},
		"get ":       {word{"", 4}, true},
		"get gr":     {word{"gr", 4}, true},
		"get 'a k":   {word{"a k", 4}, false},
		`get "a`:     {word{"a", 4}, false},
		`get a\`:     {word{"a", 4}, false},
		"get ü --no": {word{"--no", 7}, true},
	} {
		if _, open, closed := split(line); open != want.open || closed != want.closed {
			t.Errorf("%q ends in %+v, closed %v, want %+v", line, open, closed, want)
		}
	}
}

func FuzzSplit_Quoted(f *testing.F) {
	for _, text := range []string{"", "a", "a b", "it's", `\`, `"`, "--x", "é\n", "#"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, _, closed := split("put " + quoted(text) + " x")
		if !closed || len(words) != 3 || words[1].text != string([]rune(text)) {
			t.Errorf("%q is read as %+v", quoted(text), words)
		}
	})
}
