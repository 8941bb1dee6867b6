package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

var errHangup = errors.New("the terminal was closed")

// outliveHangup keeps SIGHUP from ending a command that runs until it is stopped:
// by it a daemon is asked to read its settings anew, of which a node has none. The
// returned context ends with ctx, or when the terminal in which the command was
// started is closed.
func (a *app) outliveHangup(ctx context.Context, log *slog.Logger) (_ context.Context, stop func()) {
	signal.Reset(syscall.SIGHUP) // which ends every other command
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ctx, cancel := context.WithCancelCause(ctx)
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
			}
			if a.err.Closed() {
				cancel(errHangup)
				return
			}
			log.Info("SIGHUP: there is nothing to read anew; for a changed cluster file or flag, start again")
		}
	})
	return ctx, func() {
		signal.Stop(hangups)
		cancel(nil)
		wait.Wait()
	}
}
