package tcp

import (
	"fmt"

	"dht/events"
)

// A command with very many keys is done slice by slice, so that it costs little
// more memory than it has bytes, and no node has more of it waiting than others
// have room beside.
const (
	maxKeys   = 1024     // arguments of a command that is done at once
	maxSliced = 64 << 20 // bytes of its reply
)

// sliced is the command as it is done for very many keys; commands that do not
// take many are left as they are.
func (c *command) sliced() *command {
	if c.keys != allKeys && c.keys != pairKeys {
		return c
	}
	return &command{name: c.name, alone: true, counts: c.counts, reply: func(s *session, whole *call) error { return s.replySliced(c, whole) }}
}

func (s *session) replySliced(cmd *command, whole *call) error {
	if cmd.keys == pairKeys && len(whole.args)%2 == 0 {
		return wrongNumber(cmd.name)
	}
	if cmd.write {
		step := map[int]int{allKeys: 1, pairKeys: 2}[cmd.keys]
		if err := checkEntries(whole.args[1:], step); err != nil {
			return err
		}
	}
	begun := len(s.out.Buf)
	if cmd.name == "MGET" {
		s.out.Array(len(whole.args) - 1)
	}
	counted := int64(0)
	for from := 1; from < len(whole.args); from += maxKeys {
		keys := whole.args[from:min(from+maxKeys, len(whole.args))]
		n, err := s.slice(cmd, append([][]byte{whole.args[0]}, keys...))
		if size := len(s.out.Buf) - begun; err == nil && size > maxSliced {
			err = fmt.Errorf("%w: the reply would have more than %d bytes: ask for fewer keys at a time", events.ErrTooLarge, maxSliced)
		}
		if err != nil {
			s.out.Buf = s.out.Buf[:begun]
			return err
		}
		counted += n
	}
	switch cmd.name {
	case "MGET":
	case "MSET":
		s.out.Simple("OK")
	default:
		s.out.Int(counted)
	}
	return nil
}

// slice does a command for some of its keys: values it writes, what is to be
// counted it returns.
func (s *session) slice(cmd *command, args [][]byte) (counted int64, err error) {
	defer s.recycle()
	part := call{cmd: cmd, args: args}
	if err := cmd.begin(s, &part); err != nil {
		return 0, err
	}
	part.n = len(s.questions)
	s.settle()
	answers, err := s.outcomes(&part)
	if err != nil {
		return 0, err
	}
	for _, a := range answers {
		switch {
		case cmd.name == "MGET":
			s.value(a)
		case cmd.write && a.Status == events.StatusDeleted, !cmd.write && a.Status == events.StatusFound:
			counted++
		}
	}
	return counted, nil
}
