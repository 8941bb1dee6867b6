package tcp

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dht/events"
	"dht/nodes/tcp/resp"
)

// monitors are the clients that said MONITOR: they are shown every command that
// this node is sent. Safe for concurrent use.
type monitors struct {
	watching atomic.Pointer[[]*monitor] // nil where nobody does: that is all a command costs then

	mu sync.Mutex // held while watching is replaced
}

const (
	maxMonitors = 16      // at once: each command is written to each
	maxUnread   = 1 << 20 // bytes of lines that wait for one to read
)

func (m *monitors) add(one *monitor) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*monitor
	if old := m.watching.Load(); old != nil {
		all = *old
	}
	if len(all) >= maxMonitors {
		return replyError(fmt.Sprintf("ERR %d clients monitor this node already", maxMonitors))
	}
	all = append(slices.Clone(all), one)
	m.watching.Store(&all)
	return nil
}

func (m *monitors) remove(one *monitor) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(*m.watching.Load()), func(other *monitor) bool { return other == one })
	if len(rest) == 0 {
		m.watching.Store(nil)
		return
	}
	m.watching.Store(&rest)
}

// monitor is one such client. Whoever shows it a line never waits for it: what
// it does not read in time is lost, counted and said.
type monitor struct {
	session *session
	ended   chan struct{} // closed when nothing more is written
	wake    chan struct{} // holds a token while there is something to write

	mu     sync.Mutex // guards what follows
	unread []byte
	lost   int // lines
	closed bool
}

