package store

import (
	"encoding/base64"
	"hash/crc32"
	"strconv"

	"dht/events"
	"dht/events/jsontext"
)

// kind is what a line of a segment says.
type kind byte

const (
	kindRecord kind = iota // a record, possibly a tombstone
	kindDrop               // the record is kept no longer
	kindSeal               // the segment ends here
	kindHeader             // the segment stands for a range of merged ones
)

// noMark is the synced offset of a line that carries none.
const noMark = -1

// line is one line of a segment.
type line struct {
	kind   kind
	record events.Record // kindRecord; kindDrop: key and version
	synced int64         // offset up to which the segment was durable, or noMark
	sealed int64         // kindSeal: bytes before this line
	header header        // kindHeader; kindSeal: through
}

// header opens a segment that came out of a merge.
type header struct {
	segment, through uint32         // the segments it stands for
	at               uint32         // the segment that was appended to when the merge began
	newest           events.Version // the newest version that any merged line had
}

// crcTail is the length of `,"crc":"01234567"}`.
const crcTail = 18

const crcName = `,"crc":"`

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// appendTo appends the line with its newline to dst.
func (l *line) appendTo(dst []byte) []byte {
	start := len(dst)
	switch l.kind {
	case kindSeal:
		dst = strconv.AppendInt(append(dst, `{"sealed":`...), l.sealed, 10)
		dst = strconv.AppendUint(append(dst, `,"through":`...), uint64(l.header.through), 10)
	case kindHeader:
		dst = l.header.appendTo(dst)
	default:
		dst = l.appendRecord(dst)
	}
	if l.synced != noMark {
		dst = strconv.AppendInt(append(dst, `,"synced":`...), l.synced, 10)
	}
	sum := checksum(dst[start:])
	dst = append(dst, crcName...)
	dst = appendHex(dst, sum)
	return append(dst, '"', '}', '\n')
}

func (l *line) appendRecord(dst []byte) []byte {
	r := &l.record
	dst = appendBytes(append(dst, '{'), `"key`, r.Key)
	dst = append(dst, `,"version":"`...)
	dst, _ = r.Version.AppendText(dst)
	dst = append(dst, '"')
	switch {
	case l.kind == kindDrop:
		return append(dst, `,"dropped":true`...)
	case r.Deleted:
		return append(dst, `,"deleted":true`...)
	case r.Expires != 0:
		dst = strconv.AppendInt(append(dst, `,"expires":`...), r.Expires, 10)
	}
	return appendBytes(append(dst, ','), `"value`, r.Value)
}

func (h *header) appendTo(dst []byte) []byte {
	dst = strconv.AppendUint(append(dst, `{"segment":`...), uint64(h.segment), 10)
	dst = strconv.AppendUint(append(dst, `,"through":`...), uint64(h.through), 10)
	dst = strconv.AppendUint(append(dst, `,"at":`...), uint64(h.at), 10)
	dst = append(dst, `,"newest":"`...)
	dst, _ = h.newest.AppendText(dst)
	return append(dst, '"')
}

// appendBytes appends a field: as text where that is readable, else as base64
// under the name with 64 behind, which also bounds what escapes can cost.
func appendBytes(dst []byte, name string, b []byte) []byte {
	dst = append(dst, name...)
	if text, ok := jsontext.AppendReadable(append(dst, `":`...), b); ok {
		return text
	}
	dst = append(dst, `64":"`...)
	return append(base64.StdEncoding.AppendEncode(dst, b), '"')
}

const hexDigits = "0123456789abcdef"

func appendHex(dst []byte, n uint32) []byte {
	for shift := 28; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[n>>shift&15])
	}
	return dst
}
