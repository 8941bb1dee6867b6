// Package events is the floor that every other package stands on: the words of
// the project, and what travels between its parts.
//
// # The wire format
//
// A message is one or more entries. An entry is one line of JSON, its head,
// then the value's raw bytes: as many as the head's "size" says, or all that
// remains of the message when there is no "size".
//
//	{"key":"greeting","version":"0198…","size":5}
//	hello{"key":"farewell","version":"0198…"}
//	goodbye
//
// The value may instead stand in the head, as "value" (text) or "value64"
// (standard base64, padded), so that any NATS client can write a request by
// hand. Keys and prefixes that are not UTF-8 travel as "key64", "prefix64",
// "after64". Unknown fields are skipped. A node answers a message of n entries
// with one message of n entries, in the same order; [OpKeys] is the exception:
// one entry a key, then one that says whether there is more.
//
// # What it is not
//
// It opens no socket, starts no goroutine and knows neither NATS nor RESP. It
// imports the standard library and google/uuid only.
package events
