package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"dht/client"
)

func (a *app) upCommand() *cobra.Command {
	var procfile string
	cmd := &cobra.Command{
		Use:        "up [NAME…]",
		SuggestFor: []string{"start", "run"},
		Short:      "Run the Procfile: every node a process of its own",
		Long:       "Run the processes of the Procfile (or, where there is none, every node of the cluster file) until interrupted, and say what to type next when the nodes are ready. A process that dies leaves the others running.",
		Example:    "  dht up\n  dht up linux mac",
		ValidArgsFunction: func(_ *cobra.Command, names []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return a.completeProcess(procfile, names, begun)
		},
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := a.busOnly(cmd); err != nil {
				return err
			}
			list, err := a.processes(procfile, names)
			if err != nil {
				return err
			}
			return a.up(cmd.Context(), list)
		},
	}
	cmd.Flags().StringVarP(&procfile, "file", "f", "", "`FILE` to run; without it, ./Procfile")
	return cmd
}

func (a *app) processes(procfile string, names []string) ([]process, error) {
	config, err := a.load()
	if err != nil {
		return nil, err
	}
	list := everyNode(config)
	if procfile == "" && a.config == "" {
		if _, err := os.Stat("Procfile"); err == nil {
			procfile = "Procfile"
		}
	}
	if procfile != "" {
		if list, err = readProcfile(procfile); err != nil {
			return nil, err
		}
	}
	return choose(list, names)
}

// killAfter is how long a process has to end after SIGTERM.
const killAfter = 5 * time.Second

// up runs processes until ctx ends or all have ended. It fails when one did.
func (a *app) up(ctx context.Context, list []process) error {
	env, remove, err := a.environment()
	if err != nil {
		return err
	}
	defer remove()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	running, oneEnded := context.WithCancel(ctx)
	defer oneEnded()
	logs := &prefixer{out: a.err, width: widest(list)}
	failures := make([]error, len(list))
	var wait, telling sync.WaitGroup
	for i, p := range list {
		wait.Go(func() {
			defer oneEnded()
			failures[i] = a.run(ctx, p, env, logs.writer(i, p.name))
		})
	}
	telling.Go(func() { a.tellReady(running, list) })
	wait.Wait()
	stop()
	telling.Wait()
	return oneLine(errors.Join(failures...))
}

// environment puts this binary first on PATH, under the name that Procfiles
// know, asks for lines that people read, and hands the cluster file on.
func (a *app) environment() (env []string, remove func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	folder, remove := filepath.Dir(self), func() {}
	if name := filepath.Base(self); name != "dht" && name != "dht.exe" {
		if folder, err = os.MkdirTemp("", "dht-up-"); err == nil {
			remove = func() { _ = os.RemoveAll(folder) }
			err = os.Symlink(self, filepath.Join(folder, "dht"))
		}
		if err != nil {
			return nil, remove, fmt.Errorf("make dht known to the Procfile: %w", err)
		}
	}
	env = append(os.Environ(), logText, "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	if a.config == "" {
		return env, remove, nil
	}
	config, err := filepath.Abs(a.config)
	if err != nil {
		return nil, remove, fmt.Errorf("find cluster file: %w", err)
	}
	return append(env, "DHT_CONFIG="+config), remove, nil
}

// run runs one process. Its end is no failure when ctx asked for it.
func (a *app) run(ctx context.Context, p process, env []string, out io.WriteCloser) error {
	defer out.Close()
	cmd := shell(ctx, p.command)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, out, out
	cmd.WaitDelay = killAfter
	err := cmd.Run()
	endGroup(cmd)
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		fmt.Fprintln(out, "ended")
		return nil
	}
	fmt.Fprintf(out, "%s; start it again with: %s\n", a.err.bad(err.Error()), a.typed(p.command))
	return fmt.Errorf("%s: %w", p.name, err)
}

// typed is how the person at the terminal would write a dht command.
func (a *app) typed(command string) string {
	rest, ours := strings.CutPrefix(command, "dht ")
	if !ours {
		return command
	}
	if a.config != os.Getenv("DHT_CONFIG") {
		rest = "-c " + a.config + " " + rest
	}
	if self, _ := os.Executable(); strings.Contains(self, "go-build") {
		return "go run . " + rest
	}
	return "dht " + rest
}

// tellReady says, once every node answers, what to type next. It is silent when
// running ends before, for then the nodes that answer may be others.
func (a *app) tellReady(running context.Context, list []process) {
	if !slices.ContainsFunc(list, func(p process) bool { return p.node() != "" }) {
		return
	}
	for {
		if c, err := a.anyPath(running); err == nil {
			ready := a.allUp(running, c, list)
			c.Close()
			if ready && running.Err() == nil {
				a.note("\n%s  Try, in another terminal:  %s", a.err.good("Ready."), a.err.bold(a.typed("dht put greeting hello")))
				if page := a.page(list); page != "" {
					a.note("        Or look at it in a browser:  %s", a.err.bold(page))
				}
				a.note("")
				return
			}
		}
		select {
		case <-running.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// page is where a browser finds the first of the nodes that has one.
func (a *app) page(list []process) string {
	config, err := a.load()
	if err != nil {
		return ""
	}
	for _, p := range list {
		if n, err := config.Node(p.node()); err == nil && n.HTTP != "" {
			return "http://" + n.HTTP + "/"
		}
	}
	return ""
}

func (a *app) allUp(ctx context.Context, c *client.Client, list []process) bool {
	status, err := c.Status(ctx)
	if err != nil {
		return false
	}
	up := map[string]bool{"": true} // a process that is no node
	for _, n := range status {
		up[n.Name] = n.Up
	}
	return !slices.ContainsFunc(list, func(p process) bool { return !up[p.node()] })
}

func widest(list []process) (width int) {
	for _, p := range list {
		width = max(width, len(p.name))
	}
	return width
}

// prefixer merges the output of processes, each line behind its name.
type prefixer struct {
	out   *terminal
	width int
	mu    sync.Mutex // guards out
}

// writer returns where process i writes, to be closed when it has ended.
func (p *prefixer) writer(i int, name string) io.WriteCloser {
	colours := []string{"6", "3", "5", "2", "4", "1"}
	prefix := p.out.colour(fmt.Sprintf("%-*s │", p.width, name), colours[i%len(colours)])
	in, out := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewReader(in)
		for {
			line, err := lines.ReadString('\n')
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				p.mu.Lock()
				fmt.Fprintf(p.out, "%s %s\n", prefix, line)
				p.mu.Unlock()
			}
			if err != nil {
				return
			}
		}
	}()
	return &lineWriter{out, done}
}

type lineWriter struct {
	*io.PipeWriter
	done chan struct{}
}

// Close returns when the last line is out.
func (w *lineWriter) Close() error {
	err := w.PipeWriter.Close()
	<-w.done
	return err
}
