// Package shell is what a prompt needs that does not depend on its commands: it
// edits lines on a terminal, remembers them, and cuts them into words as a shell
// does.
//
// It knows nothing of keys or nodes, and runs nothing. It imports none of our
// packages.
package shell

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
)

// Prompt edits lines on the process's terminal. It has one user at a time.
type Prompt struct {
	lines   *liner.State
	history *os.File // nil when there can be none
}

// Completer returns line up to the word before the cursor, what that word may
// become, and the rest of line.
type Completer func(line string, cursor int) (head string, words []string, tail string)

// NewPrompt takes the terminal, until Close.
func NewPrompt(complete Completer) *Prompt {
	p := &Prompt{lines: liner.NewLiner()}
	p.lines.SetCtrlCAborts(true)
	p.lines.SetBeep(false)
	p.lines.SetMultiLineMode(true)
	p.lines.SetTabCompletionStyle(liner.TabPrints)
	p.lines.SetWordCompleter(liner.WordCompleter(complete))
	p.openHistory(HistoryFile())
	return p
}

// Close gives the terminal back as it was.
func (p *Prompt) Close() error {
	if p.history != nil {
		_ = p.history.Close()
	}
	return p.lines.Close()
}

// Read returns the next line, io.EOF at Ctrl-D, or why ctx ended: nothing can
// end a read from a terminal, the goroutine that waits in it ends with the
// process.
func (p *Prompt) Read(ctx context.Context, text string) (string, error) {
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

// HistoryFile is where lines are kept from one shell to the next.
func HistoryFile() string { return filepath.Join(xdg.StateHome, "dht", "history") }

// A history file is cut to its newest lines when it has grown to twice as many.
const historyLines = liner.HistoryLimit

// openHistory reads what was kept. That there can be no history is no reason to
// refuse a prompt.
func (p *Prompt) openHistory(path string) {
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

// Remember offers line again in this shell, and kept in later ones; an empty one
// is not kept.
func (p *Prompt) Remember(line, kept string) {
	if strings.TrimSpace(line) == "" {
		return
	}
	p.lines.AppendHistory(strings.TrimRight(line, " "))
	if p.history != nil && kept != "" {
		fmt.Fprintln(p.history, kept)
	}
}
