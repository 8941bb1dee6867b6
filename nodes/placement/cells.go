package placement

import (
	"maps"
	"math/big"
	"slices"
)

// maxCells bounds the exact count.
const maxCells = 1 << 16

// cell is a set of keys on which every rule gives the same result.
type cell struct {
	residues map[Hash]uint64 // a representative's, modulo the hash's period
	share    *big.Rat
}

// cells divides all keys by the residues that the rules look at; exact is false
// where that takes too many.
func (m *Map) cells() (cells []cell, exact bool) {
	cells = []cell{{residues: map[Hash]uint64{}, share: big.NewRat(1, 1)}}
	for _, h := range Hashes() {
		parts, ok := m.partition(h)
		if !ok || len(parts)*len(cells) > maxCells {
			return nil, false
		}
		cells = split(cells, h, parts)
	}
	return cells, true
}

// part is a run of residues on which every rule of one hash gives one result.
type part struct {
	residue uint64
	share   *big.Rat
}

// partition divides the residues of h. Where all rules of h have one modulus,
// the bounds of their intervals are enough; otherwise each residue of the
// moduli's least common multiple is a part.
func (m *Map) partition(h Hash) (parts []part, ok bool) {
	rules := m.rulesOf(h)
	if len(rules) == 0 {
		return nil, true
	}
	period, bounds, same := rules[0].mod, []uint64{0}, true
	for _, r := range rules {
		same = same && r.mod == period
		bounds = append(bounds, r.lo, r.hi+1)
	}
	if !same {
		bounds = bounds[:0]
		for _, r := range rules {
			if period = lcm(period, r.mod); period == 0 || period > maxCells {
				return nil, false
			}
		}
		for residue := range period {
			bounds = append(bounds, residue)
		}
	}
	return intervals(append(bounds, period), period), true
}

func intervals(bounds []uint64, period uint64) (parts []part) {
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	total := new(big.Int).SetUint64(period)
	for i, from := range bounds[:len(bounds)-1] {
		width := new(big.Int).SetUint64(bounds[i+1] - from)
		parts = append(parts, part{from, new(big.Rat).SetFrac(width, total)})
	}
	return parts
}

func (m *Map) rulesOf(h Hash) (rules []Rule) {
	for i := range m.nodes {
		if r := m.nodes[i].rule; r.kind == residue && r.hash == h {
			rules = append(rules, r)
		}
	}
	return rules
}

// lcm is the least common multiple, 0 when it exceeds 64 bits.
func lcm(a, b uint64) uint64 {
	g := new(big.Int).GCD(nil, nil, new(big.Int).SetUint64(a), new(big.Int).SetUint64(b)).Uint64()
	product := new(big.Int).Mul(new(big.Int).SetUint64(a/g), new(big.Int).SetUint64(b))
	if !product.IsUint64() {
		return 0
	}
	return product.Uint64()
}

func split(cells []cell, h Hash, parts []part) []cell {
	if len(parts) == 0 {
		return cells
	}
	var out []cell
	for _, c := range cells {
		for _, p := range parts {
			residues := maps.Clone(c.residues)
			residues[h] = p.residue
			out = append(out, cell{residues, new(big.Rat).Mul(c.share, p.share)})
		}
	}
	return out
}

func (m *Map) claimantsIn(c cell) (places []int) {
	for i := range m.nodes {
		r := &m.nodes[i].rule
		if r.kind != residue {
			continue
		}
		if n := c.residues[r.hash] % r.mod; r.lo <= n && n <= r.hi {
			places = append(places, i)
		}
	}
	return places
}
