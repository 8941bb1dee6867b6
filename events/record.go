package events

import (
	"fmt"
	"time"
)

// Record is what a node keeps of one key. The zero Version means that nothing
// is known of the key.
type Record struct {
	Key     []byte
	Value   []byte
	Version Version
	Expires int64 // unix milliseconds; 0 is never
	Deleted bool  // a tombstone: the key was deleted at Version

	// Corrupt says, only ever to [Change.Decide], that damage hides what stands.
	// Version is then one that nothing hidden can be newer than, and Deleted is
	// set: a newer write may replace it, a condition on it must be refused.
	Corrupt bool
}

// Known reports whether anything, a value or a tombstone, is recorded.
func (r *Record) Known() bool { return r.Version != Version{} }

// Live reports whether the record holds a value at time now. An expired record
// counts as a tombstone of the same version.
func (r *Record) Live(now time.Time) bool {
	return r.Known() && !r.Deleted && (r.Expires == 0 || r.Expires > now.UnixMilli())
}

// Change is one conditional step of a store. Decide sees the record that
// stands (the zero Record when nothing is known, possibly an expired one or a
// tombstone) and returns the one to write; write is false to leave things as
// they are. A store calls it once, from its own goroutine, after every change
// queued before it; it must not block nor call the store. The record returned
// must be of the same key, and stays untouched by the caller until the change
// is done. A record without a version is no tombstone: it makes the store
// forget the key, as when its owner has it now.
type Change struct {
	Key    []byte
	Decide func(current Record) (next Record, write bool)

	// Blind says that Decide does not look at the current Value, so that a store
	// need not read it from disk.
	Blind bool
}

// KeyInfo describes one live key without its value.
type KeyInfo struct {
	Key     []byte
	Version Version
	Expires int64 // unix milliseconds; 0 is never
	Bytes   int64 // of the value
}

// StoreStats counts what a store holds.
type StoreStats struct {
	Keys     int   // live keys
	Expiring int   // of them, those whose values expire
	Bytes    int64 // keys and values of live records
}

// CheckKey returns [ErrBadRequest] unless key is 1 to [MaxKey] bytes long.
func CheckKey(key []byte) error {
	if len(key) >= 1 && len(key) <= MaxKey {
		return nil
	}
	return fmt.Errorf("%w: a key is 1 to %d bytes long, this one %d", ErrBadRequest, MaxKey, len(key))
}
