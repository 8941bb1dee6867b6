package web

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	acceptAgain = 50 * time.Millisecond
	sayAgain    = time.Minute
)

// listener goes on accepting when the process has no files left: it makes room
// among its own connections, and says so once a minute.
type listener struct {
	net.Listener
	spare func()
	log   *slog.Logger
	done  chan struct{}
	once  sync.Once

	said   time.Time // only Accept uses these
	unsaid int
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
			return conn, err
		}
		l.say(err, time.Now())
		l.spare()
		select {
		case <-time.After(acceptAgain):
		case <-l.done:
		}
	}
}

func (l *listener) say(err error, now time.Time) {
	if l.unsaid++; now.Sub(l.said) < sayAgain {
		return
	}
	l.log.Warn("no HTTP connection can be accepted: out of files; raise ulimit -n", "err", err, "times", l.unsaid)
	l.said, l.unsaid = now, 0
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}
