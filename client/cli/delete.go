package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"dht/client"
	"dht/client/cli/term"
	"dht/events"
)

func (a *app) deleteCommand() *cobra.Command {
	var prefix string
	var yes bool
	cmd := &cobra.Command{
		Use:        "delete KEY… | --prefix TEXT",
		SuggestFor: []string{"rm", "del", "remove"},
		Short:      "Remove keys; removing what is not there is no error",
		Long: "Remove keys, one or several, or with --prefix all that begin so, after a question on a terminal, which --yes\n" +
			"answers. Removing what is not there is no error. When some cannot be removed the others are all the same, and\n" +
			"the exit status is that of the first that could not.",
		Example: "  dht delete greeting\n  dht delete a b c\n  dht delete --prefix user/ --yes",
		Args: func(_ *cobra.Command, args []string) error {
			if (len(args) > 0) == (prefix != "") {
				return errors.New("either keys or a prefix")
			}
			return nil
		},
		ValidArgsFunction: a.completeKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			if prefix != "" && !yes && !a.mayAsk() {
				return fmt.Errorf("%wnobody can be asked here whether to delete all that begins with %q: say --yes", errUsage,
					prefix)
			}
			ctx, stop := untilInterrupted(cmd.Context())
			defer stop()
			c, err := a.client(ctx)
			if err != nil {
				return err
			}
			defer c.Close()
			switch {
			case prefix != "":
				return a.deletePrefix(ctx, c, prefix, yes)
			case len(args) == 1:
				return a.deleteOne(ctx, c, []byte(args[0]))
			}
			return a.deleteKeys(ctx, c, args, func(r client.Result) {
				if r.Status == events.StatusAbsent {
					a.note("%s: absent", term.Legible(r.Key))
				} else {
					a.note("%s: deleted from %s", term.Legible(r.Key), a.err.Bold(r.Node))
				}
			})
		},
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "delete every key that begins with `TEXT`")
	cmd.Flags().BoolVar(&yes, "yes", false, "delete without a question")
	return cmd
}

func (a *app) deleteOne(ctx context.Context, c *client.Client, key []byte) error {
	result, err := c.Delete(ctx, key, a.answers()...)
	switch {
	case err != nil:
		return err
	case a.json:
		return a.printJSON(result.Report())
	case result.Status == events.StatusAbsent:
		a.note("absent: %s had nothing to delete", term.Visible(result.Node))
	default:
		a.note("deleted from %s", a.err.Bold(result.Node))
	}
	return nil
}

// answers is what a write wants that is printed as JSON: all of them.
func (a *app) answers() (opts []client.Option) {
	if a.json {
		opts = append(opts, client.AllAnswers())
	}
	return opts
}

// mayAsk reports whether there is somebody at a terminal to ask.
func (a *app) mayAsk() bool { return a.onTerminal() && a.err.Live() && !a.json && !a.quiet }

// deletePrefix deletes what the nodes list, though some may be silent: that is
// said in the end.
func (a *app) deletePrefix(ctx context.Context, c *client.Client, prefix string, yes bool) error {
	var keys []string
	var faults error
	for k, err := range c.Keys(ctx, "", []byte(prefix)) {
		if err != nil {
			faults = errors.Join(faults, err)
			continue
		}
		keys = append(keys, string(k.Key))
	}
	slices.Sort(keys)
	keys = slices.Compact(keys) // several nodes may hold a key
	if len(keys) > 0 && !yes {
		first, last := term.Legible([]byte(keys[0])), term.Legible([]byte(keys[len(keys)-1]))
		sure, err := a.ask(ctx, fmt.Sprintf("delete %s, from %s to %s? [y/N] ", plural(len(keys), "key"), first, last))
		if err != nil {
			return err
		}
		if !sure {
			return fmt.Errorf("%w: nothing was deleted", events.ErrRefused)
		}
	}
	return oneLine(errors.Join(a.deleteKeys(ctx, c, keys, func(client.Result) {}), faults))
}

// ask waits for a line on the terminal.
func (a *app) ask(ctx context.Context, question string) (yes bool, err error) {
	fmt.Fprint(a.err, question)
	line, err := bufio.NewReader(piped(ctx, a.openStdin)).ReadString('\n')
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err != nil {
		fmt.Fprintln(a.err) // Ctrl-D leaves the question's line open
	}
	word := strings.ToLower(strings.TrimSpace(line))
	return word == "y" || word == "yes", nil
}

// deleteAtOnce is how many deletes are under way at a time.
const deleteAtOnce = 64

// deleted counts what became of keys.
type deleted struct {
	gone, absent, failed int
	first                error // why the first could not be deleted
}

func (d deleted) String() string {
	text := "deleted " + plural(d.gone, "key")
	if d.absent > 0 {
		text += fmt.Sprintf(", %d not there", d.absent)
	}
	if d.failed > 0 {
		text += fmt.Sprintf(", %d not deleted", d.failed)
	}
	return text
}

// deleteKeys deletes many at once and shows each in its turn, then the sum.
func (a *app) deleteKeys(ctx context.Context, c *client.Client, keys []string, show func(client.Result)) error {
	var sum deleted
	for some := range slices.Chunk(keys, deleteAtOnce) {
		results, errs := make([]client.Result, len(some)), make([]error, len(some))
		var wait sync.WaitGroup
		for i, key := range some {
			wait.Go(func() { results[i], errs[i] = c.Delete(ctx, []byte(key), a.answers()...) })
		}
		wait.Wait()
		for i, r := range results {
			sum.add(r, errs[i])
			if a.json {
				if err := a.printJSON(r.Report()); err != nil {
					return err
				}
			} else if errs[i] == nil {
				show(r)
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%v, then: %w", sum, context.Cause(ctx))
		}
	}
	if sum.failed > 0 {
		return fmt.Errorf("%v; first: %w", sum, sum.first)
	}
	a.note("%v", sum)
	return nil
}

func (d *deleted) add(r client.Result, err error) {
	switch {
	case err != nil:
		if d.failed++; d.first == nil {
			d.first = fmt.Errorf("%s: %w", term.Legible(r.Key), err)
		}
	case r.Status == events.StatusAbsent:
		d.absent++
	default:
		d.gone++
	}
}
