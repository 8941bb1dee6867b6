package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"dht/client"
)

func (a *app) loadCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "load FILE",
		Short:             "Put every key of a dump, or of a {\"key\":\"value\"} dictionary",
		Long:              "Put every key of a file anew: lines that dht dump printed, or plain JSON dictionaries of texts. - reads stdin.",
		Example:           "  dht load backup.jsonl\n  dht dump | dht -c other.toml load -",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(completeFile("jsonl", "json")),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "-" && a.in != nil {
				return a.loadFrom(cmd, a.stdin(cmd.Context(), "keys and values"))
			}
			file, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("load: %w", err)
			}
			defer file.Close()
			return a.loadFrom(cmd, file)
		},
	}
}

func (a *app) loadFrom(cmd *cobra.Command, in io.Reader) error {
	c, err := a.client(cmd.Context())
	if err != nil {
		return err
	}
	defer c.Close()
	step, end := a.progress(-1, "load")
	loaded, err := c.Load(cmd.Context(), client.ReadItems(in), step)
	end()
	switch {
	case err != nil:
		return fmt.Errorf("loaded %s, then: %w", plural(loaded, "key"), err)
	case a.json:
		return a.printJSON(map[string]int{"loaded": loaded})
	}
	a.note("loaded %s", plural(loaded, "key"))
	return nil
}
