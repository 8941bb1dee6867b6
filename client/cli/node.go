package cli

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"dht/client/cli/host"
)

func (a *app) nodeCommand() *cobra.Command {
	var how host.Options
	var logs logging
	var data string
	cmd := &cobra.Command{
		Use:               "node NAME",
		Short:             "Run one node of the cluster file",
		Long:              "Run one node of the cluster file, with a NATS server of its own joined to the others' (or on the outside servers that the file names), until interrupted.",
		Example:           "  dht node linux\n  dht -c mine.toml node phone",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(a.completeOwnNode),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := a.load()
			if err != nil {
				return err
			}
			node, err := config.Node(args[0])
			if err != nil {
				return err
			}
			if data != "" { // a flag is relative to where it was typed, not to the file
				if node.Data, err = filepath.Abs(data); err != nil {
					return fmt.Errorf("find --data %s: %w", data, err)
				}
			}
			if err := checkCredentials(); err != nil {
				return err
			}
			log, err := logs.logger(a)
			if err != nil {
				return err
			}
			ctx, stop := a.outliveHangup(cmd.Context(), log)
			defer stop()
			how.Config, how.Node, how.Build, how.NATS, how.Logger = config, node, version(), credentials(), log
			r, err := host.Open(ctx, how)
			if err != nil {
				return err
			}
			log = log.With("node", node.Name, "rule", node.Rule, "data", config.DataFolder(node))
			if page := r.PageURL(); page != "" {
				log = log.With("page", page)
			}
			log.Info("ready")
			return runUntilDone(ctx, r, log)
		},
	}
	cmd.Flags().BoolVar(&how.NoBus, "no-bus", false, "answer over TCP only, without NATS")
	cmd.Flags().BoolVar(&how.AllowFlush, "allow-flush", false, "let FLUSHDB delete every key of this node")
	cmd.Flags().BoolVar(&how.Insecure, "insecure", false, "listen where other machines can reach, without TLS or users")
	cmd.Flags().StringVar(&data, "data", "", "keep the keys in `FOLDER`")
	_ = cmd.MarkFlagDirname("data")
	logs.register(cmd)
	return cmd
}

func runUntilDone(ctx context.Context, r *host.Node, log *slog.Logger) error {
	var failure error
	select {
	case <-ctx.Done():
		log.Info("shutting down", "because", context.Cause(ctx))
	case failure = <-r.Failed():
		log.Error("shutting down", "because", failure)
	}
	if err := r.Close(); err != nil && failure == nil {
		return fmt.Errorf("stop node: %w", err)
	}
	return failure
}
