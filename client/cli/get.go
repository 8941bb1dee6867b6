package cli

import (
	"fmt"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"dht/client"
	"dht/client/cli/term"
	"dht/events"
)

// getJSON is a value and where it is.
type getJSON struct {
	client.KeyText
	Value   *string        `json:"value,omitempty"`
	Value64 []byte         `json:"value64,omitempty"`
	Version events.Version `json:"version"`
	Expires int64          `json:"expires,omitempty"`
	Node    string         `json:"node"`
}

func (a *app) getCommand() *cobra.Command {
	return &cobra.Command{
		Use:        "get KEY",
		SuggestFor: []string{"cat", "read"},
		Short:      "Print the value stored under a key",
		Long: "Print the exact bytes stored under a key; in a shell, a newline after them. On a terminal what is no text is\n" +
			"written as \\x1b, for a terminal would obey it.",
		Example:           "  dht get greeting\n  dht get photo > photo.jpg",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFirst(a.completeKey),
		RunE: a.onCluster(func(cmd *cobra.Command, c *client.Client, args []string) error {
			result, err := c.Get(cmd.Context(), []byte(args[0]))
			if err != nil {
				return err
			}
			return a.printValue(result)
		}),
	}
}

func (a *app) printValue(r client.Result) error {
	if a.json {
		out := getJSON{KeyText: client.TextOf(r.Key), Version: r.Version, Expires: r.Expires, Node: r.Node}
		if text := string(r.Value); utf8.ValidString(text) {
			out.Value = &text
		} else {
			out.Value64 = r.Value
		}
		return a.printJSON(out)
	}
	if a.out.Live() {
		r.Value = a.displayed(r.Value)
	}
	if a.out.Live() || a.session != nil {
		r.Value = append(r.Value, '\n')
	}
	if _, err := a.out.Write(r.Value); err != nil {
		return fmt.Errorf("print value: %w", err)
	}
	return nil
}

// displayed is a value for a terminal, which must not obey what is stored.
func (a *app) displayed(value []byte) []byte {
	text := term.Escaped(string(value), "\n\t")
	if text != string(value) {
		a.note("what is no text is written as \\x1b; a file or a pipe gets the bytes themselves")
	}
	return []byte(text)
}
