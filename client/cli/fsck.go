package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"dht/client/cli/term"
	"dht/events"
	"dht/nodes/store"
)

type fsckJSON struct {
	Folder   string         `json:"folder"`
	Cluster  string         `json:"cluster"`
	Node     string         `json:"node"`
	Segments int            `json:"segments"`
	Bytes    int64          `json:"bytes"`
	Keys     int            `json:"keys"`
	Torn     int64          `json:"torn"`
	Damage   []store.Damage `json:"damage"`
	Repaired bool           `json:"repaired"`
}

func (a *app) fsckCommand() *cobra.Command {
	var repair bool
	cmd := &cobra.Command{
		Use:   "fsck [FOLDER]",
		Short: "Check data folders while their nodes are down, and repair them",
		Long: "Check a data folder, or those of every node of the cluster file that are on this machine, and name every\n" +
			"line that cannot be trusted; the exit status is 1 when there is one. With --repair such lines are moved\n" +
			"aside, and what they may have held is said to be lost: until then it is answered corrupt, never absent.",
		Example:           "  dht fsck\n  dht fsck /var/lib/dht/linux --repair",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFirst(cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)),
		RunE: func(_ *cobra.Command, args []string) error {
			folders, err := a.folders(args)
			if err != nil {
				return err
			}
			return a.fsck(folders, repair)
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "move bad lines aside and say what was lost")
	return cmd
}

// folders is the one that was named, or all of the cluster file's that exist.
func (a *app) folders(args []string) (folders []string, err error) {
	if len(args) == 1 {
		return args, nil
	}
	config, err := a.load()
	if err != nil {
		return nil, err
	}
	for _, n := range config.Nodes {
		if folder := config.DataFolder(n); isFolder(folder) {
			folders = append(folders, folder)
		}
	}
	if len(folders) == 0 {
		return nil, fmt.Errorf("%w: no node of %s has a data folder here: name one", events.ErrConfig, config.File)
	}
	return folders, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (a *app) fsck(folders []string, repair bool) error {
	damaged := 0
	var faults error
	for _, folder := range folders {
		examine := store.Check
		if repair {
			examine = store.Repair
		}
		report, err := examine(folder, store.Options{})
		if err == nil {
			damaged += len(report.Damage)
			err = a.report(folder, report, repair)
		}
		faults = errors.Join(faults, err)
	}
	if damaged > 0 && !repair {
		faults = errors.Join(faults, fmt.Errorf("%w: %s cannot be trusted; --repair moves bad lines aside",
			events.ErrCorrupt, plural(damaged, "place")))
	}
	return oneLine(faults)
}

func (a *app) report(folder string, r store.Report, repaired bool) error {
	if a.json {
		r.Damage = append([]store.Damage{}, r.Damage...) // an empty list, not null
		return a.printJSON(fsckJSON{folder, r.Owner.Cluster, r.Owner.Node, r.Segments, r.Bytes, r.Keys, r.Torn, r.Damage,
			repaired && len(r.Damage) > 0})
	}
	verdict := a.out.Good("sound")
	switch {
	case len(r.Damage) > 0 && repaired:
		verdict = a.out.Bad("repaired")
	case len(r.Damage) > 0:
		verdict = a.out.Bad("damaged")
	}
	fmt.Fprintf(a.out, "%s  %s: node %s of %s, %s in %s\n", verdict, term.Visible(folder), term.Visible(r.Owner.Node),
		term.Visible(r.Owner.Cluster), plural(r.Keys, "key"), plural(r.Segments, "segment"))
	for _, d := range r.Damage {
		fmt.Fprintf(a.out, "  %s\n", term.Visible(d.String()))
	}
	if r.Torn > 0 {
		fmt.Fprintf(a.out, "  %s of writes that a crash cut off and nobody was told of: the next start drops them\n",
			plural(int(r.Torn), "byte"))
	}
	return nil
}
