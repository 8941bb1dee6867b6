package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"dht/client"
	"dht/client/cli/term"
)

// listing holds the flags of commands that go through keys.
type listing struct{ node, prefix string }

func (l *listing) register(a *app, cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.node, "node", "", "only the keys of the node called `NAME`")
	cmd.Flags().StringVar(&l.prefix, "prefix", "", "only keys that begin with `TEXT`")
	_ = cmd.RegisterFlagCompletionFunc("node", a.completeNode)
}

func (a *app) keysCommand() *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:               "keys [NODE]",
		SuggestFor:        []string{"ls", "list", "scan"},
		Short:             "List keys and the node that keeps each",
		Long:              "List keys, one line each: node, key, bytes of the value. With a node silent, what the others have is listed, and the exit status is 5.",
		Example:           "  dht keys\n  dht keys linux\n  dht keys --prefix user/ --json",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFirst(a.completeNode),
		RunE: a.onCluster(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if len(args) == 1 {
				l.node = args[0]
			}
			return a.keys(cmd.Context(), c, l)
		}),
	}
	l.register(a, cmd)
	return cmd
}

func (a *app) keys(ctx context.Context, c *client.Client, l listing) error {
	var faults error
	for k, err := range c.Keys(ctx, l.node, []byte(l.prefix)) {
		switch {
		case err != nil:
			faults = errors.Join(faults, err)
			continue
		case a.json:
			err = a.printJSON(k.Report())
		default:
			_, err = fmt.Fprintf(a.out, "%s\t%s\t%d\n", term.Visible(k.Node), term.Legible(k.Key), k.Bytes)
		}
		if err != nil {
			return err
		}
	}
	return oneLine(faults)
}

// oneLine puts joined errors on one line.
func oneLine(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || !strings.Contains(err.Error(), "\n") { // other errors than joined ones have several causes, too
		return err
	}
	all := joined.Unwrap()
	if len(all) == 1 {
		return oneLine(all[0])
	}
	rest := oneLine(errors.Join(all[1:]...))
	return fmt.Errorf("%w; %w", oneLine(all[0]), rest)
}
