// Package cli is the command line, one file a command, and the only place where
// the parts are wired together: it may import everything.
//
// Data goes to stdout, messages to stderr; `--json` output is a contract.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"dht/events"
)

// Exit statuses.
const (
	exitDone        = 0
	exitFailure     = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitRefused     = 4
	exitUnreachable = 5
	exitInterrupted = 130
)

// Main runs the program on the process's arguments and returns its exit status.
// The first interrupt ends a command gently, a second one at once.
func Main() int {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // a terminal that closes, unless nohup says otherwise
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// Run runs one command line and returns its exit status.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{in: stdin, out: newTerminal(stdout), err: newTerminal(stderr)}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.out.failed
	}
	if err == nil {
		return exitDone
	}
	if !a.started {
		err = fmt.Errorf("%w%w", errUsage, err)
		a.json = a.json || slices.Contains(args, "--json")
	}
	a.complain(ctx, err)
	return exitStatus(ctx, err)
}

// errUsage marks a command line that could not be understood. It adds no words:
// the error behind it has them.
const errUsage = mark("")

type mark string

func (m mark) Error() string { return string(m) }

func (a *app) complain(ctx context.Context, err error) {
	if ctx.Err() != nil { // whatever it was that did not succeed any more
		err = events.ErrInterrupted
	}
	switch {
	case a.json:
		code := codeOf(err)
		_ = json.NewEncoder(a.err).Encode(struct {
			Error string      `json:"error"`
			Code  events.Code `json:"code"`
		}{err.Error(), code})
	case a.quiet && errors.Is(err, events.ErrNotFound):
	default:
		fmt.Fprintf(a.err, "dht: %v\n", err)
	}
}

func codeOf(err error) events.Code {
	var code events.Code
	switch {
	case errors.As(err, &code):
		return code
	case errors.Is(err, errUsage):
		return events.ErrUsage
	}
	return events.ErrInternal
}

func exitStatus(ctx context.Context, err error) int {
	switch codeOf(err) {
	case events.ErrUsage, events.ErrBadRequest:
		return exitUsage
	}
	if ctx.Err() != nil {
		return exitInterrupted
	}
	switch codeOf(err) {
	case events.ErrNotFound:
		return exitNotFound
	case events.ErrRefused, events.ErrSuperseded, events.ErrStaleMap, events.ErrClockAhead,
		events.ErrLate, events.ErrBusy, events.ErrReadOnly:
		return exitRefused
	case events.ErrOwnerOffline, events.ErrUnknown, events.ErrUnreachable:
		return exitUnreachable
	}
	return exitFailure
}

// app is what every command shares.
type app struct {
	in       io.Reader
	out, err *terminal
	started  bool // the command line was understood
	global
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "dht",
		Short: "A hash table spread over the machines you already have",
		Long: "A hash table spread over the machines you already have, by placement rules\n" +
			"you can read aloud, on a NATS message bus without a central server.",
		Example:       "  dht demo                    the whole experiment in one process\n  dht up                      three nodes on this machine\n  dht put greeting hello      from another terminal",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			err := a.check()
			a.started = err == nil
			return err
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	a.global.register(root.PersistentFlags())
	root.AddCommand(
		a.demoCommand(), a.upCommand(), a.nodeCommand(), a.brokerCommand(),
		a.putCommand(), a.getCommand(), a.deleteCommand(),
		a.keysCommand(), a.dumpCommand(), a.loadCommand(), a.fsckCommand(),
		a.explainCommand(), a.rulesCommand(), a.scatterCommand(),
		a.statusCommand(), a.monitorCommand(),
	)
	return root
}
