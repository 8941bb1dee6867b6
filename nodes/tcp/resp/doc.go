// Package resp reads and writes the Redis protocol, RESP2 and RESP3, on the
// side of a server, and as much of the other side as peers need.
//
// A [Reader] takes commands, as arrays of bulk strings or inline, or replies
// out of what has arrived. It never allocates because of a length that was only
// declared: its buffer grows with bytes that are there, and every limit is
// checked before anything is buffered for it. A [Writer] appends replies. A
// [Pipe] is the asking side of a connection.
//
// It knows no command and opens no socket; only a running Pipe has a goroutine.
// It imports the standard library only.
package resp
