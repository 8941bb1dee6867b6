package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dht/client"
	"dht/client/monitor"
	"dht/client/monitor/top"
	"dht/events"
)

func (a *app) statusCommand() *cobra.Command {
	var over time.Duration
	cmd := &cobra.Command{
		Use:        "status",
		SuggestFor: []string{"info", "nodes", "ps"},
		Short:      "Show the nodes at a glance",
		Long: "Show the nodes at a glance, and what is wrong with them. Rates and latencies are those since each node's start,\n" +
			"or with --over those of so long from now on. A wide terminal shows more. With a node down the exit status is 5.",
		Example: "  dht status\n  dht status --over 5s\n  dht status --json | jq -r 'select(.up|not).name'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if over < 0 {
				return fmt.Errorf("%w--over %v: how long to look cannot be negative", errUsage, over)
			}
			c, err := a.anyPath(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			cards, err := look(cmd.Context(), c, over)
			if err != nil {
				return err
			}
			if err := a.showStatus(cards, over); err != nil {
				return err
			}
			return silent(cards)
		},
	}
	cmd.Flags().DurationVar(&over, "over", 0,
		"measure rates and latencies for this long, rather than since each node's start")
	return cmd
}

// silent is an error while a node is down: for scripts, which see no table.
func silent(cards []monitor.Card) error {
	var down []string
	for _, c := range cards {
		if !c.Up {
			down = append(down, c.Name)
		}
	}
	if len(down) == 0 {
		return nil
	}
	return fmt.Errorf("%w from %s", events.ErrUnreachable, strings.Join(down, ", "))
}

// look asks the nodes how they are; when rates are to be measured, twice.
func look(ctx context.Context, c *client.Client, over time.Duration) ([]monitor.Card, error) {
	list, err := c.Status(ctx)
	first := monitor.Snapshot{}.Next(list)
	if err != nil || over == 0 {
		return first.Cards, err
	}
	select {
	case <-time.After(over):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	list, err = c.Status(ctx)
	return first.Next(list).Cards, err
}

func (a *app) showStatus(cards []monitor.Card, over time.Duration) error {
	if a.json {
		for _, card := range cards {
			if err := a.printJSON(card); err != nil {
				return err
			}
		}
		return nil
	}
	for _, line := range top.Table(cards, a.out.Columns()) {
		fmt.Fprintln(a.out, a.out.Plain(line))
	}
	if a.quiet {
		return nil
	}
	since := "since each node's start"
	if over > 0 {
		since = fmt.Sprintf("over %v", over)
	}
	fmt.Fprintln(a.out, a.out.Dim("Rates and latencies "+since+"."))
	for _, fault := range monitor.Faults(cards) {
		fmt.Fprintln(a.out, a.out.Bad(fault))
	}
	return nil
}
