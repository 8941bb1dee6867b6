// Package coordinator asks several nodes and decides what their answers amount to.
//
// A [Batch] takes the requests of one caller, in the caller's order, makes one
// message of them for each node concerned, and brings each to its outcome: package
// quorum decides purely, here it is driven. Nodes are known by the small interface
// [Peer], so that it is all one whether a peer is reached over RESP or over NATS; the
// node itself is asked directly.
//
// It knows no encoding, no socket and no command: whoever listens to clients parses,
// asks by way of a batch, and replies. It imports events, quorum and nodes.
package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dht/events"
	"dht/nodes"
)

// Peer is another node, as it is asked. Safe for concurrent use.
type Peer interface {
	// Send asks it. done is called once, maybe before Send returns, with an answer to
	// each request or a *[NoAnswer]; it must not block. reqs are not used after Send
	// has returned, and their deadlines are set by it.
	Send(op events.Op, reqs []events.Request, done func([]events.Answer, error))
}

// NoAnswer is why a node gave none.
type NoAnswer struct {
	Sent    bool // it may have received the request
	Overdue bool // it had its time
	Cause   error
}

func (e *NoAnswer) Error() string { return e.Cause.Error() }
func (e *NoAnswer) Unwrap() error { return e.Cause }

// Options make a coordinator. All are needed.
type Options struct {
	Context  context.Context // ends when nothing is waited for any more
	Node     *nodes.Node
	Peers    []Peer        // by their index in the map; that of the node itself is not looked at
	Patience time.Duration // what a caller waits for room that others must give back
}

// Coordinator is what all batches of a node share. Safe for concurrent use.
type Coordinator struct {
	Options
	names  []string // of the map's nodes
	self   int      // index of the node itself
	budget *budget
}

// New returns a coordinator.
func New(o Options) *Coordinator {
	names := o.Node.Map().Names(nil)
	return &Coordinator{Options: o, names: names, self: o.Node.Map().Index(o.Node.Name), budget: newBudget(len(names))}
}

var (
	errClosing = errors.New("this node is closing")
	errSilent  = errors.New("it has just not answered in time") // why a node is not asked
)

// Silence says what it means that a node did not answer a request for op.
func Silence(name string, op events.Op, err error) error {
	var none *NoAnswer
	switch {
	case !errors.As(err, &none):
		return fmt.Errorf("%w: from %s: %w", events.ErrInternal, name, err)
	case !none.Sent && errors.Is(err, events.ErrStaleMap):
		return fmt.Errorf("%w: %s cannot be asked, nothing was done: %w", events.ErrStaleMap, name, err)
	case !none.Sent:
		return fmt.Errorf("%w: %s cannot be reached, nothing was done: %w", events.ErrOwnerOffline, name, err)
	case !op.Writes():
		return fmt.Errorf("%w: %s does not answer: %w", events.ErrOwnerOffline, name, err)
	}
	return fmt.Errorf("%w: %s does not answer, the %s may have been applied: %w", events.ErrUnknown, name, op, err)
}

// Admissible says why no node would take a request: then it need not be sent to one.
func Admissible(r *events.Request) error {
	if r.Update == events.UpdateRename {
		if err := events.CheckKey(r.To); err != nil {
			return err
		}
	}
	if len(r.Value) > events.MaxValue {
		return fmt.Errorf("%w: a value is at most %d bytes long, this one %d",
			events.ErrTooLarge, events.MaxValue, len(r.Value))
	}
	return events.CheckKey(r.Key)
}
