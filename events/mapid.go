package events

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
)

// MapID names a cluster map: its epoch, and a hash of its content. Its text is
// "epoch-hash", the hash in 16 hexadecimal digits. The zero MapID is no map.
type MapID struct{ Epoch, Hash uint64 }

func (id MapID) String() string { return string(id.appendTo(nil)) }

// MarshalText writes "epoch-hash".
func (id MapID) MarshalText() ([]byte, error) { return id.appendTo(nil), nil }

// UnmarshalText reads what [MapID.MarshalText] wrote.
func (id *MapID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseMapID(b)
	return err
}

func (id MapID) appendTo(b []byte) []byte {
	const digits = "0123456789abcdef"
	b = strconv.AppendUint(b, id.Epoch, 10)
	b = append(b, '-')
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, digits[id.Hash>>shift&15])
	}
	return b
}

// ParseMapID reads "epoch-hash". Anything else is [ErrBadRequest].
func ParseMapID(b []byte) (id MapID, err error) {
	cut := len(b) - 17
	if cut < 1 || b[cut] != '-' {
		return MapID{}, fmt.Errorf("%w: map %q is not of the form epoch-hash", ErrBadRequest, clip(b))
	}
	var hash [8]byte
	if id.Epoch, err = strconv.ParseUint(string(b[:cut]), 10, 64); err == nil {
		_, err = hex.Decode(hash[:], b[cut+1:])
		id.Hash = binary.BigEndian.Uint64(hash[:])
	}
	if err != nil {
		return MapID{}, fmt.Errorf("%w: map %q is not of the form epoch-hash", ErrBadRequest, clip(b))
	}
	return id, nil
}
