package tcp

import (
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"time"

	"dht/nodes/tcp/resp"
)

// session is one connection of a client or a peer. Everything but drain and
// write runs on its own goroutine.
type session struct {
	server *Server
	conn   net.Conn
	id     int64
	in     *resp.Reader
	out    resp.Writer
	batch
	client
	monitor *monitor // nil unless the client said MONITOR
	last    *command // that was begun
	batches int      // answered so far
	quit    bool     // nothing more is served
	lost    bool     // the client takes no replies
	partial bool     // a command has arrived in part, and has a deadline

	refusing bool  // MULTI was refused, and so is what follows
	database int64 // that the client selected; only 0 is here
	mute     mute  // the replies that the client does not want

	mu         sync.Mutex // guards the deadlines, and client
	draining   bool
	writeUntil time.Time // the deadline that the connection has for writes
}

const (
	maxArgs    = 1 << 20
	maxCommand = 64 << 20
	maxBulk    = 16 << 20  // the messages of peers; a value is at most events.MaxValue
	maxSkip    = 512 << 20 // of an argument that is refused, and the connection kept; as Redis has it
	flushAt    = 64 << 10  // bytes of replies that are not kept back
	maxKeepOut = 1 << 20
)

func newSession(s *Server, conn net.Conn, id int64) *session {
	limits := resp.Limits{Args: maxArgs, Bulk: maxBulk, Command: maxCommand, Skip: maxSkip}
	now := time.Now()
	session := &session{server: s, conn: conn, id: id, in: resp.NewReader(conn, limits), client: client{since: now, active: now}}
	session.batch.init(len(s.names))
	return session
}

// serve answers until the client leaves, breaks the protocol or is too slow, or
// the server closes.
func (s *session) serve() {
	defer s.end()
	for !s.quit {
		begun, err := s.take()
		if err != nil {
			s.finish()
			s.out.Error("ERR " + err.Error())
			_ = s.flush()
			return
		}
		s.finish()
		if s.flush() != nil || s.quit {
			return
		}
		s.in.Release()
		s.watch(begun > 0)
		s.silent = s.silent[:0]
		// Others that are ready go first: by then the next request may be there,
		// and need not be waited for.
		runtime.Gosched()
		if err := s.in.Fill(); err != nil {
			if !errors.Is(err, io.EOF) {
				s.server.Logger.Debug("connection ended", "client", s.conn.RemoteAddr(), "err", err)
			}
			return
		}
	}
}

// end leaves the client.
func (s *session) end() {
	_ = s.conn.Close()
	s.unmonitor()
}

// take begins every command that has arrived, and counts them. Errors are
// violations of the protocol.
func (s *session) take() (begun int, err error) {
	for ; !s.quit; begun++ {
		args, ok, err := s.in.Next()
		if !ok || err != nil {
			return begun, err
		}
		s.begin(args)
	}
	return begun, nil
}

// watch gives a command that has begun to arrive a deadline, so that a client
// that sends a byte now and then holds nothing for long. It is another command
// when some were complete since the last time.
func (s *session) watch(complete bool) {
	partial := s.in.Partial()
	if partial == s.partial && !(partial && complete) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partial = partial
	if s.draining {
		return
	}
	until := time.Time{}
	if s.partial {
		until = time.Now().Add(s.server.Slow)
	}
	_ = s.conn.SetReadDeadline(until)
}

// drain lets the session end when nothing more has arrived by then.
func (s *session) drain(by time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	_ = s.conn.SetReadDeadline(by)
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.server.Timeout))
}

// flush writes the replies so far. A client that does not take them in time is
// left.
func (s *session) flush() error {
	if s.lost {
		return errLost
	}
	if s.mute != muteNone {
		s.out.Buf = s.out.Buf[:0]
	}
	if len(s.out.Buf) == 0 {
		return nil
	}
	s.allow(time.Now(), true)
	_, err := s.conn.Write(s.out.Buf)
	if s.out.Buf = s.out.Buf[:0]; cap(s.out.Buf) > maxKeepOut {
		s.out.Buf = nil
	}
	if err != nil {
		s.quit, s.lost = true, true
	}
	return err
}

// errLost is why nothing is written any more.
var errLost = errors.New("the client takes no replies")

// write writes b, which the client must take in time. Safe for concurrent use.
func (s *session) write(b []byte) error {
	s.allow(time.Now(), false)
	_, err := s.conn.Write(b)
	return err
}

// allow sets the time by which the client must have taken what is written now,
// unless the server closes and has set one. The session alone may note what it
// does.
func (s *session) allow(now time.Time, note bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active = now; note {
		s.noteLocked()
	}
	if !s.draining && s.writeUntil.Sub(now) < s.server.Slow/2 {
		s.writeUntil = now.Add(s.server.Slow)
		_ = s.conn.SetWriteDeadline(s.writeUntil)
	}
}
