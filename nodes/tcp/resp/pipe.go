package resp

import (
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"time"
)

// Pipe is the asking side of one connection: many requests are written at a
// time, replies come in their order. Requests may be sent before it runs; once
// it has failed it is of no more use. Safe for concurrent use.
type Pipe struct {
	wake chan struct{} // holds a token while there is something to write
	gone chan struct{} // closed when the pipe has failed
	came time.Time     // when bytes came last; the reader's

	mu      sync.Mutex // guards what follows
	conn    net.Conn   // nil until it runs
	out     []byte     // not yet written
	waiting []waiting  // for replies, in order
	sent    int        // of waiting, those that were handed to the connection
	idle    bool       // the reader waits without a deadline
	err     error      // why it failed
}

// waiting is one request without a reply yet.
type waiting struct {
	done  func(Reply, error)
	until time.Time
}

// PipeError is why no reply came. Sent says that the request may have been
// received.
type PipeError struct {
	Sent  bool
	Cause error
}

func (e *PipeError) Error() string { return e.Cause.Error() }
func (e *PipeError) Unwrap() error { return e.Cause }

// ErrOverdue is the cause when a reply did not come in time.
var ErrOverdue = errors.New("no answer in time")

// replyLimits bound what is accepted as a reply.
func replyLimits() Limits { return Limits{Args: 1, Bulk: 128 << 20, Command: 128 << 20} }

// NewPipe returns a pipe that queues until it runs.
func NewPipe() *Pipe {
	return &Pipe{wake: make(chan struct{}, 1), gone: make(chan struct{}), idle: true}
}

// Send queues a command; it reports false when the pipe has failed. done is
// called once, from another goroutine, with the reply or a *[PipeError], and
// must not block; it may keep the reply. When no reply has come by until, the
// pipe fails. The arguments are not used after Send has returned.
func (p *Pipe) Send(until time.Time, done func(Reply, error), args ...[]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return false
	}
	w := Writer{Buf: p.out}
	w.Command(args...)
	p.out = w.Buf
	p.waiting = append(p.waiting, waiting{done, until})
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return true
}

// Run sends and receives over conn, which it closes, until the pipe fails; and
// returns when everybody who waits has been told.
func (p *Pipe) Run(conn net.Conn) {
	p.mu.Lock()
	p.conn = conn
	failed := p.err != nil
	p.mu.Unlock()
	if failed {
		_ = conn.Close()
		return
	}
	var writer sync.WaitGroup
	writer.Go(p.write)
	p.Fail(p.read(NewReader(conn, replyLimits())))
	writer.Wait()
}

// maxSpare is the largest buffer that is kept for the next time.
const maxSpare = 256 << 10

// writeWithin is how long a peer may refuse to take requests.
const writeWithin = 5 * time.Second

// write sends what is queued, all of it at a time.
func (p *Pipe) write() {
	var spare []byte
	for {
		select {
		case <-p.wake:
		case <-p.gone:
			return
		}
		runtime.Gosched() // whoever was just answered gets to ask again first
		out := p.take(spare)
		if len(out) > 0 {
			_ = p.conn.SetWriteDeadline(time.Now().Add(writeWithin))
			if _, err := p.conn.Write(out); err != nil {
				p.Fail(err)
				return
			}
		}
		if spare = out; cap(spare) > maxSpare {
			spare = nil
		}
	}
}

// take returns what is queued, for spare, and lets the reader watch the time.
func (p *Pipe) take(spare []byte) (out []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out, p.out = p.out, spare[:0]
	p.sent = len(p.waiting)
	if p.idle && p.sent > 0 {
		p.idle = false
		_ = p.conn.SetReadDeadline(p.waiting[0].until)
	}
	return out
}

// read hands out replies until the connection fails.
func (p *Pipe) read(in *Reader) error {
	for {
		for {
			reply, ok, err := in.NextReply()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if err := p.hand(reply); err != nil {
				return err
			}
		}
		p.watch()
		if err := in.Fill(); err != nil {
			return err
		}
		p.came = time.Now()
	}
}

const (
	// stalled is how long a peer that is sending may pause: what waits behind
	// large replies, or for the rest of one, is not overdue while bytes come.
	stalled = time.Second
	// mostLate is by how much a reply may be late all the same.
	mostLate = 30 * time.Second
)

// watch lets the next read end when the oldest request is overdue.
func (p *Pipe) watch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = p.sent == 0
	if p.idle {
		_ = p.conn.SetReadDeadline(time.Time{})
		return
	}
	_ = p.conn.SetReadDeadline(overdue(p.waiting[0].until, p.came))
}

// overdue is when a reply that should be here by until is given up, where bytes
// came last at came.
func overdue(until, came time.Time) time.Time {
	switch late := came.Add(stalled); {
	case late.Before(until):
		return until
	case late.Sub(until) > mostLate:
		return until.Add(mostLate)
	default:
		return late
	}
}

// hand gives a reply to who waits for it.
func (p *Pipe) hand(reply Reply) error {
	p.mu.Lock()
	if p.sent == 0 || len(p.waiting) == 0 {
		p.mu.Unlock()
		return errors.New("a reply that nobody asked for")
	}
	first := p.waiting[0]
	p.waiting = p.waiting[1:]
	p.sent--
	p.mu.Unlock()
	reply.Text = append([]byte(nil), reply.Text...)
	first.done(reply, nil)
	return nil
}

// Fail ends the pipe and closes its connection; everybody who waits is told
// err. Only the first call counts.
func (p *Pipe) Fail(err error) {
	p.mu.Lock()
	if p.err != nil {
		p.mu.Unlock()
		return
	}
	var overdue net.Error
	switch {
	case errors.As(err, &overdue) && overdue.Timeout() && p.sent > 0:
		err = ErrOverdue
	case errors.Is(err, io.EOF):
		err = errors.New("the connection was closed")
	}
	p.err = err
	all, sent := p.waiting, p.sent
	p.waiting, p.sent = nil, 0
	if p.conn != nil {
		_ = p.conn.Close()
	}
	p.mu.Unlock()
	close(p.gone)
	for i, w := range all {
		w.done(Reply{}, &PipeError{i < sent, err})
	}
}
