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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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
		return exitDone
	}
	if !a.started {
		err = fmt.Errorf("%w%w", errUsage, err)
		a.json = a.json || slices.Contains(args, "--json")
	}
	a.complain(err)
	return exitStatus(ctx, err)
}

// errUsage marks a command line that could not be understood.
var errUsage = quiet("")

// errSilent marks a failure that the command has told of itself.
var errSilent = quiet("failed")

type quiet string

func (q quiet) Error() string { return string(q) }

func (a *app) complain(err error) {
	switch {
	case errors.Is(err, errSilent):
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
		return "usage"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	return events.ErrInternal
}

func exitStatus(ctx context.Context, err error) int {
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	switch codeOf(err) {
	case events.ErrBadRequest:
		return exitUsage
	case events.ErrNotFound:
		return exitNotFound
	case events.ErrRefused, events.ErrSuperseded, events.ErrStaleMap, events.ErrClockAhead,
		events.ErrLate, events.ErrBusy, events.ErrReadOnly:
		return exitRefused
	}
	if ctx.Err() != nil {
		return exitInterrupted
	}
	switch codeOf(err) {
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
		Example:           "  dht demo                    the whole experiment in one process\n  dht up                      three nodes on this machine\n  dht put greeting hello      from another terminal",
		Version:           version(),
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRun:  func(*cobra.Command, []string) { a.started = true },
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
