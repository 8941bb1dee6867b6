package events

import "errors"

// Code is an error condition with a stable word: the word crosses the wire in
// an answer's "code" and in `--json` errors, and comes back as the same
// sentinel, so that errors.Is works on both sides. Codes are only ever added. What
// each is called elsewhere says the table in codes.go.
type Code string

const (
	ErrNotFound     Code = "not-found"     // the owners said that nothing is there
	ErrRefused      Code = "refused"       // no owner, or a condition did not hold
	ErrSuperseded   Code = "superseded"    // a newer version stands
	ErrOwnerOffline Code = "owner-offline" // a read whose owner is silent
	ErrUnknown      Code = "unknown"       // a write whose owner is silent: it may have been applied
	ErrUnreachable  Code = "unreachable"   // no node, or no server, answers at all
	ErrCorrupt      Code = "corrupt"       // damage on disk hides the value
	ErrBadRequest   Code = "bad-request"   // the request is malformed
	ErrTooLarge     Code = "too-large"     // the message does not fit the bus
	ErrClockAhead   Code = "clock-ahead"   // stamped too far ahead of the node's clock
	ErrLate         Code = "late"          // the deadline has passed, or the stamp is too old
	ErrStaleMap     Code = "stale-map"     // another cluster map is in force
	ErrBusy         Code = "busy"          // too much in flight
	ErrReadOnly     Code = "readonly"      // the disk is full
	ErrStopped      Code = "stopped"       // the node writes no more: its disk failed, its folder was moved, or it is closing
	ErrNameTaken    Code = "name-taken"    // another process has this node's name
	ErrWrongFolder  Code = "wrong-folder"  // the data folder belongs to something else
	ErrWrongCluster Code = "wrong-cluster" // the nodes belong to another cluster than the client's
	ErrLocked       Code = "locked"        // another process uses the data folder
	ErrNotNumber    Code = "not-number"    // the value that stands is no number, or the sum would be none
	ErrConfig       Code = "config"        // a cluster file or a rule is wrong
	ErrUsage        Code = "usage"         // a command line that cannot be understood
	ErrInterrupted  Code = "interrupted"   // the person at the terminal said so
	ErrInternal     Code = "internal"      // a bug, or a condition without a word of its own
)

// CodeOf is the condition behind err, [ErrInternal] when it has no word.
func CodeOf(err error) Code {
	var code Code
	if errors.As(err, &code) {
		return code
	}
	return ErrInternal
}
