package tcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"time"

	"dht/events"
	"dht/nodes/tcp/resp"
)

// link is one pipelined connection to a peer: requests are written many at a
// time, replies come in their order. It begins by connecting, in the
// background; once it has failed it is of no more use.
type link struct {
	peer *peer
	wake chan struct{} // holds a token while there is something to write
	gone chan struct{} // closed when the link has failed

	mu      sync.Mutex // guards what follows
	conn    net.Conn
	out     []byte    // not yet written
	waiting []waiting // for replies, in order
	sent    int       // of waiting, those that were handed to the connection
	idle    bool      // the reader waits without a deadline
	err     error     // why it failed
}

// waiting is one request without a reply yet.
type waiting struct {
	done  func(reply []byte, err error)
	until time.Time
}

// linkError is why no reply came. sent says that the request may have been
// received.
type linkError struct {
	sent  bool
	cause error
}

func (e *linkError) Error() string { return e.cause.Error() }
func (e *linkError) Unwrap() error { return e.cause }

// replyLimits bound what a peer may answer to one message.
func replyLimits() resp.Limits { return resp.Limits{Args: 1, Bulk: 128 << 20, Command: 128 << 20} }

func newLink(p *peer) *link {
	return &link{peer: p, wake: make(chan struct{}, 1), gone: make(chan struct{}), idle: true}
}

// send queues one DHT command; it reports false when the link has failed. done
// is called once, from another goroutine, and must not block. message is not
// used after send has returned.
func (l *link) send(op events.Op, message []byte, until time.Time, done func(reply []byte, err error)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return false
	}
	w := resp.Writer{Buf: l.out}
	w.Array(3)
	w.Text("DHT")
	w.Text(string(op))
	w.Bulk(message)
	l.out = w.Buf
	l.waiting = append(l.waiting, waiting{done, until})
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return true
}

// run connects, then reads and writes until the link fails or ctx ends.
func (l *link) run(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { l.fail(errors.New("the node is closing")) })()
	in, err := l.connect(ctx)
	if err != nil {
		l.fail(err)
		return
	}
	l.peer.server.wait.Go(l.write)
	l.fail(l.read(in))
}

// connect dials and asks the peer who it is.
func (l *link) connect(ctx context.Context) (*resp.Reader, error) {
	timeout := l.peer.server.Timeout
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(ctx, "tcp", l.peer.addr)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.conn = conn
	failed := l.err
	l.mu.Unlock()
	if failed != nil {
		conn.Close()
		return nil, failed
	}
	_ = conn.SetDeadline(time.Now().Add(timeout))
	in := resp.NewReader(conn, replyLimits())
	if err := l.greet(conn, in); err != nil {
		return nil, fmt.Errorf("greet %s at %s: %w", l.peer.name, l.peer.addr, err)
	}
	return in, conn.SetDeadline(time.Time{})
}

func (l *link) greet(conn net.Conn, in *resp.Reader) error {
	began := l.peer.server.node.Clock.Now()
	if _, err := io.WriteString(conn, "*2\r\n$3\r\nDHT\r\n$4\r\ninfo\r\n"); err != nil {
		return err
	}
	for {
		reply, ok, err := in.NextReply()
		switch {
		case err != nil:
			return err
		case ok:
			return l.peer.met(reply, began)
		}
		if err := in.Fill(); err != nil {
			return err
		}
	}
}

// write sends what is queued, all of it at a time.
func (l *link) write() {
	var spare []byte
	for {
		select {
		case <-l.wake:
		case <-l.gone:
			return
		}
		runtime.Gosched() // whoever was just answered gets to ask again first
		l.mu.Lock()
		out := l.out
		l.out = spare[:0]
		l.sent = len(l.waiting)
		if l.idle && l.sent > 0 {
			l.idle = false
			_ = l.conn.SetReadDeadline(l.waiting[0].until)
		}
		l.mu.Unlock()
		if len(out) == 0 {
			continue
		}
		_ = l.conn.SetWriteDeadline(time.Now().Add(l.peer.server.Timeout))
		if _, err := l.conn.Write(out); err != nil {
			l.fail(err)
			return
		}
		if spare = out; cap(spare) > maxSpare {
			spare = nil
		}
	}
}

// maxSpare is the largest buffer that is kept for the next time.
const maxSpare = 256 << 10

// read hands out replies until the connection fails.
func (l *link) read(in *resp.Reader) error {
	for {
		for {
			reply, ok, err := in.NextReply()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if err := l.hand(reply); err != nil {
				return err
			}
		}
		l.armRead()
		if err := in.Fill(); err != nil {
			return err
		}
	}
}

// armRead lets the next read end when the oldest request is overdue.
func (l *link) armRead() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = l.sent == 0
	if l.idle {
		_ = l.conn.SetReadDeadline(time.Time{})
		return
	}
	_ = l.conn.SetReadDeadline(l.waiting[0].until)
}

// hand gives a reply to who waits for it.
func (l *link) hand(reply resp.Reply) error {
	l.mu.Lock()
	if l.sent == 0 || len(l.waiting) == 0 {
		l.mu.Unlock()
		return errors.New("a reply that nobody asked for")
	}
	first := l.waiting[0]
	l.waiting = l.waiting[1:]
	l.sent--
	l.mu.Unlock()
	if reply.Kind == '-' {
		first.done(nil, &linkError{true, errors.New(string(reply.Text))})
		return nil
	}
	first.done(append([]byte(nil), reply.Text...), nil)
	return nil
}

// fail ends the link; everybody who waits is told. Only the first call counts.
func (l *link) fail(err error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	var overdue net.Error
	if errors.As(err, &overdue) && overdue.Timeout() && l.sent > 0 {
		err = errors.New("no answer in time")
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the connection was closed")
	}
	l.err = err
	all, sent := l.waiting, l.sent
	l.waiting, l.sent = nil, 0
	if l.conn != nil {
		_ = l.conn.Close()
	}
	l.mu.Unlock()
	close(l.gone)
	l.peer.lost(l, err)
	for i, w := range all {
		w.done(nil, &linkError{i < sent, err})
	}
}
