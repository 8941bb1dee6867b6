package cli

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
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
	if !a.err.live && "DHT_LOG="+os.Getenv("DHT_LOG") != logText {
		return slog.New(slog.NewJSONHandler(a.err, &slog.HandlerOptions{Level: level})), nil
	}
	noColour := !a.err.live || os.Getenv("NO_COLOR") != ""
	return slog.New(tint.NewTextHandler(a.err, &tint.Options{Level: level, TimeFormat: "15:04:05", NoColor: noColour})), nil
}
