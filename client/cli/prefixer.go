package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"dht/client/cli/term"
)

func widest(list []process) (width int) {
	for _, p := range list {
		width = max(width, len(p.name))
	}
	return width
}

// prefixer merges the output of processes, each line behind its name, and shows
// the control characters in it: a terminal would obey them.
type prefixer struct {
	out   *term.Terminal
	width int
	mu    sync.Mutex // guards out
}

// writer returns where process i writes, to be closed when it has ended.
func (p *prefixer) writer(i int, name string) io.WriteCloser {
	colours := []string{"6", "3", "5", "2", "4", "1"}
	prefix := p.out.Colour(fmt.Sprintf("%-*s │", p.width, name), colours[i%len(colours)])
	in, out := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewReaderSize(in, longestLine)
		for {
			line, err := lines.ReadSlice('\n')
			if text := strings.TrimRight(string(line), "\r\n"); text != "" {
				p.mu.Lock()
				fmt.Fprintf(p.out, "%s %s\n", prefix, term.Escaped(text, "\t"))
				p.mu.Unlock()
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return
			}
		}
	}()
	return &lineWriter{out, done}
}

// longestLine is where a line that has no end is broken.
const longestLine = 64 << 10

type lineWriter struct {
	*io.PipeWriter
	done chan struct{}
}

// Close returns when the last line is out.
func (w *lineWriter) Close() error {
	err := w.PipeWriter.Close()
	<-w.done
	return err
}
