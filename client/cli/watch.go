package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"dht/client"
	"dht/client/monitor"
)

func (a *app) watchCommand() *cobra.Command {
	var limit lasting
	cmd := &cobra.Command{
		Use:   "watch [PREFIX]",
		Short: "Print changes of keys as they happen",
		Long: "Print a line for each put, delete and expiry of a key that begins with PREFIX, of every key without one, until\n" +
			"interrupted. With several owners each tells of its own. What could not be shown is said.",
		Example: "  dht watch user/\n  dht watch config/ --json | jq -r --unbuffered .key",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			prefix := ""
			if len(args) == 1 {
				prefix = args[0]
			}
			return limit.run(cmd, func(ctx context.Context) error { return a.watch(ctx, prefix) })
		},
	}
	limit.register(cmd)
	return cmd
}

func (a *app) watch(ctx context.Context, prefix string) error {
	_, options, err := a.listening("watch", "")
	if err != nil {
		return err
	}
	c, err := client.Connect(options)
	if err != nil {
		return err
	}
	defer c.Close()
	changes, err := c.Watch(ctx, []byte(prefix))
	if err != nil {
		return err
	}
	var losses losses
	for change, err := range changes {
		var lost *client.LostError
		switch {
		case errors.As(err, &lost):
			err = losses.add(lost, a.showLine)
		case err != nil:
		case a.json:
			err = a.printJSON(change.Report())
		default:
			err = a.showLine(monitor.Line{Time: change.ID.Time(), Event: change.Type, Node: change.Node, Key: change.Key,
				Bytes: change.Bytes})
		}
		if err != nil {
			return err
		}
	}
	if err := losses.flush(a.showLine); err != nil {
		return err
	}
	a.noteUnshown(losses.total)
	return nil
}

// losses are shown once a second: whoever is too slow loses something with each
// change that he sees.
type losses struct {
	total int64
	open  monitor.Line // of what was not shown yet
	shown time.Time
}

func (l *losses) add(lost *client.LostError, show func(monitor.Line) error) error {
	l.total += lost.Events
	l.open.Lost += lost.Events
	l.open.Detail = lost.Why
	if time.Since(l.shown) < time.Second {
		return nil
	}
	return l.flush(show)
}

func (l *losses) flush(show func(monitor.Line) error) error {
	if l.open.Detail == "" {
		return nil
	}
	line := l.open
	l.open, l.shown = monitor.Line{}, time.Now()
	line.Time = l.shown
	return show(line)
}
