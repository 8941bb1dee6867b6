package cli

import (
	"context"
	"errors"
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
	Removed    *int           `json:"removed,omitempty"` // with --clean
}

func (a *app) scatterCommand() *cobra.Command {
	count, chart, clean := 100, "", false
	cmd := &cobra.Command{
		Use:     "scatter",
		Short:   "Put random keys, hold every node's answers to the rules, show who keeps what",
		Long:    "Put random alphanumeric keys, ask every node about each, and hold the answers to the rules. A key that is missing or kept twice makes the exit status 1. With --clean the keys are deleted in the end.",
		Example: "  dht scatter --count 1000\n  dht scatter --count 1000 --svg scatter.svg\n  dht scatter --clean",
		Args:    cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			switch {
			case count < 1:
				return fmt.Errorf("%w--count %d: at least one key", errUsage, count)
			case chart == "-" && a.json:
				return fmt.Errorf("%w--svg - and --json both want stdout: name a file for the chart", errUsage)
			}
			if chart != "" && chart != "-" {
				if err := mayWrite(chart); err != nil {
					return err
				}
			}
			return nil
		},
		RunE: a.onCluster(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			s, m, err := a.scatter(cmd, c, count)
			var removed *int
			var left error
			if clean {
				removed, left = a.clean(cmd, c, s)
			}
			if err == nil {
				err = a.showScatter(m, s, chart, removed)
			}
			if err == nil {
				err = fault(s)
			}
			return oneLine(errors.Join(err, left))
		}),
	}
	cmd.Flags().IntVar(&count, "count", count, "how many keys")
	cmd.Flags().BoolVar(&clean, "clean", false, "delete the keys again")
	cmd.Flags().StringVar(&chart, "svg", "", "draw a chart into `FILE`; - prints it instead of the table")
	_ = cmd.MarkFlagFilename("svg", "svg")
	return cmd
}

// scatter puts random keys, and returns the map that they were held to.
func (a *app) scatter(cmd *cobra.Command, c *client.Client, count int) (s client.Scattered, m *placement.Map, err error) {
	step, end := a.progress(count, "scatter")
	s, err = c.Scatter(cmd.Context(), count, step)
	end()
	if err == nil {
		m, err = c.Map(cmd.Context())
	}
	return s, m, err
}

// clean deletes what was scattered, though the scatter was interrupted.
func (a *app) clean(cmd *cobra.Command, c *client.Client, s client.Scattered) (*int, error) {
	step, end := a.progress(len(s.Tried), "clean")
	defer end()
	removed, err := c.Clean(context.WithoutCancel(cmd.Context()), s, step)
	if err != nil {
		return &removed, fmt.Errorf("%s deleted again, %d not: %w", plural(removed, "key"), len(s.Tried)-removed, err)
	}
	a.note("%s deleted again", plural(removed, "key"))
	return &removed, nil
}

func (a *app) showScatter(m *placement.Map, s client.Scattered, chart string, removed *int) error {
	switch {
	case chart == "-":
		return writeSVG(a.out, m, s)
	case a.json:
		if err := a.printJSON(scatterJSON{s.Keys, s.Stored, s.Missing, s.Duplicates, s.ByNode, removed}); err != nil {
			return err
		}
	default:
		a.drawScatter(m, s)
	}
	if chart == "" {
		return nil
	}
	return saveSVG(chart, m, s)
}

// fault is why a scatter does not hold.
func fault(s client.Scattered) error {
	if s.Missing+s.Duplicates == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d keys are missing, %d are kept where the rules do not say; first: %w", s.Missing, s.Keys,
		s.Duplicates, s.Faults[0])
}

// verdict is what there is to say of a scatter, in one line.
func verdict(s client.Scattered) string {
	if s.Missing+s.Duplicates > 0 {
		return fmt.Sprintf("%d stored, %d missing, %d kept twice.", s.Stored, s.Missing, s.Duplicates)
	}
	return fmt.Sprintf("%d of %d keys stored, each where the rules say and nowhere else.", s.Stored, s.Keys)
}

func (a *app) drawScatter(m *placement.Map, s client.Scattered) {
	var rows [][]string
	var shares []float64
	for _, n := range m.Shares().Nodes {
		kept, expected := share(s.ByNode[n.Name], s.Keys), float(n.Share)
		expectation := percent(expected)
		if n.Prefix {
			expectation = "its prefix"
		}
		rows = append(rows, []string{n.Name, n.Rule, fmt.Sprint(s.ByNode[n.Name]), percent(kept), expectation})
		shares = append(shares, kept)
	}
	a.out.Bars([]string{"NODE", "RULE", "KEYS", "SHARE", "EXPECTED"}, rows, shares)
	style := a.out.Good
	if s.Missing+s.Duplicates > 0 {
		style = a.out.Bad
	}
	fmt.Fprintf(a.out, "\n%s\n", style(verdict(s)))
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
