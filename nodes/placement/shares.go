package placement

import (
	"cmp"
	"math/big"
	"math/rand/v2"
	"slices"

	"dht/events"
)

// Shares says how the rules divide all keys.
//
// Figures are exact where the rules allow: different hashes are independent of
// each other, and one hash is counted by the least common multiple of its
// moduli. Otherwise they are counted over random keys; what rules claim is exact
// all the same. Keys that a prefix rule
// claims are left out: how many begin so depends on the keys, not on the rules.
type Shares struct {
	Exact    bool
	Nodes    []NodeShare // in map order
	Overlaps []Overlap   // the largest ones, largest first
	Gap      *big.Rat    // the share of keys that nobody claims or takes
}

// NodeShare is one node's part of all keys.
type NodeShare struct {
	Name   string
	Rule   string
	Prefix bool     // the rule is a prefix: its share depends on the keys
	Claims *big.Rat // of which the node's rule is true
	Share  *big.Rat // of which the node is an owner
}

// Overlap is the share of keys that several rules claim.
type Overlap struct {
	Nodes []string
	Share *big.Rat
}

const (
	maxDraws    = 1 << 12 // orders of otherwise nodes followed exactly
	maxOverlaps = 1000    // that are listed
)

// Shares computes how the rules of m divide all keys.
func (m *Map) Shares() Shares {
	t := newTally(m)
	order := t.cells.sorted()
	for _, c := range order {
		t.add(c.places(), t.cells.weights[c])
	}
	t.drawAll()
	return t.shares(order)
}

// takers lists the otherwise nodes.
func (m *Map) takers() (places []int) {
	for i := range m.nodes {
		if m.nodes[i].rule.IsOtherwise() {
			places = append(places, i)
		}
	}
	return places
}

func (m *Map) evenWeights(places []int) bool {
	return !slices.ContainsFunc(places, func(i int) bool {
		return len(m.nodes[i].seeds) != len(m.nodes[places[0]].seeds)
	})
}

// tally adds up the keys of cells. It counts in whole numbers: adding fractions
// costs a hundred times as much.
type tally struct {
	m      *Map
	cells  cells
	exact  bool // the draws, too
	takers []int
	gap    *big.Int
	owned  []*big.Int       // keys of which each node surely is an owner
	drawn  map[int]*big.Int // keys of which so many takers are owners, as rendezvous hashing ranks them
	// by the size of a group of equals of which each may be ranked: that many times each one's keys
	ranked map[int][]*big.Int
	share  []*big.Rat
}

func newTally(m *Map) *tally {
	t := &tally{m: m, cells: m.cells(), takers: m.takers(), gap: new(big.Int), owned: zeros(len(m.nodes)),
		drawn: map[int]*big.Int{}, ranked: map[int][]*big.Int{}}
	t.exact = t.cells.exact
	return t
}

func zeros(n int) (list []*big.Int) {
	for range n {
		list = append(list, new(big.Int))
	}
	return list
}

// add gives the keys of a cell to their owners: claimants in map order, then those
// that rendezvous hashing ranks first.
func (t *tally) add(claimants []int, keys *big.Int) {
	if len(claimants) == 0 {
		t.gap.Add(t.gap, keys)
		if len(t.takers) == 0 {
			return // nobody keeps what nobody claims: such a map is refused
		}
	}
	slots := int(t.m.copies)
	if t.m.copies == events.EveryMatch {
		slots = max(1, len(claimants))
	}
	for _, i := range claimants[:min(slots, len(claimants))] {
		t.owned[i].Add(t.owned[i], keys)
	}
	if slots -= len(claimants); slots <= 0 {
		return
	}
	if n := min(slots, len(t.takers)); n > 0 {
		if t.drawn[n] == nil {
			t.drawn[n] = new(big.Int)
		}
		t.drawn[n].Add(t.drawn[n], keys)
	}
	if slots -= len(t.takers); slots > 0 {
		t.rank(claimants, slots, keys)
	}
}

// rank gives keys to n of the nodes that neither claim them nor take what is left.
func (t *tally) rank(claimants []int, n int, keys *big.Int) {
	group := len(t.m.nodes) - len(t.takers) - len(claimants)
	if group == 0 {
		return
	}
	if t.ranked[group] == nil {
		t.ranked[group] = zeros(len(t.m.nodes))
	}
	times := new(big.Int).Mul(keys, big.NewInt(int64(min(n, group))))
	for i, next := 0, 0; i < len(t.m.nodes); i++ {
		switch {
		case next < len(claimants) && claimants[next] == i:
			next++
		case !t.m.nodes[i].rule.IsOtherwise():
			t.ranked[group][i].Add(t.ranked[group][i], times)
		}
	}
}

