package placement

import (
	"slices"

	"github.com/zeebo/xxh3"

	"dht/events"
)

// Preference is every node of the map, ordered for key: those whose rule claims
// it, in map order; then the otherwise nodes, then all others, both by their
// rendezvous score, highest first.
func (m *Map) Preference(key []byte) []int {
	return m.preferred(&digests{key: key}, nil, len(m.nodes))
}

// Owners appends to dst the owners of key, the first owner first. It does not
// allocate when dst has room.
func (m *Map) Owners(key []byte, dst []int) []int {
	return m.owners(&digests{key: key}, dst)
}

func (m *Map) owners(d *digests, dst []int) []int {
	if m.copies != events.EveryMatch {
		return m.preferred(d, dst, int(m.copies))
	}
	start := len(dst)
	dst = m.claimants(d, dst, len(m.nodes))
	if len(dst) == start {
		return m.preferred(d, dst, 1)
	}
	return dst
}

// preferred appends the first n nodes of the preference list.
func (m *Map) preferred(d *digests, dst []int, n int) []int {
	end := len(dst) + n
	start := len(dst)
	dst = m.claimants(d, dst, n)
	claimed := dst[start:]
	if len(dst) < end {
		dst = m.ranked(d.key, dst, end, func(i int) bool { return m.nodes[i].rule.IsOtherwise() })
	}
	if len(dst) < end {
		dst = m.ranked(d.key, dst, end, func(i int) bool {
			return !m.nodes[i].rule.IsOtherwise() && !slices.Contains(claimed, i)
		})
	}
	return dst
}

// claimants appends the nodes whose rule claims the key, in map order, at most n.
func (m *Map) claimants(d *digests, dst []int, n int) []int {
	for i := range m.nodes {
		if n > 0 && m.nodes[i].rule.claims(d) {
			dst = append(dst, i)
			n--
		}
	}
	return dst
}

// ranked appends the nodes of a group by their score for key, until dst is end
// long. Equal scores keep the map's order.
func (m *Map) ranked(key []byte, dst []int, end int, member func(int) bool) []int {
	start := len(dst)
	h := xxh3.Hash(key)
	for len(dst) < end {
		best, bestScore := -1, uint64(0)
		for i := range m.nodes {
			if !member(i) || slices.Contains(dst[start:], i) {
				continue
			}
			if s := m.nodes[i].score(h); best < 0 || s > bestScore {
				best, bestScore = i, s
			}
		}
		if best < 0 {
			return dst
		}
		dst = append(dst, best)
	}
	return dst
}

// score is the node's rendezvous score for a key's hash: the highest of one
// draw for each unit of its weight, so that a node of weight 2 wins twice as
// often as one of weight 1 (Thaler and Ravishankar, 1998, for the draws). The
// usual -weight/ln(draw) is floating point, whose last bit differs between
// processors that fuse multiplication and addition and those that do not; two
// nodes must never disagree about an owner.
func (n *node) score(keyHash uint64) uint64 {
	var best uint64
	for _, seed := range n.seeds {
		best = max(best, mix(keyHash^seed))
	}
	return best
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood, 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
