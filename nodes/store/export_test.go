package store

// What tests of the format need to see.

// ParseLine reads a line, without its newline.
func ParseLine(raw []byte) error {
	var l line
	return parse(raw, &l)
}

// Reencode reads a line and writes it again.
func Reencode(raw []byte) ([]byte, error) {
	var l line
	if err := parse(raw, &l); err != nil {
		return nil, err
	}
	return l.appendTo(nil), nil
}

// Holed reports whether a bad line looks like what a power loss left.
func Holed(raw []byte, off int64) bool { return holed(raw, off) }

// CRCTail is the length of what WithCRC appends.
const CRCTail = crcTail

// WithCRC makes a line of all that stands before its checksum.
func WithCRC(body []byte) []byte {
	sum := checksum(body)
	return append(appendHex(append(body, crcName...), sum), '"', '}')
}
