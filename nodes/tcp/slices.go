package tcp

import "dht/events"

// A command with very many keys is done slice by slice, so that it costs little
// more memory than it has bytes, and no node has more of it waiting than others
// have room beside.
const maxKeys = 1024 // arguments of a command that is done at once

// sliced is the command as it is done for very many keys; commands that do not
// take many are left as they are.
func (c *command) sliced() *command {
	switch {
	case c.name == "MGET":
		return &command{name: c.name, alone: true, counts: c.counts, reply: replySlicedValues}
	case c.keys == allKeys, c.keys == pairKeys:
		return &command{name: c.name, alone: true, counts: c.counts,
			reply: func(s *session, whole *call) error { return s.replySliced(c, whole) }}
	}
	return c
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
	counted := int64(0)
	err := s.eachSlice(cmd, whole, func(part *call) error {
		answers, err := s.outcomes(part)
		for _, a := range answers {
			if cmd.write && a.Status == events.StatusDeleted || !cmd.write && a.Status == events.StatusFound {
				counted++
			}
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case cmd.name == "MSET":
		s.out.Simple("OK")
	default:
		s.out.Int(counted)
	}
	return nil
}

// replySlicedValues is MGET of very many keys. Whoever holds them is asked twice:
// once the first value is written no error can stand but in the place of another.
func replySlicedValues(s *session, whole *call) error {
	heads := &command{name: whole.cmd.name, begin: head, keys: allKeys}
	err := s.eachSlice(heads, whole, func(part *call) error {
		_, err := s.outcomes(part)
		return err
	})
	if err != nil {
		return err
	}
	s.out.Array(len(whole.args) - 1)
	values := &command{name: whole.cmd.name, begin: get, keys: allKeys}
	return s.eachSlice(values, whole, func(part *call) error {
		for i := range part.n {
			s.element(part.first + i)
		}
		return nil
	})
}

// element writes the value that question i found, or what went wrong, and forgets
// it.
func (s *session) element(i int) {
	a, err := s.outcome(i)
	if err != nil {
		s.out.Error(errorText(err))
	} else {
		s.value(a)
	}
	s.batch.Forget(i, i+1)
	if len(s.out.Buf) >= flushAt {
		_ = s.flush()
	}
}

// eachSlice does a command for some of its keys at a time, and calls done when
// these are answered.
func (s *session) eachSlice(cmd *command, whole *call, done func(*call) error) error {
	defer s.batch.Reset()
	for from := 1; from < len(whole.args) && !s.lost; from += maxKeys {
		s.batch.Reset()
		part := call{cmd: cmd, args: append([][]byte{whole.args[0]},
			whole.args[from:min(from+maxKeys, len(whole.args))]...)}
		if err := cmd.begin(s, &part); err != nil {
			return err
		}
		part.n = s.batch.Len()
		s.batch.Wait()
		if err := done(&part); err != nil {
			return err
		}
	}
	return nil
}