// show queues a line.
func (m *monitor) show(line []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return
	case len(m.unread)+len(line) > maxUnread:
		m.lost++
	default:
		m.unread = append(m.unread, line...)
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run writes lines until close. A client that takes none for long is left.
func (m *monitor) run() {
	defer close(m.ended)
	var spare []byte
	for range m.wake {
		lines := m.take(spare)
		if m.session.write(lines) != nil {
			_ = m.session.conn.Close()
			return
		}
		spare = lines
	}
}

// take returns what is queued, for spare.
func (m *monitor) take(spare []byte) (lines []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines, m.unread = m.unread, spare[:0]
	if m.lost > 0 { // in a form that clients can parse, as if this node had sent it
		text := fmt.Sprintf("%d lines lost: this client reads too slowly", m.lost)
		lines = appendLine(lines, m.session.now(), m.session.conn.LocalAddr().String(), "MONITOR", text)
		m.lost = 0
	}
	return lines
}

// close ends the writing; what is queued is written before.
func (m *monitor) close() {
	m.mu.Lock()
	m.closed = true
	close(m.wake)
	m.mu.Unlock()
	<-m.ended
}

// replyMonitor begins to show this client what others send. Once more is not
// answered, as Redis has it.
func replyMonitor(s *session, _ *call) error {
	if s.monitor != nil {
		return nil
	}
	m := &monitor{session: s, ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	if err := s.server.monitors.add(m); err != nil {
		return err
	}
	s.monitor = m
	s.out.Simple("OK")
	_ = s.flush() // in front of the first line
	s.server.wait.Go(m.run)
	return nil
}

// errMonitors is what Redis says, which takes a client that monitors for a
// replica.
const errMonitors replyError = "ERR Replica can't interact with the keyspace"

// unmonitor shows this client no more.
func (s *session) unmonitor() {
	if s.monitor == nil {
		return
	}
	s.server.monitors.remove(s.monitor)
	s.monitor.close()
	s.monitor = nil
}

func (s *session) now() time.Time { return s.server.node.Clock.Now() }

// show gives the monitors a command that was begun.
func (s *session) show(c *call) {
	watching := s.server.monitors.watching.Load()
	if watching == nil || c.cmd.quiet {
		return
	}
	s.showLine(*watching, redacted(c.cmd.name, c.args)...)
}

// showMessage gives the monitors what a peer's message asks, a line for each
// entry: the key, and what is to become of it.
func (s *session) showMessage(c *call, op events.Op, message []byte) {
	watching := s.server.monitors.watching.Load()
	if watching == nil {
		return
	}
	front := c.args
	if last := len(front) - 1; len(message) == len(front[last]) { // info may do without
		front = front[:last]
	}
	front = slices.Clip(front)
	if op == events.OpInfo {
		s.showLine(*watching, front...)
		return
	}
	reqs, err := events.DecodeRequests(message)
	if err != nil {
		s.showLine(*watching, append(front, []byte("(unreadable)"))...)
	}
	for i := range reqs {
		s.showLine(*watching, appendEntry(front, op, &reqs[i])...)
	}
}

// Heard gives the monitors a request that came to this node on another way
// than TCP; way stands where a client's address would. It costs next to nothing
// while nobody monitors.
func (s *Server) Heard(way string, op events.Op, reqs []events.Request) {
	watching := s.monitors.watching.Load()
	if watching == nil {
		return
	}
	front := slices.Clip([][]byte{[]byte("DHT"), []byte(op)})
	for i := range reqs {
		line := appendLine(nil, s.node.Clock.Now(), way, appendEntry(front, op, &reqs[i])...)
		for _, m := range *watching {
			m.show(line)
		}
	}
}

// appendEntry appends to words what one entry of a message asks.
func appendEntry(words [][]byte, op events.Op, r *events.Request) [][]byte {
	switch op {
	case events.OpKeys:
		return append(words, r.Prefix)
	case events.OpPut, events.OpDelete:
		if r.Update == events.UpdateRead {
			return append(words, []byte(r.Update), r.Key)
		}
	}
	switch op {
	case events.OpPut:
		return append(words, r.Key, r.Value)
	case events.OpUpdate:
		words = append(words, []byte(r.Update), r.Key)
		if r.Update == events.UpdateRename {
			words = append(words, r.To)
		}
		if len(r.Value) > 0 {
			words = append(words, r.Value)
		}
		return words
	}
	return append(words, r.Key)
}

func (s *session) showLine(watching []*monitor, words ...[]byte) {
	line := appendLine(nil, s.now(), s.conn.RemoteAddr().String(), words...)
	for _, m := range watching {
		m.show(line)
	}
}

// redacted is a command without its passwords.
func redacted(name string, args [][]byte) [][]byte {
	secrets := 0
	switch name {
	case "AUTH":
		secrets = len(args)
	case "HELLO":
	default:
		return args
	}
	args = slices.Clone(args)
	for i := 1; i < len(args); i++ {
		switch {
		case secrets > 0:
			args[i] = []byte("(redacted)")
			secrets--
		case resp.Is(args[i], "AUTH"):
			secrets = 2
		}
	}
	return args
}

// What is cut of a line is said in the words of Redis's SLOWLOG. A key is never
// cut.
const (
	maxShown = events.MaxKey // bytes of one argument
	maxLine  = 64 << 10      // bytes of a line after which no further argument is begun
)

// appendLine appends one line as MONITOR shows it.
func appendLine[T ~string | ~[]byte](dst []byte, at time.Time, client string, words ...T) []byte {
	dst = fmt.Appendf(dst, "+%d.%06d [0 %s]", at.Unix(), at.Nanosecond()/1000, client)
	begun := len(dst)
	for i, word := range words {
		dst = append(dst, ' ')
		if len(dst)-begun > maxLine {
			dst = appendQuoted(dst, fmt.Sprintf("... (%d more arguments)", len(words)-i), "")
			break
		}
		cut := ""
		if more := len(word) - maxShown; more > 0 {
			word, cut = word[:maxShown], fmt.Sprintf("... (%d more bytes)", more)
		}
		dst = appendQuoted(dst, word, cut)
	}
	return append(dst, '\r', '\n')
}

// appendQuoted appends word between quotes, escaped as Redis does.
func appendQuoted[T ~string | ~[]byte](dst []byte, word T, cut string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(word) {
		c := word[i]
		switch at := strings.IndexByte("\\\"\n\r\t\a\b", c); {
		case at >= 0:
			dst = append(dst, '\\', `\"nrtab`[at])
		case c < ' ' || c > '~':
			dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(append(dst, cut...), '"')
}
