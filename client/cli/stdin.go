package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"dht/events"
)

// stdin is piped, and says what is read where a person types it.
func (a *app) stdin(ctx context.Context, what string) io.Reader {
	if a.onTerminal() {
		a.note("reading %s from the terminal; Ctrl-D ends it", what)
	}
	return piped(ctx, a.openStdin)
}

func (a *app) openStdin() (io.ReadCloser, error) { return io.NopCloser(a.in), nil }

// piped reads what open opens until ctx ends. Nothing can end a read from a
// terminal or a pipe that has begun, nor its opening: the goroutine that waits in
// it ends with the process.
func piped(ctx context.Context, open func() (io.ReadCloser, error)) io.Reader {
	out, in := io.Pipe()
	context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)) })
	go func() {
		from, err := open()
		if err == nil {
			_, err = io.Copy(in, from)
			_ = from.Close()
		}
		in.CloseWithError(err)
	}()
	return out
}

// onTerminal reports whether a person types what is read.
func (a *app) onTerminal() bool {
	file, ok := a.in.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// sayValue is what to do where a value is missing: nothing is taken for none.
const sayValue = "write the value after the key; '' is the empty one"

// value is the argument, or all of stdin. Stdin that has nothing is an empty value
// only where - asks for it.
func (a *app) value(ctx context.Context, args []string) ([]byte, error) {
	said := len(args) == 1
	switch {
	case said && args[0] != "-":
		return []byte(args[0]), nil
	case a.in == nil:
		return nil, fmt.Errorf("%w%s", errUsage, sayValue)
	case !said && a.onTerminal() && (a.json || a.quiet): // where a wait could not be explained
		return nil, fmt.Errorf("%w%s, - reads what is typed", errUsage, sayValue)
	}
	value, err := io.ReadAll(io.LimitReader(a.stdin(ctx, "the value"), events.MaxValue+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the value from stdin: %w", err)
	case len(value) > events.MaxValue:
		return nil, fmt.Errorf("%w: a value is at most %d bytes long, and there is more on stdin", events.ErrTooLarge,
			events.MaxValue)
	case len(value) == 0 && !said:
		return nil, fmt.Errorf("%wthere is nothing on stdin: %s, and so is - here", errUsage, sayValue)
	}
	return value, nil
}
