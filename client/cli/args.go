package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// knownCommand refuses a word that is no command, on one line.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	for _, cmd := range root.Commands() {
		if word := strings.ToLower(args[0]); word == cmd.Name() || slices.Contains(cmd.SuggestFor, word) {
			return fmt.Errorf("unknown command %q: did you mean %s?", args[0], cmd.Name())
		}
	}
	if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("unknown command %q: did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return fmt.Errorf("unknown command %q; help lists them all", args[0])
}

// saysHow makes the error of args that do not fit say what does.
func saysHow(args cobra.PositionalArgs) cobra.PositionalArgs {
	if args == nil {
		return nil
	}
	return func(cmd *cobra.Command, words []string) error {
		if args(cmd, words) != nil {
			return fmt.Errorf("usage: %s", cmd.UseLine())
		}
		return nil
	}
}

// helpOnWhatIs makes help refuse what is no command: cobra's shows all of them,
// as if it had been asked to.
func helpOnWhatIs(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	called(root, "help").Args = func(_ *cobra.Command, words []string) error {
		if found, _, _ := root.Find(words); found == root {
			return knownCommand(root, words)
		}
		return nil
	}
}

// completeForWhatIs makes completion refuse a shell that it does not know, rather
// than print its help into the file that was to be the script.
func completeForWhatIs(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion := called(root, "completion")
	completeBash(completion)
	completion.Args = func(_ *cobra.Command, words []string) error {
		if len(words) == 0 {
			return nil
		}
		var shells []string
		for _, cmd := range completion.Commands() {
			shells = append(shells, cmd.Name())
		}
		return fmt.Errorf("no completion for %q; there is one for %s", words[0], strings.Join(shells, ", "))
	}
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

func called(root *cobra.Command, name string) *cobra.Command {
	for _, cmd := range root.Commands() {
		if cmd.Name() == name {
			return cmd
		}
	}
	return nil
}
