package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"dht/client"
	"dht/client/monitor/top"
	"dht/events"
)

func (a *app) topCommand() *cobra.Command {
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the nodes on a full screen",
		Long: "Watch the nodes on a full screen: their keys, rates and latencies, what is wrong, and each one in detail.\n" +
			"It fits 80×24, uses more when there is more, and works over ssh.\n\n" +
			"s and S sort by the next column or the one before, r the other way round; / filters, Esc ends that;\n" +
			"arrows, j, k, g, G and PgUp, PgDn choose a node; Enter hides its details or shows them; q ends it.",
		Example: "  dht top\n  dht top --every 5s\n  dht top --tcp 127.0.0.1:7401",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			keyboard, ok := a.keyboard()
			switch {
			case !ok:
				return fmt.Errorf("%wtop draws on a terminal: dht status --json says the same to a script", errUsage)
			case every < 100*time.Millisecond:
				return fmt.Errorf("%w--every %v: ten times a second is the most", errUsage, every)
			}
			return a.top(cmd.Context(), keyboard, every)
		},
	}
	cmd.Flags().DurationVar(&every, "every", time.Second, "how often to look")
	return cmd
}

// keyboard is the terminal that a person types on, when there is one and what is
// printed is seen there.
func (a *app) keyboard() (*os.File, bool) {
	in, ok := a.in.(*os.File)
	if a.session != nil { // a line of the shell has no input, but the shell's terminal
		in, ok = os.Stdin, true
	}
	return in, ok && !a.json && a.out.Live() && term.IsTerminal(int(in.Fd())) && os.Getenv("TERM") != "dumb"
}

// frames is how often a second the screen may change: enough for a finger on a
// key, little for a slow line.
const frames = 20

func (a *app) top(ctx context.Context, keyboard *os.File, every time.Duration) error {
	looking, stop := context.WithCancel(ctx)
	o := &onlooker{global: a.global}
	o.timeout = min(a.timeout, max(every, time.Second/2)) // a node that is silent for longer is down, for now
	defer o.close()
	defer stop()
	_, err := tea.NewProgram(top.New(func() top.Look { return o.look(looking) }, every),
		tea.WithContext(ctx), tea.WithInput(keyboard), tea.WithOutput(a.out.Output()), tea.WithoutSignalHandler(),
		tea.WithFPS(frames), tea.WithColorProfile(a.out.Profile())).Run()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("draw on the terminal: %w", err)
	}
	return nil
}

// onlooker asks a cluster again and again, over a connection that it makes anew
// when the old one does not help any more.
type onlooker struct {
	global

	mu        sync.Mutex // held while asking
	connected *client.Client
}

func (o *onlooker) look(ctx context.Context) top.Look {
	o.mu.Lock()
	defer o.mu.Unlock()
	list, err := o.status(ctx)
	if errors.Is(err, events.ErrUnreachable) && o.connected != nil { // it may lead through a node that is gone
		o.drop()
		list, err = o.status(ctx)
	}
	return top.Look{At: time.Now(), Nodes: list, Err: err}
}

func (o *onlooker) status(ctx context.Context) (list []client.NodeStatus, err error) {
	if o.connected == nil {
		if o.connected, err = o.anyPath(ctx); err != nil {
			return nil, err
		}
	}
	return o.connected.Status(ctx)
}

func (o *onlooker) drop() {
	if o.connected != nil {
		_ = o.connected.Close()
		o.connected = nil
	}
}

// close waits until nothing is asked any more.
func (o *onlooker) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop()
}
