package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
)

// denial is that the NATS server does not let this client subscribe to its inbox.
type denial struct {
	err        error
	reconnects uint64 // that there were then: a later connection may be allowed more
}

// refused says in our words what a NATS server does not permit; nil where err is
// something else.
func refused(err error) (v events.Violation, refusal error) {
	if err == nil || !errors.Is(err, nats.ErrPermissionViolation) {
		return v, nil
	}
	v = events.ReadViolation(err.Error())
	return v, fmt.Errorf("%w: the NATS server does not let you %s", events.ErrRefused, v)
}

// onError ends the calls that a NATS server does not permit: nothing will come of
// them, and nothing else says so.
func (t *busTransport) onError(err error) {
	v, refusal := refused(err)
	if refusal == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	all := v.Subscribe && v.Subject == t.prefix+"*"
	if all {
		t.denied = denial{refusal, t.conn.Stats().Reconnects}
	}
	for _, c := range t.calls {
		if all || !v.Subscribe && v.Subject == c.subject {
			c.refuse(refusal)
		}
	}
}

// patience is what a NATS server has to say that something is not permitted.
const patience = 2 * time.Second

// Subscribed waits until the NATS server has heard of all that was sent on conn,
// and returns [events.ErrRefused] when it does not permit to subscribe or publish
// to one of subjects. Without a connection it cannot say so.
func Subscribed(ctx context.Context, conn *nats.Conn, subjects ...string) error {
	if !conn.IsConnected() {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := conn.FlushWithContext(within); err != nil {
		return err
	}
	if v, refusal := refused(conn.LastError()); slices.Contains(subjects, v.Subject) {
		return refusal
	}
	return nil
}
