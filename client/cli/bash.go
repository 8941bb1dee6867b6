package cli

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// withoutPackage is what cobra's script for bash takes from Debian's package
// bash-completion, for those who have it not: there Tab said nothing.
//
//go:embed bash.sh
var withoutPackage string

// completeBash makes completion bash print a script that needs no package.
func completeBash(completion *cobra.Command) {
	bash := called(completion, "bash")
	bash.Long = "Print the completion script for bash: source it, or put it where bash-completion looks. It needs nothing else.\n\n" +
		"  source <(dht completion bash)                                       for this shell\n" +
		"  dht completion bash > ~/.local/share/bash-completion/completions/dht  for all, with the package bash-completion\n" +
		"  echo 'source <(dht completion bash)' >> ~/.bashrc                     for all, without it"
	bash.RunE = func(cmd *cobra.Command, _ []string) error {
		plain, err := cmd.Flags().GetBool("no-descriptions")
		if err != nil {
			return err
		}
		var script strings.Builder
		if err := cmd.Root().GenBashCompletionV2(&script, !plain); err != nil {
			return fmt.Errorf("write the script: %w", err)
		}
		own := strings.NewReplacer(
			`_get_comp_words_by_ref "$@" cur prev words cword`, `__dht_words "$@"`,
			"_filedir", "__dht_filedir").Replace(script.String())
		_, err = fmt.Fprint(cmd.OutOrStdout(), own, withoutPackage)
		return err
	}
}
