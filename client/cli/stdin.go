package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"dht/events"
)

// stdin reads standard input until ctx ends. Nothing can end a read from a
// terminal or a pipe that has begun; the goroutine that waits in it ends with
// the process.
func (a *app) stdin(ctx context.Context, what string) io.Reader {
	if file, ok := a.in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		a.note("reading %s from the terminal; Ctrl-D ends it", what)
	}
	out, in := io.Pipe()
	context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)) })
	go func() {
		_, err := io.Copy(in, a.in)
		in.CloseWithError(err)
	}()
	return out
}

// value is the argument, or all of stdin.
func (a *app) value(ctx context.Context, args []string) ([]byte, error) {
	if len(args) == 1 && args[0] != "-" {
		return []byte(args[0]), nil
	}
	if a.in == nil {
		return nil, fmt.Errorf("%wwrite the value after the key; '' is the empty one", errUsage)
	}
	value, err := io.ReadAll(io.LimitReader(a.stdin(ctx, "the value"), events.MaxValue+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the value from stdin: %w", err)
	case len(value) > events.MaxValue:
		return nil, fmt.Errorf("%w: a value is at most %d bytes long, and there is more on stdin", events.ErrTooLarge, events.MaxValue)
	}
	return value, nil
}
