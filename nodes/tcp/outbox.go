package tcp

import (
	"errors"
	"os"
	"sync"
	"time"
)

// outbox is what a client has been answered and does not take. As long as it takes
// replies they are written at once; when it does not they wait here, and commands
// are read on, until there is no more room: a client may send all that it has
// before it reads anything. Safe for concurrent use.
type outbox struct {
	session *session
	turn    sync.Mutex // held by who writes: what it writes stays together

	mu      sync.Mutex // guards what follows
	drained sync.Cond  // some chunk is written, or nothing is any more
	chunks  [][]byte
	shared  int  // of chunks, those whose room is that of all connections
	running bool // there are chunks, and somebody writes them
	err     error
	writer  sync.WaitGroup
}

const (
	chunkSize   = 16 << 10
	mostUnread  = 64 << 20 / chunkSize // chunks that may wait for one client
	firstTry    = time.Second          // at most, that a client may take nothing before replies wait for it here
	leastChunks = 1                    // that need no room of others
)

func (o *outbox) init(s *session) {
	o.session = s
	o.drained.L = &o.mu
}

// write writes b, or keeps it. It waits when there is no room. An error says that
// the client takes nothing any more.
func (o *outbox) write(b []byte) error {
	o.turn.Lock()
	defer o.turn.Unlock()
	o.mu.Lock()
	running, err := o.running, o.err
	o.mu.Unlock()
	if err != nil {
		return err
	}
	if !running {
		o.session.allow(time.Now(), min(firstTry, o.session.server.Slow))
		n, err := o.session.conn.Write(b)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || o.session.ending() {
			return err
		}
		b = b[n:]
	}
	return o.keep(b)
}

// keep adds b to what waits.
func (o *outbox) keep(b []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(b) > 0 && o.err == nil {
		last := len(o.chunks) - 1
		if last < 1 || len(o.chunks[last]) == chunkSize { // the first one is being written
			if !o.room() {
				o.drained.Wait()
				continue
			}
			o.chunks = append(o.chunks, make([]byte, 0, chunkSize))
			last++
		}
		n := min(len(b), chunkSize-len(o.chunks[last]))
		o.chunks[last] = append(o.chunks[last], b[:n]...)
		b = b[n:]
		if !o.running {
			o.running = true
			o.writer.Go(o.run)
		}
	}
	return o.err
}

// room takes room for one more chunk, if there is some. mu must be held.
func (o *outbox) room() bool {
	switch {
	case len(o.chunks)-o.shared < leastChunks:
		return true
	case len(o.chunks) < mostUnread && o.session.server.rooms.unread.TryAcquire(chunkSize):
		o.shared++
		return true
	}
	return false
}

// run writes what waits, until nothing does.
func (o *outbox) run() {
	for {
		o.mu.Lock()
		first := o.chunks[0]
		o.mu.Unlock()
		err := o.session.writeSlowly(first)
		o.mu.Lock()
		if o.err = err; err != nil {
			o.chunks = o.chunks[:1]
		}
		o.chunks[0] = nil
		o.chunks = o.chunks[1:]
		for o.shared > len(o.chunks) {
			o.shared--
			o.session.server.rooms.unread.Release(chunkSize)
		}
		o.running = len(o.chunks) > 0
		o.drained.Broadcast()
		running := o.running
		o.mu.Unlock()
		if !running {
			return
		}
	}
}

// writeSlowly writes b. The client may take its time, as long as it takes some.
func (s *session) writeSlowly(b []byte) error {
	for {
		s.allow(time.Now(), s.server.Slow)
		n, err := s.conn.Write(b)
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) || s.ending() {
			return err
		}
		b = b[n:]
	}
}
