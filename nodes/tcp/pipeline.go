package tcp

import (
	"errors"
	"strings"
	"time"

	"dht/events"
)

// call is one command.
type call struct {
	cmd       *command
	args      [][]byte
	first     int // of its questions
	n         int
	flags     int        // what begin found out for the reply
	err       error      // that clients see instead of a reply
	forwarded *forwarded // what another node is asked as it came
}

const maxCalls = 2048 // begun together

// begin starts one command. What it asks is answered by finish.
func (s *session) begin(args [][]byte) {
	cmd, err := s.admit(args)
	if err != nil && speaksHTTP(args[0]) {
		if times, say := s.server.repeated.browser.say(time.Now()); say {
			s.server.Logger.Warn("cut a client off that speaks HTTP: a web page may try to send commands", "client",
				s.conn.RemoteAddr(), "times", times)
		}
		s.quit = true
		return
	}
	if err == nil && len(args) > maxKeys {
		cmd = cmd.sliced()
	}
	alone := err == nil && cmd.alone
	if s.mute == muteNext {
		alone, s.mute = true, muteThis
	}
	if alone {
		s.finish()
	}
	if s.last = cmd; err != nil {
		cmd = nil // it is not begun
	}
	s.calls = append(s.calls, call{cmd: cmd, args: args, first: s.batch.Len(), err: err})
	c := &s.calls[len(s.calls)-1]
	if err == nil && cmd.begin != nil {
		c.err = cmd.begin(s, c)
	}
	if err == nil {
		s.show(c)
	}
	c.n = s.batch.Len() - c.first
	if alone || len(s.calls) >= maxCalls || s.batch.Full() {
		s.finish()
	}
	if s.mute == muteThis {
		s.unmute()
	}
}

// ask puts r to every owner of its key.
func (s *session) ask(op events.Op, r events.Request) { s.batch.Ask(op, r) }

// finish answers everything that was begun.
func (s *session) finish() {
	if len(s.calls) > 0 {
		begun := s.timed()
		s.batch.Wait()
		s.replyTo(len(s.calls))
		s.count(begun)
	}
	s.batch.Reset()
	clear(s.calls)
	s.calls, s.answered = s.calls[:0], 0
}

// replyTo replies to the first n commands that were begun.
func (s *session) replyTo(n int) {
	for ; s.answered < n; s.answered++ {
		if s.lost { // nobody takes replies
			return
		}
		c := &s.calls[s.answered]
		if c.err == nil {
			c.err = c.cmd.reply(s, c)
		}
		if c.err != nil {
			if c.cmd != nil {
				c.cmd.counts.failed.Add(1)
			}
			s.out.Error(errorText(c.err))
		}
		if len(s.out.Buf) >= flushAt {
			_ = s.flush()
		}
	}
}

// outcome is what the answers to question i amount to. Errors wrap an
// [events.Code]; that a key is absent is none. What is wrong with a number is said in
// Redis's words alone.
func (s *session) outcome(i int) (events.Answer, error) {
	a, err := s.batch.Outcome(i)
	if errors.Is(err, events.ErrNotNumber) {
		err = replyError("ERR " + strings.TrimPrefix(a.Error, a.Code.Error()+": "))
	}
	return a, err
}

// answerEarlier replies to all commands but the one that is being begun, and forgets
// their values.
func (s *session) answerEarlier() {
	last := len(s.calls) - 1
	if last < 0 {
		return
	}
	s.replyTo(last)
	if last == 0 {
		return
	}
	s.batch.Forget(0, s.calls[last].first)
	for i := range s.calls[:last] {
		s.calls[i].forwarded = nil
	}
}

// giveUp leaves a client for whose values there is no room.
func (s *session) giveUp() { s.quit, s.lost = true, true }
