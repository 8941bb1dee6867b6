package cli

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"dht/client"
)

// Completion waits for the cluster no longer than people do for Tab, and shows
// no more keys than they read.
const (
	completeWithin = 200 * time.Millisecond
	completeKeys   = 100
)

// completeFirst completes the first argument, and offers nothing for others.
func completeFirst(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, begun)
	}
}

// completeFile offers files whose names end in one of the extensions.
func completeFile(extensions ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(extensions, cobra.ShellCompDirectiveFilterFileExt)
}

// completeNode offers the nodes of the cluster that answers, or of the cluster
// file when none does.
func (a *app) completeNode(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	if c, err := a.soon(ctx); err == nil {
		defer c.Close()
		if m, err := c.Map(ctx); err == nil {
			var names []cobra.Completion
			for _, n := range m.Cluster().Nodes {
				names = append(names, cobra.CompletionWithDesc(n.Name, n.Rule))
			}
			return beginning(names, begun), keepOrder
		}
	}
	return a.completeOwnNode(cmd, nil, begun)
}

const keepOrder = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder

// completeOwnNode offers the nodes of the cluster file: those that can be
// started from it.
func (a *app) completeOwnNode(_ *cobra.Command, _ []string, begun string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
	config, err := a.load()
	if err != nil {
		return cobra.AppendActiveHelp(nil, err.Error()), cobra.ShellCompDirectiveNoFileComp
	}
	for _, n := range config.Nodes {
		names = append(names, cobra.CompletionWithDesc(n.Name, n.Rule))
	}
	return beginning(names, begun), keepOrder
}

// completeProcess offers the processes of a Procfile that were not named yet.
func (a *app) completeProcess(procfile string, named []string, begun string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
	list, err := a.processes(procfile, nil)
	if err != nil {
		return cobra.AppendActiveHelp(nil, err.Error()), cobra.ShellCompDirectiveNoFileComp
	}
	for _, p := range list {
		if !slices.Contains(named, p.name) {
			names = append(names, cobra.CompletionWithDesc(p.name, p.command))
		}
	}
	return beginning(names, begun), keepOrder
}

// completeKey offers keys that can be typed.
func (a *app) completeKey(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	c, err := a.soon(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer c.Close()
	m, err := c.Map(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found := make([][]cobra.Completion, m.Len())
	var asking sync.WaitGroup // all at once: one may be silent
	for i, node := range m.Names(nil) {
		asking.Go(func() { found[i] = someKeys(ctx, c, node, begun) })
	}
	asking.Wait()
	keys := slices.Concat(found...)
	slices.Sort(keys)
	return slices.Compact(keys), cobra.ShellCompDirectiveNoFileComp
}

// someKeys are keys of one node that begin so.
func someKeys(ctx context.Context, c *client.Client, node, begun string) (keys []cobra.Completion) {
	for k, err := range c.Keys(ctx, node, []byte(begun)) {
		if err == nil && typeable(string(k.Key)) {
			keys = append(keys, cobra.CompletionWithDesc(string(k.Key), k.Node))
		}
		if len(keys) == completeKeys {
			break
		}
	}
	return keys
}

// soon is client, for those who have no time.
func (a *app) soon(ctx context.Context) (*client.Client, error) {
	hasty := a.global
	hasty.timeout, hasty.met = completeWithin, nil
	return hasty.client(ctx)
}

// typeable reports whether the shells' completion can carry a key.
func typeable(key string) bool {
	for _, r := range key {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return false
		}
	}
	return key == strings.TrimSpace(key) && !strings.HasPrefix(key, "-")
}

func beginning(all []cobra.Completion, begun string) []cobra.Completion {
	return slices.DeleteFunc(all, func(c cobra.Completion) bool { return !strings.HasPrefix(c, begun) })
}
