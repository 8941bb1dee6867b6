package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	xterm "golang.org/x/term"

	"dht/client/cli/shell"
	"dht/client/cli/term"
	"dht/events"
)

func (a *app) shellCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "shell",
		Short: "Put, get, delete, look and explain at a prompt, over one connection",
		Long: "The commands at a prompt, with the same flags and words, over one connection. Up and down go through earlier\n" +
			"lines, Ctrl-R searches them, Tab completes verbs, flags, nodes and keys, Ctrl-C drops the line or stops the\n" +
			"command, Ctrl-D leaves.\n\n" +
			"Earlier lines are kept for next time in " + shell.HistoryFile() + ", which you alone\n" +
			"can read; values are not kept, nor is a line that begins with a blank.\n\n" +
			"When stdin is no terminal its lines are run in order, # begins a comment, and a line that fails is named; the\n" +
			"exit status is that of the first one that failed.",
		Example: "  dht shell\n  printf 'put greeting hello\\nget greeting\\n' | dht shell",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := &interpreter{app: a, session: &session{global: a.global}}
			defer s.session.drop()
			if in, ok := a.in.(*os.File); ok && xterm.IsTerminal(int(in.Fd())) && a.out.Live() {
				return s.converse(cmd.Context())
			}
			return s.script(cmd.Context())
		},
	}
}

// interpreter runs lines, each as if it had been given to dht.
type interpreter struct {
	*app
	session  *session
	greeting sync.WaitGroup
	left     bool // exit was typed
}

// reported is an error that was shown already.
type reported struct{ error }

func (r reported) Unwrap() error { return r.error }

// run runs one line, and shows its error behind prefix. It also returns the
// line as history files may keep it, empty when they may not.
func (s *interpreter) run(ctx context.Context, line, prefix string) (kept string, err error) {
	words, _, closed := shell.Split(line)
	var args []string
	for _, w := range words {
		args = append(args, w.Text)
	}
	if len(args) > 0 && args[0] == "dht" { // as the README and the help have it
		args = args[1:]
	}
	if len(args) == 0 || strings.HasPrefix(args[0], "#") {
		return "", nil
	}
	a := s.line()
	if !closed {
		err = fmt.Errorf("%wa quote is not closed", errUsage)
	} else {
		var cmd *cobra.Command
		if cmd, err = a.execute(ctx, s.verbs(a), args); a.started {
			kept = keep(line, cmd)
		}
	}
	if err == nil {
		return kept, nil
	}
	a.complain(ctx, fmt.Errorf("%s%w", prefix, err))
	if errors.Is(err, events.ErrUnreachable) {
		s.session.drop()
	}
	return kept, reported{err}
}

// line is the app for one line, with the flags that dht shell was given.
func (s *interpreter) line() *app {
	a := &app{out: s.out, err: s.err, global: s.session.global}
	a.session = s.session
	return a
}

// verbs are the commands that a line may have.
func (s *interpreter) verbs(a *app) *cobra.Command {
	var groups []group
	outside := map[string]bool{}
	for _, g := range a.groups() {
		if g.inShell {
			groups = append(groups, g)
			continue
		}
		for _, cmd := range g.commands {
			outside[cmd.Name()] = true
		}
	}
	root := a.root(append(groups, group{cobra.Group{ID: "shell", Title: "This prompt:"}, true,
		[]*cobra.Command{s.exitCommand()}}))
	root.CompletionOptions.DisableDefaultCmd = true
	root.Args = func(root *cobra.Command, args []string) error {
		if len(args) > 0 && outside[args[0]] {
			return fmt.Errorf("%s is no command of this prompt: type it in another terminal", args[0])
		}
		return knownCommand(root, args)
	}
	root.InitDefaultHelpCmd()
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if cmd != root {
			help(cmd, args)
			return
		}
		a.menu(groups)
	})
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Aliases = []string{"menu"}
		case "status":
			cmd.Aliases = append(cmd.Aliases, "nodes")
		}
	}
	return root
}

func (s *interpreter) exitCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "exit",
		Aliases: []string{"quit"},
		Short:   "Leave",
		Args:    cobra.NoArgs,
		Run:     func(*cobra.Command, []string) { s.left = true },
	}
}

