package cli

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"dht/client/cli/shell"
	"dht/client/cli/term"
)

// complete offers what the word before the cursor may become, as the completion of
// the command line does: both ask cobra.
func (s *interpreter) complete(ctx context.Context, line string, cursor int) (head string, offers []string, tail string) {
	runes := []rune(line)
	head, tail = string(runes[:cursor]), string(runes[cursor:])
	words, begun, _ := shell.Split(head)
	args := []string{cobra.ShellCompNoDescRequestCmd}
	for _, w := range words {
		if w.From < begun.From && (w.Text != "dht" || len(args) > 1) {
			args = append(args, w.Text)
		}
	}
	var out bytes.Buffer
	a := s.line()
	a.out, a.err = term.New(&out), term.New(io.Discard)
	if _, err := a.execute(ctx, s.verbs(a), append(args, begun.Text)); err != nil {
		return head, nil, tail
	}
	return head[:begun.From], offersOf(out.String(), begun.Text), tail
}

// offersOf reads what cobra answers a shell's completion script: an offer a
// line, then a directive. With the blank that follows it, each is a whole word.
func offersOf(answer, begun string) (offers []string) {
	lines := strings.Split(strings.TrimSpace(answer), "\n")
	last := len(lines) - 1
	number, _ := strconv.Atoi(strings.TrimPrefix(lines[last], ":"))
	directive, lines := cobra.ShellCompDirective(number), lines[:last]
	switch {
	case directive&cobra.ShellCompDirectiveFilterFileExt != 0:
		return files(begun, func(name string) bool {
			return slices.Contains(lines, strings.TrimPrefix(filepath.Ext(name), "."))
		})
	case directive&cobra.ShellCompDirectiveFilterDirs != 0:
		return files(begun, func(string) bool { return false })
	case directive&cobra.ShellCompDirectiveNoFileComp == 0 && len(lines) == 0:
		return files(begun, func(string) bool { return true })
	}
	write := func(offer string) string { return offer }
	if slices.ContainsFunc(lines, func(offer string) bool { return !shell.IsPlain(offer) }) {
		write = shell.InQuotes // all of them, so that they begin alike
	}
	for _, offer := range lines {
		if directive&cobra.ShellCompDirectiveNoSpace != 0 || strings.HasSuffix(offer, "=") {
			offers = append(offers, offer)
		} else {
			offers = append(offers, write(offer)+" ")
		}
	}
	return offers
}

// files are the folders whose path begins so, and the files that are wanted.
func files(begun string, wanted func(name string) bool) (offers []string) {
	folder, _ := filepath.Split(begun)
	entries, _ := os.ReadDir(cmp.Or(folder, "."))
	for _, entry := range entries {
		path := folder + entry.Name()
		switch {
		case !strings.HasPrefix(path, begun):
		case entry.IsDir():
			offers = append(offers, path+string(filepath.Separator))
		case wanted(path):
			offers = append(offers, shell.Quoted(path)+" ")
		}
	}
	return offers
}
