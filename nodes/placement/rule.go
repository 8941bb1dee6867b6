package placement

import (
	"fmt"
	"strconv"
)

// Rule says which keys a node claims. Its text round-trips: Parse(r.String())
// is r. Rules are comparable values.
type Rule struct {
	kind   kind
	hash   Hash   // residue
	mod    uint64 // residue: at least 1
	lo, hi uint64 // residue: lo <= hi < mod
	prefix string // prefix
	weight int    // otherwise: at least 1
}

type kind uint8

const (
	residue   kind = iota + 1 // HASH % M == R, HASH % M in A..B
	prefix                    // prefix "TEXT"
	otherwise                 // otherwise, otherwise weight W
)

// MaxWeight is the largest weight of an otherwise rule.
const MaxWeight = 1000

// IsOtherwise reports whether the rule takes what no other rule claims.
func (r Rule) IsOtherwise() bool { return r.kind == otherwise }

// IsPrefix reports whether the rule pins keys by how they begin.
func (r Rule) IsPrefix() bool { return r.kind == prefix }

// Hash is the hash function the rule uses, if it uses one.
func (r Rule) Hash() (h Hash, ok bool) { return r.hash, r.kind == residue }

// String is the rule's text in its normal form.
func (r Rule) String() string {
	switch r.kind {
	case residue:
		if r.lo == r.hi {
			return fmt.Sprintf("%s %% %d == %d", r.hash, r.mod, r.lo)
		}
		return fmt.Sprintf("%s %% %d in %d..%d", r.hash, r.mod, r.lo, r.hi)
	case prefix:
		return "prefix " + strconv.Quote(r.prefix)
	case otherwise:
		if r.weight > 1 {
			return fmt.Sprintf("otherwise weight %d", r.weight)
		}
		return "otherwise"
	}
	return ""
}

// claims reports whether the rule is true for the key of d. An otherwise rule
// claims nothing: it is left what nobody claims.
func (r *Rule) claims(d *digests) bool {
	switch r.kind {
	case residue:
		n := d.residue(r.hash, r.mod)
		return r.lo <= n && n <= r.hi
	case prefix:
		return len(d.key) >= len(r.prefix) && string(d.key[:len(r.prefix)]) == r.prefix
	}
	return false
}

// refusal says in the rule's own terms why it does not claim the key of d:
// "md5 % 2 == 1".
func (r *Rule) refusal(d *digests) string {
	if r.kind == residue {
		b := make([]byte, 0, 32)
		b = append(b, r.hash...)
		b = append(b, " % "...)
		b = strconv.AppendUint(b, r.mod, 10)
		b = append(b, " == "...)
		return string(strconv.AppendUint(b, d.residue(r.hash, r.mod), 10))
	}
	return "does not begin with " + strconv.Quote(r.prefix)
}

// evidence says what is true of the key of d where the rule claims it.
func (r *Rule) evidence(d *digests) string {
	if r.kind == prefix {
		return "begins with " + strconv.Quote(r.prefix)
	}
	return r.refusal(d)
}

// claimsEverything reports whether the rule is true for every key.
func (r Rule) claimsEverything() bool {
	return r.kind == residue && r.lo == 0 && r.hi == r.mod-1
}
