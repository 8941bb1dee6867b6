package tcp

import "testing"

func TestGlob_AsRedis(t *testing.T) {
	for _, tt := range []struct {
		pattern, key string
		want         bool
	}{
		{`*`, `x`, true}, {`a*c`, `abbc`, true}, {`a*c*`, `abb`, false}, {`?`, `x`, true}, {`?`, `xy`, false},
		{`[a-c]`, `b`, true}, {`[c-a]`, `b`, true}, {`[^a-c]`, `b`, false}, {`[^a-c]`, `d`, true},
		{`[b`, `b`, true}, {`[b`, `c`, false}, {`[^b`, `c`, true}, {`[`, `[`, false}, {`[^`, `^`, true}, {`[a-`, `-`, true}, // without an end
		{`[\]-c]`, `b`, false}, {`[\]-c]`, `-`, true}, {`[\a-c]`, `b`, false}, {`[\a-c]`, `c`, true}, // no range begins with an escape
		{`[a\-c]`, `b`, false}, {`[a-\]`, `]`, true}, {`[\`, `\`, true}, {`[]`, `]`, false},
		{`\*`, `*`, true}, {`\*`, `x`, false}, {`\`, `\`, true}, {`a\`, `a\`, true},
	} {
		if got := matches([]byte(tt.pattern), []byte(tt.key)); got != tt.want {
			t.Errorf("%s matches %s: %v", tt.pattern, tt.key, got)
		}
	}
}
