package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	"dht/client/cli/term"
)

// logging holds the flags of commands that run until they are stopped.
type logging struct{ level string }

// logText in the environment asks for lines for people though stderr is no
// terminal: dht up, which shows them to one, sets it.
const logText = "DHT_LOG=text"

func (l *logging) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.level, "log-level", "info", "log `LEVEL` and above: debug, info, warn or error")
	_ = cmd.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]cobra.Completion{"debug", "info", "warn", "error"}, keepOrder))
}

// logger writes lines for people on a terminal, JSON otherwise. Keys are logged
// where damage hides them; values and secrets never.
func (l *logging) logger(a *app) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.level)); err != nil {
		return nil, fmt.Errorf("%w--log-level %s: use debug, info, warn or error", errUsage, l.level)
	}
	if !a.err.Live() && "DHT_LOG="+os.Getenv("DHT_LOG") != logText {
		return slog.New(newSeldom(slog.NewJSONHandler(a.err, &slog.HandlerOptions{Level: level}), time.Now)), nil
	}
	noColour := !a.err.Live() || os.Getenv("NO_COLOR") != ""
	return slog.New(newSeldom(textLogger(a.err, level, noColour).Handler(), time.Now)), nil
}

func textLogger(w io.Writer, level slog.Level, noColour bool) *slog.Logger {
	return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: "15:04:05", NoColor: noColour,
		ReplaceAttr: withoutEscapes}))
}

// withoutEscapes takes escape characters from a text: the handler quotes what is
// hidden, but means colours to come through, and even makes them of a quoted
// \x1b. A key that is damaged, or somebody's error, may hold any.
func withoutEscapes(_ []string, a slog.Attr) slog.Attr {
	if kind := a.Value.Kind(); kind != slog.KindString && kind != slog.KindAny {
		return a
	}
	const shown = "␛"
	text := a.Value.String()
	if a.Key == slog.MessageKey { // the one that is not quoted
		text = term.Visible(text)
	}
	text = strings.NewReplacer("\x1b", shown, `\x1b`, shown).Replace(text)
	if text != a.Value.String() { // others keep their kind, and its colour
		a.Value = slog.StringValue(text)
	}
	return a
}