// menu shows what can be typed, one line each.
func (a *app) menu(groups []group) {
	for _, group := range groups {
		for _, cmd := range group.commands {
			a.menuLine(cmd.Use, cmd.Short[:strings.IndexAny(cmd.Short+",", ",;:")])
		}
	}
	a.menuLine("help VERB", "More about one of them, with its flags")
	a.menuLine("exit", "Leave; Ctrl-D does too")
}

func (a *app) menuLine(what, says string) {
	fmt.Fprintf(a.out, "  %s %s\n", a.out.Bold(fmt.Sprintf("%-18s", what)), says)
}

// script runs the lines of stdin, all of them: its error is the first one.
func (s *interpreter) script(ctx context.Context) (first error) {
	lines := bufio.NewScanner(s.stdin(ctx, "commands"))
	lines.Buffer(nil, 4*events.MaxValue)
	for number := 1; !s.left && lines.Scan(); number++ {
		_, err := s.run(ctx, strings.TrimPrefix(lines.Text(), "\ufeff"), fmt.Sprintf("line %d: ", number))
		if first == nil {
			first = err
		}
		if ctx.Err() != nil || s.out.Err() != nil {
			return first
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read commands from stdin: %w", err)
	}
	return first
}

// converse reads lines at a prompt until the person leaves. An interrupt ends
// only the command under way; what else asks the program to end, ends it.
func (s *interpreter) converse(ctx context.Context) error {
	defer s.greeting.Wait()
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), terminations()...)
	defer stop()
	late := make(chan os.Signal, 1) // an interrupt that finds no command to end
	signal.Notify(late, os.Interrupt)
	defer signal.Stop(late)
	p := shell.NewPrompt(func(line string, cursor int) (string, []string, string) { return s.complete(ctx, line, cursor) })
	defer p.Close()
	name := s.greet(ctx)
	for !s.left && s.out.Err() == nil {
		line, err := p.Read(ctx, name+"> ")
		switch {
		case errors.Is(err, io.EOF):
			fmt.Fprintln(s.out)
			return nil
		case ctx.Err() != nil: // perhaps before the program's own context has ended
			return events.ErrInterrupted
		case err != nil:
			return err
		}
		kept, _ := s.interruptible(ctx, line)
		p.Remember(line, kept)
	}
	return nil
}

func (s *interpreter) interruptible(ctx context.Context, line string) (kept string, err error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	return s.run(ctx, line, "")
}

// greetWithin bounds how long the first prompt waits for the cluster.
const greetWithin = 80 * time.Millisecond

// greet says where the person is and what to type, and returns the cluster's
// name.
func (s *interpreter) greet(ctx context.Context) string {
	known := make(chan [2]string, 1)
	s.greeting.Go(func() {
		name, nodes := s.look(ctx)
		known <- [2]string{name, nodes}
	})
	name, nodes := "dht", "no answer yet, still trying"
	select {
	case look := <-known:
		name, nodes = look[0], look[1]
	case <-time.After(greetWithin):
	}
	s.note("%s: %s.  Type %s for what there is, Tab to complete, Ctrl-D to leave.", s.err.Bold(name),
		term.Visible(nodes), s.err.Bold("help"))
	return name
}

// look is the cluster's name, and which nodes answer at once.
func (s *interpreter) look(ctx context.Context) (name, nodes string) {
	c, err := s.line().client(ctx)
	if err != nil {
		return "dht", err.Error()
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, greetWithin*5/8)
	defer cancel()
	m, err := c.Map(ctx)
	if err != nil {
		return "dht", "no answer yet, still trying"
	}
	list, err := c.Status(ctx)
	if err != nil {
		return m.Name(), plural(m.Len(), "node")
	}
	var silent []string
	for _, n := range list {
		if !n.Up {
			silent = append(silent, n.Name)
		}
	}
	if len(silent) == 0 {
		return m.Name(), plural(m.Len(), "node") + ", all up"
	}
	return m.Name(), plural(m.Len(), "node") + ", no answer from " + strings.Join(silent, ", ")
}

// keep is what a history file may have of a line that ran cmd: no value that was
// put, and nothing when it begins with a blank.
func keep(line string, cmd *cobra.Command) string {
	args := cmd.Flags().Args()
	switch {
	case strings.HasPrefix(line, " "):
		return ""
	case cmd.Name() == "put" && len(args) > 0:
		return "put " + shell.Quoted(args[0])
	}
	return strings.TrimRight(line, " ")
}
