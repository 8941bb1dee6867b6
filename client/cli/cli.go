// Package cli is the command line, one file a command. A node's parts are wired
// together in package host. It may import everything but the paths to a node.
//
// Data goes to stdout, messages to stderr; `--json` output is a contract.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"dht/client/cli/term"
	"dht/events"
)

// exitDone is the exit status of a command that did its work. Package events says
// which status a failure has.
const exitDone = 0

// Main runs the program on the process's arguments and returns its exit status.
// The first interrupt ends a command gently, a second one at once.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), append(terminations(), os.Interrupt)...)
	defer stop()
	context.AfterFunc(ctx, func() {
		signal.Ignore(syscall.SIGHUP) // a terminal that closes sends one, and its shell another
		stop()
	})
	return Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// terminations are the signals that ask the program to end.
func terminations() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) { // nohup says so
		return []os.Signal{syscall.SIGTERM}
	}
	return []os.Signal{syscall.SIGTERM, syscall.SIGHUP} // SIGHUP: the terminal closes
}

// Run runs one command line and returns its exit status.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{in: stdin, out: term.New(stdout), err: term.New(stderr), global: defaults()}
	a.met = func(cluster string) { a.note("this is the cluster %q", cluster) }
	root := a.root(a.groups())
	completeForWhatIs(root)
	_, err := a.execute(ctx, root, args)
	if err == nil {
		return exitDone
	}
	a.complain(ctx, err)
	return exitStatus(ctx, err)
}

// execute runs one command line on a tree of commands that was made for it, and
// returns the command that ran. What cannot be understood is errUsage.
func (a *app) execute(ctx context.Context, root *cobra.Command, args []string) (*cobra.Command, error) {
	root.SetArgs(args)
	root.SetFlagErrorFunc(flagError(args))
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = a.out.Err()
	}
	if err != nil && !a.started {
		err = fmt.Errorf("%w%w", errUsage, err)
		a.json = a.json || slices.Contains(args, "--json")
	}
	return cmd, err
}

// errUsage marks a command line that could not be understood. It adds no words:
// the error behind it has them.
const errUsage = mark("")

type mark string

func (m mark) Error() string { return string(m) }

// exited is the status of a process that did this one's work, and said why.
type exited int

func (e exited) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func (a *app) complain(ctx context.Context, err error) {
	if errors.As(err, new(reported)) {
		return
	}
	if ctx.Err() != nil && !errors.Is(err, events.ErrInterrupted) { // whatever it was that did not succeed any more
		err = events.ErrInterrupted
	}
	switch {
	case a.json:
		code := codeOf(err)
		_ = term.WriteJSON(a.err, struct {
			Error string      `json:"error"`
			Code  events.Code `json:"code"`
		}{plainly(err), code})
	case a.quiet && errors.Is(err, events.ErrNotFound):
	default:
		fmt.Fprintf(a.err, "dht: %s\n", term.Escaped(plainly(err), "\n"))
	}
}

// untilInterrupted is ctx for work that says, when it is interrupted, how far it
// has come.
func untilInterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { cancel(events.ErrInterrupted) })
	return inner, func() { stop(); cancel(nil) }
}

func codeOf(err error) events.Code {
	code := events.CodeOf(err)
	if code == events.ErrInternal && errors.Is(err, errUsage) {
		return events.ErrUsage
	}
	return code
}

func exitStatus(ctx context.Context, err error) int {
	if status := exited(0); errors.As(err, &status) {
		return int(status)
	}
	code := codeOf(err)
	interrupted := ctx.Err() != nil || errors.Is(err, events.ErrInterrupted)
	if interrupted && code.ExitStatus() != events.ErrUsage.ExitStatus() {
		code = events.ErrInterrupted
	}
	return code.ExitStatus()
}

// app is what every command shares.
type app struct {
	in       io.Reader
	out, err *term.Terminal
	started  bool // the command line was understood
	global
}

func (a *app) root(groups []group) *cobra.Command {
	root := &cobra.Command{
		Use:   "dht",
		Short: "A hash table spread over the machines you already have",
		Long: "A hash table spread over the machines you already have, by placement rules\n" +
			"you can read aloud, on a NATS message bus without a central server.",
		Example: "  dht demo                    the whole experiment in one process\n" +
			"  dht up                      three nodes on this machine\n" +
			"  dht put greeting hello      from another terminal\n" +
			"  dht shell                   the same at a prompt",
		Version:                    version(),
		SilenceUsage:               true,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		Args:                       knownCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			err := emptyFlags(cmd)
			if err == nil {
				err = a.check()
			}
			a.started = err == nil
			return err
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	a.global.register(root.PersistentFlags())
	_ = root.MarkPersistentFlagFilename("config", "toml")
	for _, group := range groups {
		root.AddGroup(&group.Group)
		for _, cmd := range group.commands {
			cmd.GroupID = group.ID
			cmd.Args = saysHow(cmd.Args)
			root.AddCommand(cmd)
		}
	}
	helpOnWhatIs(root)
	return root
}

// group is commands that belong together.
type group struct {
	cobra.Group
	inShell  bool // the prompt has them too
	commands []*cobra.Command
}

func (a *app) groups() []group {
	return []group{
		{cobra.Group{ID: "keys", Title: "Keys:"}, true, []*cobra.Command{
			a.putCommand(), a.getCommand(), a.deleteCommand(), a.keysCommand(), a.explainCommand(),
			a.dumpCommand(), a.loadCommand(), a.scatterCommand(),
		}},
		{cobra.Group{ID: "cluster", Title: "The cluster:"}, true, []*cobra.Command{
			a.statusCommand(), a.topCommand(), a.rulesCommand(), a.monitorCommand(), a.watchCommand(),
		}},
		{cobra.Group{ID: "run", Title: "Run it:"}, false, []*cobra.Command{
			a.demoCommand(), a.upCommand(), a.shellCommand(), a.nodeCommand(), a.brokerCommand(), a.fsckCommand(),
		}},
	}
}
