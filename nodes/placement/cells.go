package placement

import (
	"cmp"
	"maps"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// maxCells bounds the exact count.
const maxCells = 1 << 16

// claimants is a set of places in the map, one bit each. It is a string so that it
// can be the key of a map.
type claimants string

// places lists the claimants in map order.
func (c claimants) places() (list []int) {
	for i := range len(c) {
		for b := c[i]; b != 0; b &= b - 1 {
			list = append(list, 8*i+bits.TrailingZeros8(b))
		}
	}
	return list
}

// cells are all keys, divided by who claims them.
type cells struct {
	weights map[claimants]*big.Int
	total   *big.Int
	exact   bool
}

// cells divides all keys by who claims them: exactly, or where that takes too many
// steps by random ones.
func (m *Map) cells() cells {
	c := cells{map[claimants]*big.Int{m.nobody(): big.NewInt(1)}, big.NewInt(1), true}
	for _, h := range Hashes() {
		parts, period := m.partition(h)
		if period == 0 || len(parts)*len(c.weights) > maxCells {
			return m.sample()
		}
		c.cross(parts, period)
	}
	return c
}

func (m *Map) nobody() claimants { return claimants(make([]byte, (len(m.nodes)+7)/8)) }

// cross divides each cell by another hash, which is independent of those before.
func (c *cells) cross(parts map[claimants]uint64, period uint64) {
	crossed := make(map[claimants]*big.Int, len(c.weights)*len(parts))
	var weight, width big.Int
	for a, w := range c.weights {
		for b, n := range parts {
			addTo(crossed, union(a, b), weight.Mul(w, width.SetUint64(n)))
		}
	}
	c.weights = crossed
	c.total.Mul(c.total, width.SetUint64(period))
}

func addTo(weights map[claimants]*big.Int, to claimants, w *big.Int) {
	if sum := weights[to]; sum != nil {
		sum.Add(sum, w)
		return
	}
	weights[to] = new(big.Int).Set(w)
}

func union(a, b claimants) claimants {
	both := []byte(a)
	for i := range both {
		both[i] |= b[i]
	}
	return claimants(both)
}

// partition counts the residues of h by who claims them. Where all rules of h have
// one modulus, the bounds of their intervals are enough; otherwise each residue of
// the moduli's least common multiple is looked at. A period of 0 says that there
// are too many.
func (m *Map) partition(h Hash) (parts map[claimants]uint64, period uint64) {
	rules := m.rulesOf(h)
	bounds, same := []uint64{0}, true
	period = 1
	for i, place := range rules {
		r := &m.nodes[place].rule
		same = i == 0 || same && r.mod == period
		if period = lcm(period, r.mod); period == 0 {
			return nil, 0
		}
		bounds = append(bounds, r.lo, r.hi+1)
	}
	if !same {
		if period > maxCells {
			return nil, 0
		}
		bounds = bounds[:0]
		for residue := range period {
			bounds = append(bounds, residue)
		}
	}
	bounds = append(bounds, period)
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	parts = map[claimants]uint64{}
	set := []byte(m.nobody())
	for i, from := range bounds[:len(bounds)-1] {
		clear(set)
		m.claim(set, rules, func(r *Rule) uint64 { return from % r.mod })
		parts[claimants(set)] += bounds[i+1] - from
	}
	return parts, period
}

// claim adds those of rules to set that claim what has the given residue.
func (m *Map) claim(set []byte, rules []int, residue func(*Rule) uint64) {
	for _, place := range rules {
		r := &m.nodes[place].rule
		if n := residue(r); r.lo <= n && n <= r.hi {
			set[place/8] |= 1 << (place % 8)
		}
	}
}

// rulesOf lists the places of h's rules.
func (m *Map) rulesOf(h Hash) (places []int) {
	for i := range m.nodes {
		if r := &m.nodes[i].rule; r.kind == residue && r.hash == h {
			places = append(places, i)
		}
	}
	return places
}

// lcm is the least common multiple, 0 when it exceeds 64 bits.
func lcm(a, b uint64) uint64 {
	hi, product := bits.Mul64(a/gcd(a, b), b)
	if hi != 0 {
		return 0
	}
	return product
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

const (
	sampleKeys  = 200_000
	sampleSteps = 1 << 23 // rules tried on random keys, at most
)

// sample counts random keys, of which only the hashes matter: 128 bits of each.
func (m *Map) sample() cells {
	random := rand.New(rand.NewPCG(1, 2)) // the same figures at every call
	counts := map[claimants]int64{}
	set := []byte(m.nobody())
	keys := min(sampleKeys, sampleSteps/len(m.nodes))
	var rules [][]int
	for _, h := range Hashes() {
		rules = append(rules, m.rulesOf(h))
	}
	for range keys {
		clear(set)
		for _, list := range rules {
			hi, lo := random.Uint64(), random.Uint64()
			m.claim(set, list, func(r *Rule) uint64 { return bits.Rem64(hi, lo, r.mod) })
		}
		counts[claimants(set)]++
	}
	c := cells{map[claimants]*big.Int{}, big.NewInt(int64(keys)), false}
	for who, n := range counts {
		c.weights[who] = big.NewInt(n)
	}
	return c
}

// sorted lists the cells, the largest first.
func (c *cells) sorted() []claimants {
	return slices.SortedFunc(maps.Keys(c.weights), func(a, b claimants) int {
		return cmp.Or(c.weights[b].Cmp(c.weights[a]), cmp.Compare(a, b))
	})
}
