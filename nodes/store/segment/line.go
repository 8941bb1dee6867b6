package segment

import (
	"encoding/base64"
	"hash/crc32"
	"strconv"

	"dht/events"
	"dht/events/jsontext"
)

// Kind is what a line of a segment says.
type Kind byte

const (
	KindRecord Kind = iota // a record, possibly a tombstone
	KindDrop               // the record is kept no longer
	KindSeal               // the segment ends here
	KindHeader             // the segment stands for a range of merged ones
)

// NoMark is the synced offset of a line that carries none.
const NoMark = -1

// Line is one line of a segment.
type Line struct {
	Kind   Kind
	Record events.Record // KindRecord; KindDrop: key and version
	Synced int64         // offset up to which the segment was durable, or NoMark
	Sealed int64         // KindSeal: bytes before this line
	Header Header        // KindHeader; KindSeal: through
}

// Header opens a segment that came out of a merge.
type Header struct {
	Segment, Through uint32         // the segments it stands for
	At               uint32         // the segment that was appended to when the merge began
	Newest           events.Version // the newest version that any merged line had
}

// crcTail is the length of `,"crc":"01234567"}`.
const crcTail = 18

const crcName = `,"crc":"`

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// AppendTo appends the line with its newline to dst.
func (l *Line) AppendTo(dst []byte) []byte {
	start := len(dst)
	switch l.Kind {
	case KindSeal:
		dst = strconv.AppendInt(append(dst, `{"sealed":`...), l.Sealed, 10)
		dst = strconv.AppendUint(append(dst, `,"through":`...), uint64(l.Header.Through), 10)
	case KindHeader:
		dst = l.Header.appendTo(dst)
	default:
		dst = l.appendRecord(dst)
	}
	if l.Synced != NoMark {
		dst = strconv.AppendInt(append(dst, `,"synced":`...), l.Synced, 10)
	}
	sum := checksum(dst[start:])
	dst = append(dst, crcName...)
	dst = appendHex(dst, sum)
	return append(dst, '"', '}', '\n')
}

func (l *Line) appendRecord(dst []byte) []byte {
	r := &l.Record
	dst = appendBytes(append(dst, '{'), `"key`, r.Key)
	dst = append(dst, `,"version":"`...)
	dst, _ = r.Version.AppendText(dst)
	dst = append(dst, '"')
	switch {
	case l.Kind == KindDrop:
		return append(dst, `,"dropped":true`...)
	case r.Deleted:
		return append(dst, `,"deleted":true`...)
	case r.Expires != 0:
		dst = strconv.AppendInt(append(dst, `,"expires":`...), r.Expires, 10)
	}
	return appendBytes(append(dst, ','), `"value`, r.Value)
}

func (h *Header) appendTo(dst []byte) []byte {
	dst = strconv.AppendUint(append(dst, `{"segment":`...), uint64(h.Segment), 10)
	dst = strconv.AppendUint(append(dst, `,"through":`...), uint64(h.Through), 10)
	dst = strconv.AppendUint(append(dst, `,"at":`...), uint64(h.At), 10)
	dst = append(dst, `,"newest":"`...)
	dst, _ = h.Newest.AppendText(dst)
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
