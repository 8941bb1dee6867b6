package cli

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/spf13/cobra"

	"dht/configs"
	"dht/events"
	"dht/nodes/placement"
)

type ruleJSON struct {
	Name   string  `json:"name"`
	Rule   string  `json:"rule"`
	Claims float64 `json:"claims"`
	Share  float64 `json:"share"`
}

type overlapJSON struct {
	Nodes []string `json:"nodes"`
	Share float64  `json:"share"`
}

type rulesJSON struct {
	Gaps     bool          `json:"gaps"`
	Example  string        `json:"example,omitempty"` // a key that nobody keeps
	Exact    bool          `json:"exact"`
	Nodes    []ruleJSON    `json:"nodes"`
	Overlaps []overlapJSON `json:"overlaps,omitempty"`
}

func (a *app) rulesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rules [FILE]",
		Short: "Check a cluster file: what share each node keeps, overlaps, gaps",
		Long: "Check a cluster file without any node: what share of all keys each node's rule claims and the node keeps, which\n" +
			"rules overlap, and whether there is anything that a node would refuse to start with (exit status 1): a key that\n" +
			"nobody keeps, two nodes with one address, an address that others cannot dial.",
		Example:           "  dht rules\n  dht rules configs/three.toml",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFirst(completeFile("toml")),
		RunE: func(_ *cobra.Command, args []string) error {
			file := a.config
			if len(args) == 1 {
				file = args[0]
			}
			config, err := configs.Load(file)
			if err != nil {
				return err
			}
			m, err := placement.Parse(config.Cluster())
			if err != nil {
				return err
			}
			return a.rules(config, m)
		},
	}
}

func (a *app) rules(config *configs.Config, m *placement.Map) error {
	shares := m.Shares()
	example, gap := m.Gap()
	if a.json {
		if err := a.printJSON(rulesOf(shares, example, gap)); err != nil {
			return err
		}
	} else {
		a.drawRules(m, shares)
	}
	for _, n := range config.Nodes {
		for _, flag := range config.Wants(n) {
			a.note("%s starts only with %s", n.Name, flag)
		}
	}
	_, err := config.Startable()
	return err
}

func rulesOf(s placement.Shares, example string, gap bool) rulesJSON {
	out := rulesJSON{Gaps: gap, Example: example, Exact: s.Exact}
	for _, n := range s.Nodes {
		out.Nodes = append(out.Nodes, ruleJSON{n.Name, n.Rule, float(n.Claims), float(n.Share)})
	}
	for _, o := range s.Overlaps {
		out.Overlaps = append(out.Overlaps, overlapJSON{o.Nodes, float(o.Share)})
	}
	return out
}

func float(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}

func (a *app) drawRules(m *placement.Map, s placement.Shares) {
	fmt.Fprintf(a.out, "%s, epoch %d, copies = %s\n\n", a.out.Bold(m.Name()), m.Epoch(), m.Copies())
	show := func(r *big.Rat) string {
		if s.Exact {
			return r.RatString()
		}
		return "≈ " + percent(float(r))
	}
	var rows [][]string
	var shares []float64
	prefixes := false
	for _, n := range s.Nodes {
		claims, share, drawn := show(n.Claims), show(n.Share), float(n.Share)
		if n.Prefix {
			prefixes = true
			claims, share, drawn = "its prefix", "its prefix", -1
		}
		rows, shares = append(rows, []string{n.Name, n.Rule, claims, share}), append(shares, drawn)
	}
	a.out.Bars([]string{"NODE", "RULE", "CLAIMS", "KEEPS"}, rows, shares)
	fmt.Fprintln(a.out)
	for _, o := range s.Overlaps {
		fmt.Fprintf(a.out, "%s of all keys are claimed by %s: %s.\n", show(o.Share), strings.Join(o.Nodes, " and "),
			resolution(m.Copies(), o.Nodes))
	}
	if prefixes {
		fmt.Fprintln(a.out, "Shares are of the keys that no prefix claims: how many begin so depends on the keys.")
	}
	if !s.Exact {
		fmt.Fprintln(a.out, "Counted over random keys: these moduli are too large together to count exactly.")
	}
	if s.Gap.Sign() > 0 {
		fmt.Fprintf(a.out, "%s of all keys are kept by nobody.\n", a.out.Bad(show(s.Gap)))
	}
}

// resolution says who keeps keys that several nodes claim.
func resolution(copies events.Copies, claimants []string) string {
	switch {
	case copies == events.EveryMatch:
		return "each of them keeps them"
	case int(copies) >= len(claimants):
		return "each of them keeps a copy"
	}
	verb := " keeps"
	if copies > 1 {
		verb = " keep"
	}
	return strings.Join(claimants[:copies], " and ") + verb + " them, coming first in the map"
}
