package cli

import (
	"fmt"
	"strconv"

	"github.com/schollz/progressbar/v3"

	"dht/client/cli/term"
)

// progress shows how far a long command is, on a terminal only.
func (a *app) progress(total int, what string) (step, end func()) {
	if !a.err.Live() || a.json || a.quiet {
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
	if err := term.WriteJSON(a.out, v); err != nil {
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

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + "%" }

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}
