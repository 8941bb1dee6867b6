package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"dht/broker"
	"dht/configs"
	"dht/events"
)

func (a *app) brokerCommand() *cobra.Command {
	listen := "127.0.0.1:4222"
	var insecure bool
	var logs logging
	cmd := &cobra.Command{
		Use:     "broker",
		Short:   "Run one NATS server alone, for nodes whose file names it with nats = […]",
		Example: "  dht broker --listen 127.0.0.1:4222",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := configs.CheckAddress(listen); err != nil && !strings.HasSuffix(listen, ":0") { // any free port
				return fmt.Errorf("%w--listen %s %w", errUsage, listen, err)
			}
			if !configs.Loopback(listen) && !insecure {
				return fmt.Errorf("%w: the broker would listen on %s, which other machines reach, without TLS or users: bind a loopback address, or say --insecure", events.ErrConfig, listen)
			}
			log, err := logs.logger(a)
			if err != nil {
				return err
			}
			ctx, stop := a.outliveHangup(cmd.Context(), log)
			defer stop()
			b, err := broker.Open(ctx, broker.Options{Name: "dht-broker", Listen: listen, Logger: log})
			if err != nil {
				return err
			}
			log.Info("ready", "url", b.URL())
			<-ctx.Done()
			log.Info("shutting down", "because", context.Cause(ctx))
			return b.Close()
		},
	}
	cmd.Flags().StringVar(&listen, "listen", listen, "`HOST:PORT` for clients and nodes")
	logs.register(cmd)
	cmd.Flags().BoolVar(&insecure, "insecure", false, "listen where other machines can reach, without TLS or users")
	return cmd
}
