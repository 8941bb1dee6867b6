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
// "after64". In a request a field that nobody knows, or that the operation does not
// take, is refused by name unless its name begins with "x-"; in an answer unknown
// fields are skipped, so that versions mix. A null is no field. A node answers a message of n entries
// with one message of n entries, in the same order; [OpKeys] is the exception:
// one entry a key, then one that says whether there is more.
//
// # Events
//
// A node publishes what happens to it as a CloudEvent 1.0 on "dht.event.NAME.TYPE",
// structured JSON, for whoever subscribes:
//
//	{"specversion":"1.0","id":"0198…","time":"2026-11-22T10:03:48.123Z","type":"put","source":"/three/linux",
//	 "datacontenttype":"application/json","data":{"node":"linux","key":"greeting","version":"0198…","bytes":5}}
//
// The types are those of [EventType]. The id is a UUIDv7, unique, and rises with
// each event of a node. In the data stand, as far as they say anything:
//
//	node      whose event it is
//	key       what it is about; "key64" when it is not UTF-8. Never in the subject
//	version   of the value or tombstone; answer: of the request, else of what was found
//	expires   unix milliseconds
//	bytes     of the value; merge: that the disk got back
//	op        answer: what was asked
//	status    answer: what was answered
//	us        answer: microseconds from when the node had the request until its answer
//	detail    answer: why not; merge, corrupt, map-mismatch: what, where, who
//	request   put, delete, answer: the request's id; "request64" when it is not UTF-8. Of a request on the bus without one,
//	          while somebody watches: what [ReplyID] says of its reply subject
//	lost      how many events of this node were not told since the one before; of type "lost": how many answers were not
//
// # What it is not
//
// It opens no socket, starts no goroutine and knows neither NATS nor RESP. It
// imports the standard library and google/uuid only; its JSON is that of [dht/events/jsontext].
package events
