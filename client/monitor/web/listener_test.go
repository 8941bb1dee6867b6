package web

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// short has no files for the first few connections.
type short struct {
	net.Listener
	left int
}

var errDone = errors.New("done")

func (s *short) Accept() (net.Conn, error) {
	if s.left--; s.left >= 0 {
		return nil, fmt.Errorf("accept: %w", syscall.EMFILE)
	}
	return nil, errDone
}

// Without files the server makes room and goes on, and says so once.
func TestListener_OutOfFiles(t *testing.T) {
	var log bytes.Buffer
	spared := 0
	l := &listener{Listener: &short{left: 3}, spare: func() { spared++ }, log: slog.New(slog.NewTextHandler(&log, nil)), done: make(chan struct{})}
	if _, err := l.Accept(); !errors.Is(err, errDone) {
		t.Errorf("%v", err)
	}
	if spared != 3 || strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "out of files") {
		t.Errorf("it made room %d times, and says %q", spared, log.String())
	}
	l.said = l.said.Add(-sayAgain)
	l.say(syscall.EMFILE, time.Now())
	if !strings.Contains(log.String(), "times=3") {
		t.Errorf("a minute later it says %q", log.String())
	}
}

// Where there are few files there are few connections, and of them some are for
// health and metrics alone.
func TestConnections_FewFiles(t *testing.T) {
	for files, want := range map[uint64]int{0: 8, 64: 8, 256: 32, 1 << 20: 1024, 1<<64 - 1: 1024} {
		c := newConnections(files)
		if c.most != want {
			t.Errorf("with %d files there may be %d connections, want %d", files, c.most, want)
		}
		admitted := 0
		for range c.most {
			if (&connection{all: c}).work(false) {
				admitted++
			}
		}
		if want := c.most - max(1, c.most/8); admitted != want {
			t.Errorf("of %d connections %d may be at work, want %d", c.most, admitted, want)
		}
		if !(&connection{all: c}).work(true) {
			t.Errorf("of %d connections none is left for health", c.most)
		}
	}
}
