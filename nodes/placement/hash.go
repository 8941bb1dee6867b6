package placement

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"math/bits"

	"github.com/zeebo/xxh3"
)

// Hash names one of the hash functions that a rule may use, always over the
// key's bytes. They spread keys; they protect nothing.
type Hash string

const (
	MD5    Hash = "md5"
	SHA1   Hash = "sha1"
	SHA256 Hash = "sha256"
	SHA512 Hash = "sha512"
	XXH3   Hash = "xxh3" // 64 bits
)

// Hashes returns every hash function that a rule may use.
func Hashes() []Hash { return []Hash{MD5, SHA1, SHA256, SHA512, XXH3} }

// Hex is the hash of key in hexadecimal digits.
func (h Hash) Hex(key []byte) string {
	d := digests{key: key}
	return hex.EncodeToString(d.sum(h))
}

// digests computes each hash of one key at most once, and only when asked.
type digests struct {
	key    []byte
	known  [5]bool
	md5    [md5.Size]byte
	sha1   [sha1.Size]byte
	sha256 [sha256.Size]byte
	sha512 [sha512.Size]byte
	xxh3   [8]byte
}

func (d *digests) sum(h Hash) []byte {
	switch h {
	case MD5:
		if d.first(0) {
			d.md5 = md5.Sum(d.key)
		}
		return d.md5[:]
	case SHA1:
		if d.first(1) {
			d.sha1 = sha1.Sum(d.key)
		}
		return d.sha1[:]
	case SHA256:
		if d.first(2) {
			d.sha256 = sha256.Sum256(d.key)
		}
		return d.sha256[:]
	case SHA512:
		if d.first(3) {
			d.sha512 = sha512.Sum512(d.key)
		}
		return d.sha512[:]
	}
	if d.first(4) {
		binary.BigEndian.PutUint64(d.xxh3[:], xxh3.Hash(d.key))
	}
	return d.xxh3[:]
}

func (d *digests) first(i int) bool {
	first := !d.known[i]
	d.known[i] = true
	return first
}

// residue is the hash of the key, read as one big number, modulo m.
func (d *digests) residue(h Hash, m uint64) uint64 {
	sum := d.sum(h)
	if m&(m-1) == 0 {
		return binary.BigEndian.Uint64(sum[len(sum)-8:]) & (m - 1)
	}
	var rem uint64
	if odd := len(sum) % 8; odd != 0 { // SHA-1 has 20 bytes
		rem = uint64(binary.BigEndian.Uint32(sum)) % m
		sum = sum[odd:]
	}
	for ; len(sum) > 0; sum = sum[8:] {
		rem = bits.Rem64(rem, binary.BigEndian.Uint64(sum), m)
	}
	return rem
}
