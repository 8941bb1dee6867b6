package tcp

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	"dht/nodes/coordinator"
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
	outbox outbox
	client
	batch    *coordinator.Batch
	calls    []call   // begun and not yet reset
	answered int      // of calls, those that are replied to
	message  []byte   // room to encode one in
	monitor  *monitor // nil unless the client said MONITOR
	last     *command // that was begun
	batches  int      // answered so far
	quit     bool     // nothing more is served
	lost     bool     // the client takes no replies
	unfit    error    // why this is a connection of another node, but of no peer
	partial  bool     // a command has arrived in part, and has a deadline
	restAt   time.Time
	large    bool // it has room for a command that is not small
	huge     bool // and for a very large one

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
	maxKeepOut = 256 << 10
)

func newSession(s *Server, conn net.Conn, id int64) *session {
	limits := resp.Limits{Args: maxArgs, Bulk: maxBulk, Command: maxCommand, Skip: maxSkip}
	now := time.Now()
	session := &session{server: s, conn: conn, id: id, in: resp.NewReader(conn, limits),
		client: client{since: now, active: now}}
	session.batch = s.coordinator.NewBatch(session.answerEarlier, session.giveUp)
	session.outbox.init(session)
	session.in.Grow = session.grow
	session.in.Rest() // until something comes
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
		s.batch.ForgetSilence()
		// Others that are ready go first: by then the next request may be there,
		// and need not be waited for.
		runtime.Gosched()
		err = s.in.Fill()
		if s.rests(err) {
			err = s.in.Fill()
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.server.Logger.Debug("connection ended", "client", s.conn.RemoteAddr(), "err", err)
			}
			return
		}
	}
}

// end leaves the client.
func (s *session) end() {
	s.outbox.writer.Wait()
	_ = s.conn.Close()
	s.unmonitor()
	s.batch.Reset()
	_ = s.grow(0)
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if partial == s.partial && !(partial && complete) && (partial || s.restAt.Sub(s.active) > restAfter/2) {
		return
	}
	now := time.Now() // it costs more than the lock: active is as good for most batches
	s.partial, s.restAt = partial, time.Time{}
	if s.draining {
		return
	}
	until := now.Add(s.server.Slow)
	if !partial {
		until = now.Add(restAfter)
		s.restAt = until
	}
	_ = s.conn.SetReadDeadline(until)
}

// restAfter is how long a client is idle before its connection gives back what
// memory it can do without.
const restAfter = 10 * time.Second

// rests reports whether nothing came for so long that the connection rests from now
// on, and waits without end.
func (s *session) rests(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) || s.in.Partial() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	_ = s.conn.SetReadDeadline(time.Time{})
	s.restAt = time.Time{}
	s.in.Rest()
	s.out.Buf, s.message = nil, nil
	s.calls = nil
	s.batch.Rest()
	return true
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
	s.expose()
	err := s.write(s.out.Buf)
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
func (s *session) write(b []byte) error { return s.outbox.write(b) }

// allow gives the client so long, or half of it at least, to take what is written
// now, unless the server closes and has set a time.
func (s *session) allow(now time.Time, long time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = now
	if left := s.writeUntil.Sub(now); !s.draining && (left < long/2 || left > long) {
		s.writeUntil = now.Add(long)
		_ = s.conn.SetWriteDeadline(s.writeUntil)
	}
}

// ending reports whether the server closes.
func (s *session) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// bulk replies with a string; a long one is not copied first.
func (s *session) bulk(b []byte) {
	if len(b) < flushAt {
		s.out.Bulk(b)
		return
	}
	s.out.BulkHead(len(b))
	if s.flush() == nil && s.mute == muteNone && s.write(b) != nil {
		s.quit, s.lost = true, true
	}
	s.out.Buf = append(s.out.Buf, '\r', '\n')
}
