package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"dht/client"
)

func (a *app) loadCommand() *cobra.Command {
	field := ""
	cmd := &cobra.Command{
		Use:   "load FILE",
		Short: "Put every key of a dump, or of a {\"key\":\"value\"} dictionary",
		Long: "Put every key of a file anew. The file has JSON objects, each one of two things: an entry, as dht dump prints\n" +
			"them, when it has \"key\" or \"key64\"; otherwise a dictionary of texts, {\"key\":\"value\", …}. An object that is\n" +
			"neither ends the load, is named by its line, and nothing of it is put; what stood before it stays, and how\n" +
			"many keys that are is said. With --key every object, whatever is in it, is put as it is written, under the\n" +
			"key that its FIELD holds. - reads stdin.",
		Example:           "  dht load backup.jsonl\n  dht dump | dht -c other.toml load -\n  dht load people.jsonl --key id",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(completeFile("jsonl", "json")),
		RunE: func(cmd *cobra.Command, args []string) error {
			read := client.ReadItems
			if field != "" {
				read = func(r io.Reader) iter.Seq2[client.Item, error] { return client.ReadObjects(r, field) }
			}
			ctx, stop := untilInterrupted(cmd.Context())
			defer stop()
			if args[0] == "-" && a.in != nil {
				return a.loadFrom(ctx, read(a.stdin(ctx, "keys and values")))
			}
			file, err := readFile(ctx, "load", args[0])
			if err != nil {
				return err
			}
			return a.loadFrom(ctx, read(file))
		},
	}
	cmd.Flags().StringVar(&field, "key", "", "put whole objects, each under what its `FIELD` holds")
	return cmd
}

func (a *app) loadFrom(ctx context.Context, items iter.Seq2[client.Item, error]) error {
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	step, end := a.progress(-1, "load")
	loaded, err := c.Load(ctx, items, step)
	end()
	if a.json {
		err = errors.Join(err, a.printJSON(map[string]int{"loaded": loaded}))
	}
	if err != nil {
		return fmt.Errorf("loaded %s, then: %w", plural(loaded, "key"), oneLine(err))
	}
	a.note("loaded %s", plural(loaded, "key"))
	return nil
}
