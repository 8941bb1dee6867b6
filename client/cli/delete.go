package cli

import (
	"github.com/spf13/cobra"

	"dht/client"
	"dht/events"
)

func (a *app) deleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "delete KEY",
		SuggestFor:        []string{"rm", "del", "remove"},
		Short:             "Remove a key; removing what is not there is no error",
		Example:           "  dht delete greeting",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(a.completeKey),
		RunE: a.onCluster(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var opts []client.Option
			if a.json {
				opts = append(opts, client.AllAnswers())
			}
			result, err := c.Delete(cmd.Context(), []byte(args[0]), opts...)
			switch {
			case err != nil:
				return err
			case a.json:
				return a.printJSON(result.Report())
			case result.Status == events.StatusAbsent:
				a.note("absent: %s had nothing to delete", visible(result.Node))
			default:
				a.note("deleted from %s", a.err.bold(result.Node))
			}
			return nil
		}),
	}
}
