package bus

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
)

// respond sends answers, if anybody asked for them. What does not fit the bus is
// refused entry by entry: the client asks for those one at a time.
func (s *Server) respond(m *nats.Msg, answers []events.Answer) {
	if m.Reply == "" {
		return
	}
	message := events.AppendAnswers(nil, answers...)
	if limit := int(s.conn.MaxPayload()); len(message) > limit || slices.ContainsFunc(answers, leftOut) {
		message = s.fit(message[:0], answers, limit)
	}
	s.logError("answer", m.Respond(message))
}

// leftOut reports whether there was no room for a value. Then the others are left
// out, too: which of them would fit is nobody's business but the bus's.
func leftOut(a events.Answer) bool { return a.Code == events.ErrTooLarge && a.Bytes > 0 }

// fit encodes answers in no more than limit bytes: without values first, then
// without what only explains them. What was done is said as long as it fits.
func (s *Server) fit(message []byte, answers []events.Answer, limit int) []byte {
	for i := range answers {
		a, size := &answers[i], int64(len(answers[i].Value))
		if leftOut(*a) {
			size = a.Bytes
		}
		if size > 0 {
			owner := a.Owner
			*a = s.node.Refuse(tooLarge(size, len(answers), limit))
			a.Owner, a.Bytes = owner, size
		}
	}
	if message = events.AppendAnswers(message[:0], answers...); len(message) <= limit {
		return message
	}
	for i := range answers {
		answers[i].Reason, answers[i].Owners, answers[i].Error = "", nil, ""
	}
	if message = events.AppendAnswers(message[:0], answers...); len(message) <= limit {
		return message
	}
	err := fmt.Errorf("%w: %d answers exceed the bus's %d bytes, what became of each is not known: send fewer at a time",
		events.ErrTooLarge, len(answers), limit)
	return events.AppendAnswers(message[:0], s.node.Refuse(err))
}

func tooLarge(size int64, entries, limit int) error {
	if entries == 1 {
		return fmt.Errorf("%w: the value has %d bytes, the bus carries messages of %d: ask over TCP",
			events.ErrTooLarge, size, limit)
	}
	return fmt.Errorf("%w: the answers to this message exceed the bus's %d bytes: ask for fewer keys at a time",
		events.ErrTooLarge, limit)
}

func (s *Server) respondInfo(m *nats.Msg) {
	message, err := events.EncodeInfo(s.node.Info())
	if err == nil {
		err = m.Respond(message)
	}
	if errors.Is(err, nats.ErrMaxPayload) {
		err = fmt.Errorf("%w: what this node says of itself has %d bytes, the bus carries %d",
			events.ErrTooLarge, len(message), s.conn.MaxPayload())
		s.respond(m, []events.Answer{s.node.Refuse(err)})
	}
	s.logError("answer info", err)
}

// alienReplies counts requests whose answer would be somebody's request.
type alienReplies struct {
	mu    sync.Mutex // guards what follows
	count int
	said  time.Time
}

// sayAgain is how often such requests are logged.
const sayAgain = time.Minute

// mayAnswer reports whether an answer may go to a subject. Below the cluster's own
// prefix every node would take it for a request, and below a $ the NATS server
// might: whoever may not ask them himself must not let a node do it.
func (s *Server) mayAnswer(subject string) bool {
	if !s.Subjects.Own(subject) && !strings.HasPrefix(subject, "$") {
		return true
	}
	if n := s.alien.add(s.node.Clock.Now()); n > 0 {
		s.Logger.Warn("refused a request whose reply would be a request itself",
			"reply", subject, "since the last such line", n)
	}
	return false
}

// add counts one more, and returns how many to log: 0 as long as the last line is
// not old enough.
func (a *alienReplies) add(now time.Time) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count++
	if now.Sub(a.said) < sayAgain {
		return 0
	}
	n, a.count, a.said = a.count, 0, now
	return n
}
