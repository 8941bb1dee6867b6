package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"dht/client"
	"dht/nodes/placement"
)

type scatterJSON struct {
	Keys       int            `json:"keys"`
	Stored     int            `json:"stored"`
	Missing    int            `json:"missing"`
	Duplicates int            `json:"duplicates"`
	ByNode     map[string]int `json:"by_node"`
}

func (a *app) scatterCommand() *cobra.Command {
	count := 100
	cmd := &cobra.Command{
		Use:     "scatter",
		Short:   "Put random keys, hold every node's answers to the rules, show who keeps what",
		Long:    "Put random alphanumeric keys, ask every node about each, and hold the answers to the rules. A key that is missing or kept twice makes the exit status 1.",
		Example: "  dht scatter --count 1000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if count < 1 {
				return fmt.Errorf("%w--count %d: at least one key", errUsage, count)
			}
			c, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = a.scatter(cmd, c, count)
			return err
		},
	}
	cmd.Flags().IntVar(&count, "count", count, "how many keys")
	return cmd
}

func (a *app) scatter(cmd *cobra.Command, c *client.Client, count int) (client.Scattered, error) {
	step, end := a.progress(count, "scatter")
	s, err := c.Scatter(cmd.Context(), count, step)
	end()
	if err != nil {
		return s, err
	}
	if a.json {
		err = a.printJSON(scatterJSON{s.Keys, s.Stored, s.Missing, s.Duplicates, s.ByNode})
	} else {
		var m *placement.Map
		if m, err = c.Map(cmd.Context()); err == nil {
			a.drawScatter(m, s)
		}
	}
	if err == nil && s.Missing+s.Duplicates > 0 {
		err = fmt.Errorf("%d of %d keys are missing, %d are kept where the rules do not say; first: %w", s.Missing, s.Keys, s.Duplicates, s.Faults[0])
	}
	return s, err
}

func (a *app) drawScatter(m *placement.Map, s client.Scattered) {
	var rows [][]string
	for _, n := range m.Shares().Nodes {
		kept, expected := share(s.ByNode[n.Name], s.Keys), float(n.Share)
		expectation := percent(expected)
		if n.Prefix {
			expectation = "its prefix"
		}
		rows = append(rows, []string{n.Name, n.Rule, fmt.Sprint(s.ByNode[n.Name]), percent(kept), expectation, a.out.good(bar(kept))})
	}
	a.out.table([]string{"NODE", "RULE", "KEYS", "SHARE", "EXPECTED", ""}, rows)
	verdict := a.out.good(fmt.Sprintf("%d of %d keys stored, each where the rules say and nowhere else.", s.Stored, s.Keys))
	if s.Missing+s.Duplicates > 0 {
		verdict = a.out.bad(fmt.Sprintf("%d stored, %d missing, %d kept twice.", s.Stored, s.Missing, s.Duplicates))
	}
	fmt.Fprintf(a.out, "\n%s\n", verdict)
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
