package index

import (
	"encoding/binary"

	"dht/events"
	"dht/nodes/store/segment"
)

// entry is what the index keeps of one key, in a piece of the arena. It stays
// where it is as long as the key is known.
//
//	 0  version     16 bytes
//	16  place       file, offset, size
//	28  value       a ref, 0 when the value is empty or only on disk
//	32  value size  4 bytes
//	36  key size    2 bytes
//	38  flags
//	39  key
type entry []byte

const entryHead = 39

const (
	flagDeleted byte = 1 << iota // a tombstone
	flagExpires                  // the index knows when
	flagListed                   // live: counted, and shown in listings
	flagCached                   // in the cache's list of entries with a value
	flagAdded                    // not sorted into the order yet
)

func (e entry) version() events.Version     { return events.Version(e[:16]) }
func (e entry) setVersion(v events.Version) { copy(e, v[:]) }

func (e entry) place() segment.Place {
	le := binary.LittleEndian
	return segment.Place{File: le.Uint32(e[16:]), Off: le.Uint32(e[20:]), Size: le.Uint32(e[24:])}
}

func (e entry) setPlace(p segment.Place) {
	le := binary.LittleEndian
	le.PutUint32(e[16:], p.File)
	le.PutUint32(e[20:], p.Off)
	le.PutUint32(e[24:], p.Size)
}

func (e entry) value() Ref           { return Ref(binary.LittleEndian.Uint32(e[28:])) }
func (e entry) setValue(r Ref)       { binary.LittleEndian.PutUint32(e[28:], uint32(r)) }
func (e entry) valueSize() int       { return int(binary.LittleEndian.Uint32(e[32:])) }
func (e entry) setValueSize(n int)   { binary.LittleEndian.PutUint32(e[32:], uint32(n)) }
func (e entry) keySize() int         { return int(binary.LittleEndian.Uint16(e[36:])) }
func (e entry) key() []byte          { return e[entryHead : entryHead+e.keySize()] }
func (e entry) has(flag byte) bool   { return e[38]&flag != 0 }
func (e entry) flags() byte          { return e[38] }
func (e entry) setFlags(flags byte)  { e[38] = flags }
func (e entry) inMemory() bool       { return e.value() != 0 || e.valueSize() == 0 }
func (e entry) liveBytes() (n int64) { return int64(e.keySize() + e.valueSize()) }

func (e entry) setKey(key []byte) {
	binary.LittleEndian.PutUint16(e[36:], uint16(len(key)))
	copy(e[entryHead:], key)
}
