package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"dht/client"
)

type statusJSON struct {
	Name      string  `json:"name"`
	Up        bool    `json:"up"`
	Rule      string  `json:"rule"`
	Keys      int     `json:"keys"`
	Misplaced int     `json:"misplaced"`
	Bytes     int64   `json:"bytes"`
	Share     float64 `json:"share"`
	Expected  float64 `json:"expected"`
}

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
	// At every-match keys live several times: the shares add up to as much as
	// the expected ones do.
	total, expected := 0, 0.0
	for _, n := range list {
		total += n.Info.Keys
		expected += n.Expected
	}
	var rows [][]string
	for _, n := range list {
		held := expected * share(n.Info.Keys, total)
		if a.json {
			if err := a.printJSON(statusJSON{n.Name, n.Up, n.Rule, n.Info.Keys, n.Info.Misplaced, n.Info.Bytes, held, n.Expected}); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, a.statusRow(n, held))
	}
	if !a.json {
		a.out.table([]string{"NODE", "", "RULE", "KEYS", "MISPLACED", "BYTES", "SHARE", "EXPECTED", "UP FOR"}, rows)
	}
	return nil
}

func (a *app) statusRow(n client.NodeStatus, held float64) []string {
	expected := percent(n.Expected)
	if n.Prefix {
		expected = "its prefix"
	}
	if !n.Up {
		return []string{n.Name, a.out.bad("down"), n.Rule, "", "", "", "", expected, ""}
	}
	uptime := (time.Duration(n.Info.UptimeMS) * time.Millisecond).Round(time.Second)
	return []string{n.Name, a.out.good("up"), n.Rule, strconv.Itoa(n.Info.Keys), strconv.Itoa(n.Info.Misplaced),
		strconv.FormatInt(n.Info.Bytes, 10), percent(held), expected, fmt.Sprint(uptime)}
}
