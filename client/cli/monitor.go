package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"dht/client"
	"dht/client/monitor"
	"dht/events"
)

type sightJSON struct {
	Time    time.Time        `json:"time"`
	Subject string           `json:"subject"`
	Event   events.EventType `json:"event,omitempty"`
	Op      events.Op        `json:"op,omitempty"`
	Node    string           `json:"node,omitempty"`
	client.KeyText
	Version events.Version `json:"version,omitzero"`
	Bytes   int64          `json:"bytes"`
}

func (a *app) monitorCommand() *cobra.Command {
	var lasting time.Duration
	cmd := &cobra.Command{
		Use:     "monitor [SUBJECT]",
		Short:   "Show the live bus: requests, and what nodes stored and deleted",
		Long:    "Show what goes over the bus, one line each, until interrupted. SUBJECT is a NATS pattern; without one, everything of the cluster.",
		Example: "  dht monitor\n  dht monitor 'dht.event.linux.>'\n  dht monitor dht.put --for 10s --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.busOnly(cmd); err != nil {
				return err
			}
			ctx := cmd.Context()
			if lasting > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, lasting)
				defer cancel()
			}
			return a.monitor(ctx, args)
		},
	}
	cmd.Flags().DurationVar(&lasting, "for", 0, "stop after this long")
	return cmd
}

func (a *app) monitor(ctx context.Context, args []string) error {
	config, err := a.load()
	if err != nil {
		return err
	}
	conn, err := client.Dial(a.clientOptions(config))
	if err != nil {
		return err
	}
	defer conn.Close()
	subjects := events.NewSubjects(config.Prefix)
	pattern := subjects.All()
	if len(args) == 1 {
		pattern = args[0]
	}
	a.note("watching %s on %s", pattern, conn.ConnectedUrl())
	lost, err := monitor.Watch(ctx, conn, subjects, pattern, a.showSight)
	if lost > 0 {
		a.note("%s lost: this terminal is too slow", plural(lost, "message"))
	}
	return err
}

func (a *app) showSight(s monitor.Sight) error {
	if s.Op == events.OpInfo && !a.json {
		return nil
	}
	if a.json {
		return a.printJSON(sightJSON{s.Time, s.Subject, s.Event, s.Op, s.Node, client.TextOf(s.Key), s.Version, s.Bytes})
	}
	who, what := "?", string(s.Op)
	if s.Event != "" {
		who, what = s.Node, a.eventWord(s.Event)
	} else if s.Node != "" {
		who = "? " + s.Node
	}
	_, err := fmt.Fprintf(a.out, "%s  %-9s %s  %s %s\n", a.out.dim(s.Time.Format("15:04:05.000")), who, what, legible(s.Key), a.out.dim(size(s)))
	return err
}

func (a *app) eventWord(t events.EventType) string {
	switch t {
	case events.EventPut:
		return a.out.good("stored")
	case events.EventDelete:
		return a.out.bad("deleted")
	}
	return a.out.bold(string(t))
}

func size(s monitor.Sight) string {
	if s.Op == events.OpPut || s.Event == events.EventPut {
		return plural(int(s.Bytes), "byte")
	}
	return ""
}
