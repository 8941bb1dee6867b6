package cli

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"dht/client"
	"dht/events"
	"dht/nodes/store"
)

func (a *app) dumpCommand() *cobra.Command {
	var l listing
	var folder string
	cmd := &cobra.Command{
		Use:     "dump",
		Short:   "Print every key with its value as JSON lines, for dht load",
		Example: "  dht dump > backup.jsonl\n  dht dump --node linux --prefix user/\n  dht dump --data FOLDER         while its node is down",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case folder != "" && l.node != "":
				return fmt.Errorf("%w--data reads a folder, --node asks a node: say one", errUsage)
			case folder != "":
				return a.dumpFolder(folder, []byte(l.prefix))
			}
			return a.dump(cmd, l)
		},
	}
	l.register(a, cmd)
	cmd.Flags().StringVar(&folder, "data", "", "read the data folder `FOLDER` itself, while its node is down")
	_ = cmd.MarkFlagDirname("data")
	return cmd
}

func (a *app) dump(cmd *cobra.Command, l listing) error {
	c, err := a.client(cmd.Context())
	if err != nil {
		return err
	}
	defer c.Close()
	step, end := func() {}, func() {}
	if !a.out.Live() { // what is printed there shows how far it is
		step, end = a.progress(-1, "dump")
	}
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

// dumpFolder needs no node: it reads what one left on disk.
func (a *app) dumpFolder(folder string, prefix []byte) error {
	report, err := store.Check(folder, store.Options{})
	if err != nil {
		return err
	}
	return store.Dump(folder, store.Options{}, func(r events.Record) error {
		if !bytes.HasPrefix(r.Key, prefix) {
			return nil
		}
		return a.printJSON(client.Item{Key: r.Key, Value: r.Value, Version: r.Version, Expires: r.Expires,
			Node: report.Owner.Node})
	})
}
