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
			"interrupted. With several owners each tells of its own. What is lost on the way is said.",
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
	count := int64(0)
	for change, err := range changes {
		var lost *client.LostError
		switch {
		case errors.As(err, &lost):
			count += lost.Events
			err = a.showLine(monitor.Line{Time: time.Now(), Lost: lost.Events, Detail: lost.Why})
		case err != nil:
		case a.json:
			err = a.printJSON(change.Report())
		default:
			err = a.showLine(monitor.Line{Time: change.ID.Time(), Event: change.Type, Node: change.Node, Key: change.Key, Bytes: change.Bytes})
		}
		if err != nil {
			return err
		}
	}
	a.noteLoss(count)
	return nil
}
