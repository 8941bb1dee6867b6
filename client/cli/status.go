package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"dht/client"
	"dht/client/monitor"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show the nodes at a glance",
		Example: "  dht status\n  dht status --json | jq -r 'select(.up|not).name'",
		Args:    cobra.NoArgs,
		RunE: a.onCluster(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			list, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			return a.showStatus(list)
		}),
	}
}

func (a *app) showStatus(list []client.NodeStatus) error {
	var board monitor.Board
	var rows [][]string
	for _, card := range board.Look(list) {
		if a.json {
			if err := a.printJSON(card); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, a.statusRow(card))
	}
	if !a.json {
		a.out.table([]string{"NODE", "", "RULE", "KEYS", "MISPLACED", "BYTES", "SHARE", "EXPECTED", "UP FOR"}, rows)
	}
	return nil
}

func (a *app) statusRow(c monitor.Card) []string {
	expected := percent(c.Expected)
	if c.Pinned {
		expected = "its prefix"
	}
	if !c.Up {
		return []string{c.Name, a.out.bad("down"), c.Rule, "", "", "", "", expected, ""}
	}
	uptime := (time.Duration(c.UptimeMS) * time.Millisecond).Round(time.Second)
	return []string{c.Name, a.out.good("up"), c.Rule, strconv.Itoa(c.Keys), strconv.Itoa(c.Misplaced),
		strconv.FormatInt(c.Bytes, 10), percent(c.Share), expected, fmt.Sprint(uptime)}
}
