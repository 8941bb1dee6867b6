package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"dht/events"
	"dht/nodes/tcp/resp"
)

// tcpTransport asks over TCP, all through one node: it answers for itself and
// hands on, one hop, what is for the others. Each node asked has a connection of
// its own to that entry node, so that one that is silent holds up no other.
type tcpTransport struct {
	addr    string
	cluster string // that the entry node must be of; empty: any
	timeout time.Duration
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	wait    sync.WaitGroup // for the pipes

	mu    sync.Mutex // guards what follows
	pipes map[string]*resp.Pipe
	names []string // of the map's nodes, as the entry node said last
}

var _ Transport = (*tcpTransport)(nil)

// entry is the name of the entry node, whatever it is called.
const entry = ""

// grace is how much longer than its requests a connection lives on which no
// reply comes: whoever asked has given up by then, and a reply that was on its way
// does no harm.
const grace = 500 * time.Millisecond

var errClosed = errors.New("the client is closed")

// ConnectTCP reaches the cluster through the one node that listens on addr,
// host:port, or returns [events.ErrUnreachable], or [events.ErrWrongCluster]. Of the
// options, Timeout, Now, Cluster and Met count. As long as that node is up the client gives the same results as one on
// the bus.
func ConnectTCP(ctx context.Context, addr string, o Options) (*Client, error) {
	if err := ended(ctx); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	t := &tcpTransport{addr: addr, cluster: o.Cluster, timeout: o.Timeout, pipes: map[string]*resp.Pipe{}}
	if t.timeout <= 0 {
		t.timeout = DefaultTimeout
	}
	t.ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	if _, err := t.members(ctx); err != nil {
		_ = t.Close()
		return nil, orEnded(caller, err)
	}
	return New(t, o), nil
}

// Ask sends message to one node, or one copy of it to each, through the entry
// node. Nothing that writes is sent twice.
func (t *tcpTransport) Ask(ctx context.Context, to string, op events.Op, message []byte,
	take func([]byte) bool) (sent int, err error) {
	names := []string{to}
	if to == "" {
		if names, err = t.members(ctx); err != nil {
			return 0, err
		}
	}
	if ctx.Err() != nil { // nobody waits for it any more
		return 0, errOver
	}
	results := make(chan result, len(names))
	for _, name := range names {
		t.send(name, op, message, func(r result) { results <- r })
	}
	unsent := 0
	for range names {
		select {
		case r := <-results:
			switch {
			case r.unsent():
				if unsent++; unsent == len(names) {
					return 0, fmt.Errorf("%w from %s: %w", events.ErrUnreachable, t.addr, r.err)
				}
			case r.err == nil && r.reply.Kind == '$' && take(r.reply.Text):
				return 1, nil
			}
		case <-ctx.Done():
			return 1, nil
		}
	}
	return 1, nil
}

// result is a reply, or why there is none.
type result struct {
	reply resp.Reply
	err   error
}

func (r result) unsent() bool {
	var failed *resp.PipeError
	return errors.As(r.err, &failed) && !failed.Sent
}

// cut reports whether the connection ended when the request had been sent.
func (r result) cut() bool {
	var failed *resp.PipeError
	return errors.As(r.err, &failed) && failed.Sent && !errors.Is(r.err, resp.ErrOverdue)
}

// members are the names of the map's nodes. The entry node is asked as long as
// it has not said.
func (t *tcpTransport) members(ctx context.Context) ([]string, error) {
	t.mu.Lock()
	names := t.names
	t.mu.Unlock()
	if names != nil {
		return names, nil
	}
	results := make(chan result, 1)
	t.send(entry, events.OpInfo, nil, func(r result) { results <- r })
	select {
	case r := <-results:
		return t.learn(r)
	case <-ctx.Done():
		return nil, fmt.Errorf("%w from %s: %w", events.ErrUnreachable, t.addr, resp.ErrOverdue)
	}
}

// learn takes the entry node's word for who the nodes are.
func (t *tcpTransport) learn(r result) ([]string, error) {
	if r.err == nil && r.reply.Kind != '$' {
		r.err = fmt.Errorf("it answers %q", r.reply.Text)
	}
	var info events.Info
	if r.err == nil {
		info, r.err = events.DecodeInfo(r.reply.Text)
	}
	if r.err != nil {
		return nil, fmt.Errorf("%w from a node at %s: %w", events.ErrUnreachable, t.addr, r.err)
	}
	if name := info.Cluster.Name; t.cluster != "" && name != t.cluster {
		return nil, fmt.Errorf("%w: the node at %s is of cluster %q, not of %q",
			events.ErrWrongCluster, t.addr, name, t.cluster)
	}
	var names []string
	for _, member := range info.Cluster.Nodes {
		names = append(names, member.Name)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names = names
	return names, nil
}

// send asks one node. done is called once, maybe before send returns, and must
// not block. What only reads is sent once more where the connection ends before the
// reply has come: the entry node was started anew, and that was not seen yet.
func (t *tcpTransport) send(name string, op events.Op, message []byte, done func(result)) {
	args := [][]byte{[]byte("DHT"), []byte("NODE"), []byte(name), []byte(op), message}
	if name == entry {
		args = [][]byte{[]byte("DHT"), []byte(op), message}
	}
	until := time.Now().Add(t.timeout + grace)
	t.ask(name, until, args, func(r result) {
		if r.cut() && !op.Writes() {
			t.ask(name, until, args, done)
			return
		}
		done(r)
	})
}

func (t *tcpTransport) ask(name string, until time.Time, args [][]byte, done func(result)) {
	reply := func(r resp.Reply, err error) { done(result{r, err}) }
	for {
		pipe, err := t.pipe(name)
		if err != nil {
			done(result{err: &resp.PipeError{Cause: err}})
			return
		}
		if pipe.Send(until, reply, args...) {
			return
		}
		t.lost(name, pipe)
	}
}

// pipe returns the connection that leads to a node, beginning one where there
// is none.
func (t *tcpTransport) pipe(name string) (*resp.Pipe, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil {
		return nil, errClosed
	}
	if t.pipes[name] == nil {
		pipe := resp.NewPipe()
		t.pipes[name] = pipe
		t.wait.Go(func() { t.run(name, pipe) })
	}
	return t.pipes[name], nil
}

func (t *tcpTransport) run(name string, pipe *resp.Pipe) {
	defer context.AfterFunc(t.ctx, func() { pipe.Fail(errClosed) })()
	defer t.lost(name, pipe)
	dialer := net.Dialer{Timeout: t.timeout}
	conn, err := dialer.DialContext(t.ctx, "tcp", t.addr)
	if err != nil {
		pipe.Fail(err)
		return
	}
	pipe.Run(conn)
}

// lost forgets a connection that has failed; the entry node may come back with
// another map.
func (t *tcpTransport) lost(name string, pipe *resp.Pipe) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pipes[name] == pipe {
		delete(t.pipes, name)
		t.names = nil
	}
}

// MaxMessage is what the bus carries by default: what one path takes, the other
// takes as well.
func (t *tcpTransport) MaxMessage() int { return 1 << 20 }

// Close ends what is under way. It is idempotent.
func (t *tcpTransport) Close() error {
	t.mu.Lock()
	t.cancel()
	t.mu.Unlock()
	t.wait.Wait()
	return nil
}
