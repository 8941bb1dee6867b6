package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/adrg/xdg"
	"github.com/peterh/liner"
	"github.com/spf13/cobra"
)

// prompt edits lines on the process's terminal. It has one user at a time.
type prompt struct {
	lines   *liner.State
	history *os.File // nil when there can be none
}

// completer returns line up to the word before the cursor, what that word may
// become, and the rest of line.
type completer func(line string, cursor int) (head string, words []string, tail string)

func newPrompt(complete completer) *prompt {
	p := &prompt{lines: liner.NewLiner()}
	p.lines.SetCtrlCAborts(true)
	p.lines.SetBeep(false)
	p.lines.SetMultiLineMode(true)
	p.lines.SetTabCompletionStyle(liner.TabPrints)
	p.lines.SetWordCompleter(liner.WordCompleter(complete))
	p.openHistory(historyFile())
	return p
}

// Close gives the terminal back as it was.
func (p *prompt) Close() error {
	if p.history != nil {
		_ = p.history.Close()
	}
	return p.lines.Close()
}

// read returns the next line, io.EOF at Ctrl-D, or why ctx ended: nothing can
// end a read from a terminal, the goroutine that waits in it ends with the
// process.
func (p *prompt) read(ctx context.Context, text string) (string, error) {
	type result struct {
		line string
		err  error
	}
	typed := make(chan result, 1)
	go func() {
		for {
			line, err := p.lines.Prompt(text)
			if !errors.Is(err, liner.ErrPromptAborted) { // Ctrl-C: a fresh line
				typed <- result{line, err}
				return
			}
		}
	}()
	select {
	case r := <-typed:
		return r.line, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// historyFile is where lines are kept from one shell to the next.
func historyFile() string { return filepath.Join(xdg.StateHome, "dht", "history") }

// A history file is cut to its newest lines when it has grown to twice as many.
const historyLines = liner.HistoryLimit

// openHistory reads what was kept. That there can be no history is no reason to
// refuse a prompt.
func (p *prompt) openHistory(path string) {
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	kept, _ := os.ReadFile(path)
	if lines := bytes.SplitAfter(kept, []byte("\n")); len(lines) > 2*historyLines {
		kept = bytes.Join(lines[len(lines)-historyLines:], nil)
		_ = os.WriteFile(path, kept, 0o600)
	}
	for lines := bufio.NewScanner(bytes.NewReader(kept)); lines.Scan(); {
		p.lines.AppendHistory(lines.Text())
	}
	p.history, _ = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

// remember offers line again in this shell, and kept in later ones; an empty one
// is not kept.
func (p *prompt) remember(line, kept string) {
	if strings.TrimSpace(line) == "" {
		return
	}
	p.lines.AppendHistory(strings.TrimRight(line, " "))
	if p.history != nil && kept != "" {
		fmt.Fprintln(p.history, kept)
	}
}

// keep is what a history file may have of a line that ran cmd: no value that was
// put, and nothing when it begins with a blank.
func keep(line string, cmd *cobra.Command) string {
	args := cmd.Flags().Args()
	switch {
	case strings.HasPrefix(line, " "):
		return ""
	case cmd.Name() == "put" && len(args) > 0:
		return "put " + quoted(args[0])
	}
	return strings.TrimRight(line, " ")
}
