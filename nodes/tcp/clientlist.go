package tcp

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"
)

// client is what a client has told of itself, and what others may see of its
// connection; the session alone changes it.
type client struct {
	name       string
	library    string
	libVersion string
	since      time.Time
	active     time.Time // when it was last written to
	seen       seen
}

// seen is a connection as it was when replies were last sent.
type seen struct {
	command  *command
	protocol int
	monitors bool
	in, room int // bytes that had arrived, and that could
	out, has int // bytes of replies, and of their buffer
}

func replyClientInfo(s *session, _ *call) error {
	s.expose()
	s.out.Verbatim(s.describe())
	return nil
}

// replyList answers CLIENT LIST [TYPE type | ID id …].
func replyList(s *session, c *call) error {
	keep, err := clientFilter(c.args[2:])
	if err != nil {
		return err
	}
	s.expose()
	var text strings.Builder
	for _, session := range s.server.clients() {
		if keep(session.id) {
			text.WriteString(session.describe())
		}
	}
	s.out.Verbatim(text.String())
	return nil
}

// clientFilter says which clients are meant. There are only those of the normal
// type.
func clientFilter(args [][]byte) (keep func(id int64) bool, err error) {
	word := ""
	if len(args) > 0 {
		word = strings.ToUpper(string(args[0]))
	}
	switch {
	case len(args) == 0:
		return func(int64) bool { return true }, nil
	case word == "TYPE" && len(args) == 2:
		switch strings.ToLower(string(args[1])) {
		case "normal":
			return func(int64) bool { return true }, nil
		case "master", "replica", "slave", "pubsub":
			return func(int64) bool { return false }, nil
		}
		return nil, replyError(fmt.Sprintf("ERR Unknown client type '%s'", args[1]))
	case word == "ID" && len(args) > 1:
		wanted := map[int64]bool{}
		for _, arg := range args[1:] {
			id, err := integer(arg)
			if err != nil {
				return nil, replyError("ERR Invalid client ID")
			}
			wanted[id] = true
		}
		return func(id int64) bool { return wanted[id] }, nil
	}
	return nil, errSyntax
}

// clients are all sessions, oldest first.
func (s *Server) clients() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.sessions), func(a, b *session) int { return cmp.Compare(a.id, b.id) })
}

// expose lets others see what this connection does, which it alone changes.
func (s *session) expose() {
	in, room := s.in.Room()
	now := seen{command: s.last, protocol: max(s.out.Proto, 2), monitors: s.monitor != nil,
		in: in, room: room, out: len(s.out.Buf), has: cap(s.out.Buf)}
	if now == s.seen {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = now
}

// describe is the session's line of CLIENT LIST. Arguments of a command lie in
// the buffer of what has arrived, and take no memory of their own.
func (s *session) describe() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, flags, command, is := time.Now(), "N", "NULL", &s.seen
	if is.monitors {
		flags = "O"
	}
	if is.command != nil {
		command = strings.ToLower(is.command.name)
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=0 sub=0 psub=0 ssub=0 multi=-1"+
		" qbuf=%d qbuf-free=%d argv-mem=0 multi-mem=0 rbs=%d rbp=%d obl=%d oll=0 omem=0 tot-mem=%d events=r cmd=%s"+
		" user=default redir=-1 resp=%d lib-name=%s lib-ver=%s\n",
		s.id, s.conn.RemoteAddr(), s.conn.LocalAddr(), descriptor(s.conn), s.name, seconds(now.Sub(s.since)), seconds(now.Sub(s.active)), flags,
		is.in, is.room, is.has, is.has, is.out, is.in+is.room+is.has, command,
		max(is.protocol, 2), s.library, s.libVersion)
}

func seconds(d time.Duration) int { return int(d.Seconds()) }

// descriptor is the number of a connection's socket, -1 when it has none.
func descriptor(conn net.Conn) (number int) {
	number = -1
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { number = int(fd) })
		}
	}
	return number
}
