package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"dht/client"
	"dht/client/monitor"
	"dht/configs"
	"dht/events"
)

func (a *app) monitorCommand() *cobra.Command {
	var limit lasting
	var rate int
	cmd := &cobra.Command{
		Use:   "monitor [SUBJECT]",
		Short: "Show the live bus: each request with what every node answered",
		Long: "Show what goes over the bus until interrupted: a line for each request, with what every node\n" +
			"answered and how long it took, and for whatever else happens at a node. SUBJECT is a NATS\n" +
			"pattern of the requests and events to show; without one, everything of the cluster is shown.\n" +
			"What cannot be shown in time is counted and said; no node waits for a monitor.",
		Example: "  dht monitor\n  dht monitor 'dht.event.linux.>'\n  dht monitor dht.put --for 10s --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pattern := ""
			if len(args) == 1 {
				pattern = args[0]
			}
			if rate < 1 {
				return fmt.Errorf("%w--rate %d: at least one answer a second", errUsage, rate)
			}
			return limit.run(cmd, func(ctx context.Context) error { return a.monitor(ctx, pattern, rate) })
		},
	}
	limit.register(cmd)
	cmd.Flags().IntVar(&rate, "rate", events.WatchRate,
		"answers a second that each node publishes, and once as many in a burst; the others are counted")
	return cmd
}

// lasting holds the flag of commands that go on until they are interrupted, or
// until their time is over.
type lasting struct{ time time.Duration }

func (l *lasting) register(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&l.time, "for", 0, "stop after this long")
}

func (l *lasting) run(cmd *cobra.Command, run func(context.Context) error) error {
	ctx := cmd.Context()
	limited, cancel := ctx, context.CancelFunc(func() {})
	if cmd.Flags().Changed("for") {
		if l.time <= 0 {
			return fmt.Errorf("%w--for %v: it must last for some time; without --for it goes on until Ctrl-C", errUsage, l.time)
		}
		limited, cancel = context.WithTimeout(ctx, l.time)
	}
	defer cancel()
	err := run(limited)
	if limited.Err() != nil && errors.Is(err, context.DeadlineExceeded) { // it was over before it had begun
		err = nil
	}
	if err == nil && ctx.Err() != nil {
		return events.ErrInterrupted
	}
	return err
}

func (a *app) monitor(ctx context.Context, pattern string, rate int) error {
	config, options, err := a.listening("monitor", "redis-cli -h %s -p %s monitor shows what that node is sent")
	if err != nil {
		return err
	}
	filter, err := monitor.NewFilter(events.NewSubjects(config.Prefix), pattern)
	if err != nil {
		return err
	}
	conn, err := client.Dial(options)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := isOf(ctx, conn, options); err != nil {
		return err
	}
	a.note("watching %s on %s", filter, client.Addresses(conn.ConnectedUrl()))
	left := int64(0)
	err = monitor.Watch(ctx, conn, filter, rate, func(l monitor.Line) error {
		left += l.Lost
		return a.showLine(l)
	})
	a.noteUnshown(left)
	return err
}

// isOf is [events.ErrWrongCluster] when the nodes on conn are of another cluster
// than the one that was asked for.
func isOf(ctx context.Context, conn *nats.Conn, o client.Options) error {
	if o.Cluster == "" {
		return nil
	}
	o.Conn = conn
	c, err := client.Connect(o)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err = c.Map(ctx); !errors.Is(err, events.ErrWrongCluster) {
		return nil // a monitor may be there before the nodes are
	}
	return err
}

func (a *app) showLine(l monitor.Line) error {
	if a.json {
		return a.printJSON(l)
	}
	return lines{a.out}.show(l)
}

// noteUnshown says in the end what was said when it happened.
func (a *app) noteUnshown(n int64) {
	if n > 0 {
		a.note("%s in all", unshown(n))
	}
}

// unprinted keeps the library from printing what a subscription could not take:
// a monitor counts and shows that, and lines of JSON stay such.
func unprinted() nats.Option {
	return nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
}

// listening is where to listen to the bus. Where there is none, the error says
// what else to do, at that host and port.
func (g *global) listening(what, instead string) (*configs.Config, client.Options, error) {
	config, err := g.load()
	if err != nil {
		return nil, client.Options{}, err
	}
	if err := checkCredentials(); err != nil {
		return nil, client.Options{}, err
	}
	options := g.clientOptions(config)
	options.NATS = append(options.NATS, unprinted())
	addr := g.tcp
	if addr == "" && len(options.Servers) == 0 {
		addr = config.Nodes[0].TCP
	}
	if addr == "" {
		return config, options, nil
	}
	if host, port, err := net.SplitHostPort(addr); err == nil && instead != "" {
		instead = "; " + fmt.Sprintf(instead, host, port)
	}
	return nil, client.Options{}, fmt.Errorf("%w%s listens to the bus, and over TCP there is none%s", errUsage, what,
		instead)
}
