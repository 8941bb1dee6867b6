package events

import "strings"

// condition is what one code is called wherever it is shown. This table is the
// only place that says so.
type condition struct {
	code   Code
	words  string // in plain words
	status Status // of a node's answer; [StatusError] where the condition has no status of its own
	exit   int    // of the command line
	http   int    // of the page and its API
	resp   string // with which an error begins in the Redis protocol
}

// Exit statuses of the command line: 0 is done.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitRefused     = 4
	exitUnreachable = 5
	exitInterrupted = 130
)

// HTTP statuses, which package net/http would name.
const (
	httpBadRequest     = 400
	httpNotFound       = 404
	httpConflict       = 409
	httpTooLarge       = 413
	httpInternal       = 500
	httpUnavailable    = 503
	httpGatewayTimeout = 504
)

// In the Redis protocol ERR says nothing more than that it failed; at TRYAGAIN
// clients wait and try again.
var conditions = [...]condition{
	{ErrNotFound, "key not found", StatusError, exitNotFound, httpNotFound, "NOTFOUND"},
	{ErrRefused, "refused", StatusError, exitRefused, httpConflict, "REFUSED"},
	{ErrSuperseded, "a newer version stands", StatusSuperseded, exitRefused, httpConflict, "SUPERSEDED"},
	{ErrOwnerOffline, "owner offline", StatusError, exitUnreachable, httpUnavailable, "OWNEROFFLINE"},
	{ErrUnknown, "outcome unknown", StatusError, exitUnreachable, httpGatewayTimeout, "UNKNOWN"},
	{ErrUnreachable, "no answer", StatusError, exitUnreachable, httpUnavailable, "UNREACHABLE"},
	{ErrCorrupt, "corrupt", StatusCorrupt, exitFailure, httpInternal, "CORRUPT"},
	{ErrBadRequest, "bad request", StatusError, exitUsage, httpBadRequest, "ERR"},
	{ErrTooLarge, "too large", StatusError, exitFailure, httpTooLarge, "TOOLARGE"},
	{ErrClockAhead, "clock ahead of the node's", StatusError, exitRefused, httpConflict, "CLOCKAHEAD"},
	{ErrLate, "too late", StatusError, exitRefused, httpConflict, "LATE"},
	{ErrStaleMap, "another cluster map is in force", StatusStaleMap, exitRefused, httpConflict, "STALEMAP"},
	{ErrBusy, "busy", StatusBusy, exitRefused, httpUnavailable, "TRYAGAIN"},
	{ErrReadOnly, "node is read-only: its disk is full", StatusReadOnly, exitRefused, httpUnavailable, "READONLY"},
	{ErrStopped, "node has stopped writing", StatusError, exitFailure, httpUnavailable, "STOPPED"},
	{ErrNameTaken, "name already taken", StatusError, exitFailure, httpInternal, "NAMETAKEN"},
	{ErrWrongFolder, "wrong data folder", StatusError, exitFailure, httpInternal, "WRONGFOLDER"},
	{ErrWrongCluster, "wrong cluster", StatusError, exitRefused, httpInternal, "WRONGCLUSTER"},
	{ErrLocked, "data folder is in use", StatusError, exitFailure, httpInternal, "LOCKED"},
	{ErrNotNumber, "not a number", StatusError, exitFailure, httpConflict, "ERR"},
	{ErrConfig, "config", StatusError, exitFailure, httpInternal, "CONFIG"},
	{ErrUsage, "usage", StatusError, exitUsage, httpBadRequest, "USAGE"},
	{ErrInterrupted, "interrupted", StatusError, exitInterrupted, httpInternal, "INTERRUPTED"},
	{ErrInternal, "internal", StatusError, exitFailure, httpInternal, "ERR"},
}

// condition is c's line of the table. A code that is not in it comes from a newer
// version of this program.
func (c Code) condition() condition {
	for i := range conditions {
		if conditions[i].code == c {
			return conditions[i]
		}
	}
	return condition{c, string(c), StatusError, exitFailure, httpInternal,
		strings.ToUpper(strings.ReplaceAll(string(c), "-", ""))}
}

// Error is the condition in plain words.
func (c Code) Error() string { return c.condition().words }

// Status is that of a node's answer of this condition.
func (c Code) Status() Status { return c.condition().status }

// ExitStatus is that of a command which ends with this condition.
func (c Code) ExitStatus() int { return c.condition().exit }

// HTTPStatus is that of a response that reports this condition.
func (c Code) HTTPStatus() int { return c.condition().http }

// RESPWord is the word with which an error of this condition begins in the Redis
// protocol.
func (c Code) RESPWord() string { return c.condition().resp }

// Code is the condition that a status alone says: empty where an answer's own code
// says it, or where nothing is wrong.
func (s Status) Code() Code {
	for i := range conditions {
		if c := &conditions[i]; c.status == s && s != StatusError {
			return c.code
		}
	}
	return ""
}
