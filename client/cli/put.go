package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"dht/client"
)

func (a *app) putCommand() *cobra.Command {
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:        "put KEY [VALUE]",
		SuggestFor: []string{"set", "store"},
		Short:      "Store a value under a key",
		Long: "Store a value under a key. Without VALUE, or with -, the value is read from stdin; an empty one is stored only\n" +
			"when it is asked for, with '' or -. What begins with - goes behind --.",
		Example:           "  dht put greeting hello\n  dht put photo < photo.jpg\n  dht put session abc --ttl 10m\n  dht put temperature -- -5",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeFirst(a.completeKey),
		RunE: func(cmd *cobra.Command, args []string) error {
			var opts []client.Option
			if cmd.Flags().Changed("ttl") {
				if ttl <= 0 {
					return fmt.Errorf("%w--ttl %v: a value must live for some time", errUsage, ttl)
				}
				opts = append(opts, client.TTL(ttl))
			}
			value, err := a.value(cmd.Context(), args[1:])
			if err != nil {
				return err
			}
			return a.put(cmd, args[0], value, opts)
		},
	}
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "forget the value after this long: 10s, 5m, 24h")
	return cmd
}

func (a *app) put(cmd *cobra.Command, key string, value []byte, opts []client.Option) error {
	c, err := a.client(cmd.Context())
	if err != nil {
		return err
	}
	defer c.Close()
	result, err := c.Put(cmd.Context(), []byte(key), value, append(opts, a.answers()...)...)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(result.Report())
	}
	a.note("stored on %s", a.err.Bold(result.Node))
	return nil
}
