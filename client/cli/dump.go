package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

func (a *app) dumpCommand() *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:     "dump",
		Short:   "Print every key with its value as JSON lines, for dht load",
		Example: "  dht dump > backup.jsonl\n  dht dump --node linux --prefix user/",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.dump(cmd, l) },
	}
	l.register(cmd)
	return cmd
}

func (a *app) dump(cmd *cobra.Command, l listing) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	step, end := a.progress(-1, "dump")
	defer end()
	var faults error
	for item, err := range c.Dump(cmd.Context(), l.node, []byte(l.prefix)) {
		if err != nil {
			faults = errors.Join(faults, err)
			continue
		}
		if err := a.printJSON(item); err != nil {
			return err
		}
		step()
	}
	return oneLine(faults)
}
