package events

import "time"

// Op names an operation that nodes answer.
type Op string

const (
	OpPut    Op = "put"
	OpGet    Op = "get"
	OpDelete Op = "delete"
	OpKeys   Op = "keys"
	OpInfo   Op = "info"
	OpUpdate Op = "update" // a write that depends on what stands, see [Update]
	OpWatch  Op = "watch"  // like info; and for the next [WatchFor] the node publishes each answer that it gives
)

// Ops returns every operation a node listens for.
func Ops() []Op { return []Op{OpPut, OpGet, OpDelete, OpUpdate, OpKeys, OpInfo, OpWatch} }

// Writes reports whether op changes what is stored.
func (op Op) Writes() bool { return op == OpPut || op == OpDelete || op == OpUpdate }

func (op Op) valid() bool {
	switch op {
	case OpPut, OpGet, OpDelete, OpUpdate, OpKeys, OpInfo, OpWatch:
		return true
	}
	return false
}

// Status is what one node answers to one entry.
type Status string

const (
	StatusStored     Status = "stored"     // put: durable on this owner
	StatusSuperseded Status = "superseded" // put, delete: a newer version stands; it is given
	StatusNotStored  Status = "not-stored" // this node is no owner; the reason is given
	StatusFound      Status = "found"      // get: here is the value
	StatusAbsent     Status = "absent"     // get, delete: nothing was here
	StatusDeleted    Status = "deleted"    // get: a tombstone stands; delete: done
	StatusUnchanged  Status = "unchanged"  // update: its condition did not hold; nothing was done
	StatusCorrupt    Status = "corrupt"    // get: damage on disk hides the value
	StatusStaleMap   Status = "stale-map"  // the sender believes in another cluster map
	StatusBusy       Status = "busy"       // too much in flight; nothing was done
	StatusReadOnly   Status = "readonly"   // the disk is full; nothing was done
	StatusError      Status = "error"      // see the answer's code and error text
	StatusListed     Status = "listed"     // never on the wire: the word under which listings are counted
	StatusSilent     Status = "silent"     // never on the wire: a client's word for no answer
)

// known lets the decoder return statuses without allocating.
func knownStatus(b []byte) Status {
	switch string(b) {
	case "stored":
		return StatusStored
	case "superseded":
		return StatusSuperseded
	case "not-stored":
		return StatusNotStored
	case "found":
		return StatusFound
	case "absent":
		return StatusAbsent
	case "deleted":
		return StatusDeleted
	}
	return Status(b)
}

// Level says how many owners must agree before a request counts, at copies > 1.
type Level string

const (
	LevelOne    Level = "one"
	LevelQuorum Level = "quorum"
	LevelAll    Level = "all"
)

const (
	// WatchFor is how long a node goes on publishing its answers after an
	// [OpWatch]: whoever watches asks again in time, and nobody need take it back.
	WatchFor = 5 * time.Second
	// WatchRate is how many answers a second a node publishes, unless the request's
	// Limit says how many. The others are counted, and published as lost: watching
	// must not cost a busy node its throughput.
	WatchRate = 1000
)

// MaxKey is the longest key, in bytes. The shortest is one byte.
const MaxKey = 1024

// MaxValue is the longest value, in bytes: with the longest head it still fits a
// NATS message of 1 MiB.
const MaxValue = 1<<20 - 8<<10