// drawAll makes fractions of what was counted.
func (t *tally) drawAll() {
	t.share = make([]*big.Rat, len(t.m.nodes))
	for i := range t.share {
		t.share[i] = new(big.Rat).SetFrac(t.owned[i], t.cells.total)
	}
	for group, keys := range t.ranked {
		total := new(big.Int).Mul(t.cells.total, big.NewInt(int64(group)))
		for i := range keys {
			t.share[i].Add(t.share[i], new(big.Rat).SetFrac(keys[i], total))
		}
	}
	for n, keys := range t.drawn {
		t.draw(n, new(big.Rat).SetFrac(keys, t.cells.total))
	}
}

// draw gives share to the first n takers.
func (t *tally) draw(n int, share *big.Rat) {
	switch {
	case t.m.evenWeights(t.takers):
		each := new(big.Rat).Mul(share, big.NewRat(int64(n), int64(len(t.takers))))
		for _, i := range t.takers {
			t.share[i].Add(t.share[i], each)
		}
	case t.orders(n) <= maxDraws:
		t.follow(t.takers, n, share)
	default:
		t.exact = false
		t.race(n, share)
	}
}

// orders is in how many orders rendezvous hashing may rank n takers, or more than
// maxDraws.
func (t *tally) orders(n int) int {
	orders := 1
	for range n {
		if orders *= len(t.takers); orders > maxDraws {
			break
		}
	}
	return orders
}

// follow gives share to the first n nodes of a group in every order in which
// rendezvous hashing may rank them, each by its probability.
func (t *tally) follow(group []int, n int, share *big.Rat) {
	if n == 0 {
		return
	}
	var total int64
	for _, i := range group {
		total += int64(len(t.m.nodes[i].seeds))
	}
	for at, i := range group {
		first := new(big.Rat).Mul(share, big.NewRat(int64(len(t.m.nodes[i].seeds)), total))
		t.share[i].Add(t.share[i], first)
		t.follow(slices.Delete(slices.Clone(group), at, at+1), n-1, first)
	}
}

// race gives share to the takers as random ranks have it. That one of weight w
// comes before another as often as its weights say holds for arrival times that
// are exponentially distributed, too.
func (t *tally) race(n int, share *big.Rat) {
	random := rand.New(rand.NewPCG(3, 4))
	races := min(sampleKeys, sampleSteps/4/len(t.takers))
	wins := make([]int64, len(t.m.nodes))
	type runner struct {
		place int
		time  float64
	}
	field := make([]runner, len(t.takers))
	for range races {
		for at, i := range t.takers {
			field[at] = runner{i, random.ExpFloat64() / float64(len(t.m.nodes[i].seeds))}
		}
		slices.SortFunc(field, func(a, b runner) int { return cmp.Compare(a.time, b.time) })
		for _, r := range field[:n] {
			wins[r.place]++
		}
	}
	for _, i := range t.takers {
		t.share[i].Add(t.share[i], new(big.Rat).Mul(share, big.NewRat(wins[i], int64(races))))
	}
}

// claims is the share of keys of which a rule is true.
func (t *tally) claims(r Rule) *big.Rat {
	switch r.kind {
	case residue:
		width := new(big.Int).SetUint64(r.hi - r.lo)
		return new(big.Rat).SetFrac(width.Add(width, big.NewInt(1)), new(big.Int).SetUint64(r.mod))
	case otherwise:
		return new(big.Rat).SetFrac(t.gap, t.cells.total)
	}
	return new(big.Rat)
}

// shares reports what was counted; the cells are in order.
func (t *tally) shares(order []claimants) Shares {
	s := Shares{Exact: t.exact, Gap: new(big.Rat)}
	if len(t.takers) == 0 {
		s.Gap.SetFrac(t.gap, t.cells.total)
	}
	for i := range t.m.nodes {
		n := &t.m.nodes[i]
		s.Nodes = append(s.Nodes, NodeShare{n.name, n.rule.String(), n.rule.IsPrefix(), t.claims(n.rule), t.share[i]})
	}
	for _, c := range order {
		if places := c.places(); len(places) > 1 && len(s.Overlaps) < maxOverlaps {
			s.Overlaps = append(s.Overlaps, Overlap{t.m.Names(places),
				new(big.Rat).SetFrac(t.cells.weights[c], t.cells.total)})
		}
	}
	slices.SortStableFunc(s.Overlaps, func(a, b Overlap) int {
		if by := b.Share.Cmp(a.Share); by != 0 {
			return by
		}
		return slices.Compare(a.Nodes, b.Nodes)
	})
	return s
}
