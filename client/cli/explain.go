package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dht/client"
	"dht/client/cli/term"
	"dht/events"
	"dht/nodes/placement"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "explain KEY",
		Short:             "Tell where a key belongs and why, and what each node answers now",
		Example:           "  dht explain greeting",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(a.completeKey),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, source, err := a.explain(cmd, []byte(args[0]))
			switch {
			case err != nil:
				return err
			case a.json:
				return a.printJSON(e.Report(source))
			}
			a.printExplanation(e)
			return nil
		},
	}
}

// explain asks the cluster; where no node answers, the cluster file's rules are
// explained. That the key is not there, or its owner is not, is part of the
// story and no error.
func (a *app) explain(cmd *cobra.Command, key []byte) (e client.Explanation, source string, err error) {
	if err := events.CheckKey(key); err != nil {
		return e, "", err
	}
	c, err := a.client(cmd.Context())
	if err == nil {
		defer c.Close()
		if e, err = c.Explain(cmd.Context(), key); e.Owners != nil {
			return e, client.FromCluster, nil
		}
	}
	if !errors.Is(err, events.ErrUnreachable) {
		return e, "", err
	}
	config, err := a.load()
	if err != nil {
		return e, "", err
	}
	m, err := config.Map()
	if err != nil {
		return e, "", err
	}
	a.note("no node answers; this is what the rules of %s say", config.File)
	e = client.Explanation{Key: key, Explanation: m.Explain(key)}
	for _, name := range m.Names(nil) {
		e.Answers = append(e.Answers, events.Answer{Node: name, Status: events.StatusSilent})
	}
	return e, config.File, nil
}

func (a *app) printExplanation(e client.Explanation) {
	out := a.out
	fmt.Fprintf(out, "The key %s has these hashes:\n\n", out.Bold(term.Legible(e.Key)))
	for _, h := range placement.Hashes() {
		if hex, ok := e.Hashes[h]; ok {
			fmt.Fprintf(out, "  %-7s %s\n", h, hex)
		}
	}
	fmt.Fprint(out, "\nEvery node tries its rule, in the order of the map:\n\n")
	var rows [][]string
	for _, t := range e.Trials {
		claims := out.Dim("no")
		if t.Claims {
			claims = out.Good("yes")
		}
		rows = append(rows, []string{"  " + t.Node, t.Rule, claims, t.Why})
	}
	out.Table([]string{"  NODE", "RULE", "CLAIMS IT", "BECAUSE"}, rows)
	fmt.Fprintf(out, "\nSo it belongs to %s.", out.Bold(strings.Join(e.Owners, ", then ")))
	fmt.Fprint(out, " Asked now, the nodes answer:\n\n")
	rows = nil
	for _, answer := range e.Answers {
		why := term.Visible(detail(answer, e.Owners))
		rows = append(rows, []string{"  " + answer.Node, a.status(answer.Status), why})
	}
	out.Table([]string{"  NODE", "ANSWER", ""}, rows)
}

func (a *app) status(s events.Status) string {
	switch s {
	case events.StatusFound, events.StatusStored:
		return a.out.Good(string(s))
	case events.StatusNotStored, events.StatusAbsent, events.StatusDeleted:
		return a.out.Dim(string(s))
	}
	return a.out.Bad(string(s))
}

// detail says in words what an answer means.
func detail(a events.Answer, owners []string) string {
	owns := slices.Contains(owners, a.Node)
	switch a.Status {
	case events.StatusFound:
		text := plural(len(a.Value), "byte") + ", written " + a.Version.Time().Format("2006-01-02 15:04:05")
		if !owns {
			text += ", kept from before the rules changed"
		}
		return text
	case events.StatusNotStored:
		return a.Reason
	case events.StatusAbsent:
		return "it is the owner, and nothing is stored"
	case events.StatusDeleted:
		return "it was deleted, or has expired"
	case events.StatusSilent:
		if owns {
			return "no answer: it is the owner, so the key can be neither read nor written now"
		}
		return "no answer"
	}
	return a.Error
}
