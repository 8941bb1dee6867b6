// Package store keeps a node's records: a journal of JSON Lines in a folder,
// and in memory what it takes to find them.
//
// # The folder
//
//	node.json         whose folder this is: cluster, node, cluster maps seen; and
//	                  how far the journal reached at the last start or clean stop
//	lock              held while a process uses the folder
//	00000001.jsonl    segments, oldest first; the last one is appended to
//	00000001.bad      lines that a repair moved aside
//
// # The lines
//
//	{"key":"greeting","version":"019…","value":"hello","synced":0,"crc":"5d41402a"}
//	{"key64":"//8=","version":"019…","expires":1790000000000,"value64":"AAE=","crc":"…"}
//	{"key":"greeting","version":"019…","deleted":true,"crc":"…"}
//	{"key":"greeting","version":"019…","dropped":true,"crc":"…"}
//	{"sealed":8388608,"through":1,"crc":"…"}
//	{"segment":1,"through":4,"at":9,"newest":"019…","crc":"…"}
//
// crc is CRC-32C over all bytes before `,"crc"`. The newest version of a key
// stands; a dropped line says that the record of that version, or an older one,
// is kept no longer, and is no tombstone. "synced" stands in the first line of
// each batch: everything before that offset was durable when the line was
// written. A sealed line ends every segment but the last, which is how a
// segment cut short is noticed. A segment that was merged begins by telling
// which segments it stands for, says so again at its end, and knows the newest
// version that its lines ever had.
//
// # What can be relied on
//
// A change is done after its batch was synced, and is visible to readers only
// then. What a crash left of the last, unanswered batch is cut off on start;
// any other damage is corruption: it is named by file and line, and every key
// without a good record behind it is [events.ErrCorrupt], never absent and
// never an older value, until [Repair].
//
// "synced" says where the line stood, and so do a sealed line, which also says in
// which segment, and at a start and a clean stop node.json, of the journal's end.
// What does not stand where it says is damage: lines that are gone or came from
// elsewhere, a segment under another one's name, an end that is missing.
//
// What cannot be told from what a crash leaves is this: after a crash, and without
// a clean stop or a start since they were written, the last lines that are gone, or
// the last segment, or sectors of the very last batch that read as zeros.
//
// # When something fails
//
// A full disk (no space, over quota, a file too large) makes the journal read-only:
// what did not fit is taken back, durably, before anything follows it; reads go on,
// and once a second it is tried whether there is room. Without a free descriptor
// the segment that is appended to grows on, and merges wait. A sync that failed,
// whatever it said, is not tried again: nothing is written any more, nothing is
// acknowledged, and [Journal.Failed] asks the process to end.
//
// Before a batch the lock and the segment that is appended to are looked at by their
// names, unless that was done in the last 2 ms; the folder and the sealed ones before
// a merge and once a minute.
// When one was moved, removed, replaced or has another size, nothing is written any
// more, but reads go on: perhaps the process has the only copy that is left.
//
// On Windows an open file cannot be replaced: segments are not merged there, which
// is logged and costs room.
//
// # What is merged
//
// Sealed segments are merged, in the background, when a quarter of what is kept
// can be gained. A tombstone, or a dropped line, goes when it is old enough,
// [Journal.Forget] allows it, and every older segment was merged after its own was
// sealed: then none keeps what it hides. Where that is all that stands in the way
// of a quarter, the oldest of those segments is merged for it. A damaged segment
// is left as it is, and with it the tombstones behind it.
//
// # What it is not
//
// It decides nothing about versions: [events.Change] does. It knows no network
// and no placement. Package segment has the lines and the files, package index what
// is known of the keys; this one puts them together. It imports these, the standard
// library, package events and a file lock.
package store
