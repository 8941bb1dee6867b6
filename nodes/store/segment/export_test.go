package segment

// What tests of the format need to see.

// Reencode reads a line and writes it again.
func Reencode(raw []byte) ([]byte, error) {
	var l Line
	if err := Parse(raw, &l); err != nil {
		return nil, err
	}
	return l.AppendTo(nil), nil
}

// CRCTail is the length of what WithCRC appends.
const CRCTail = crcTail

// WithCRC makes a line of all that stands before its checksum.
func WithCRC(body []byte) []byte {
	sum := checksum(body)
	return append(appendHex(append(body, crcName...), sum), '"', '}')
}

// ParseLine reads a line and forgets it.
func ParseLine(raw []byte) error {
	var l Line
	return Parse(raw, &l)
}
