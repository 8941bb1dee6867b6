package placement

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"

	"dht/events"
)

// Shares says how the rules divide all keys.
//
// Figures are exact where the rules allow: different hashes are independent of
// each other, and one hash is counted by the least common multiple of its
// moduli. Otherwise they are counted over random keys. Keys that a prefix rule
// claims are left out: how many begin so depends on the keys, not on the rules.
type Shares struct {
	Exact    bool
	Nodes    []NodeShare // in map order
	Overlaps []Overlap   // largest first
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
	maxDraws   = 1 << 12 // orders of otherwise nodes followed exactly
	sampleKeys = 200_000
	gapProbes  = 1 << 20
)

// Shares computes how the rules of m divide all keys.
func (m *Map) Shares() Shares {
	cells, exact := m.cells()
	if exact {
		exact = m.drawsExact()
	}
	t := newTally(m)
	if exact {
		for _, c := range cells {
			t.add(m.claimantsIn(c), c.share, nil)
		}
	} else {
		m.sample(t)
	}
	return t.shares(exact)
}

func (m *Map) sample(t *tally) {
	random := rand.New(rand.NewPCG(1, 2)) // the same figures at every call
	one := big.NewRat(1, sampleKeys)
	for counted, tried := 0, 0; counted < sampleKeys && tried < 100*sampleKeys; tried++ {
		d := digests{key: binary.BigEndian.AppendUint64(nil, random.Uint64())}
		claimants := m.claimants(&d, nil, len(m.nodes))
		if slices.ContainsFunc(claimants, func(i int) bool { return m.nodes[i].rule.IsPrefix() }) {
			continue
		}
		t.add(claimants, one, m.owners(&d, []int{}))
		counted++
	}
}

// Gap looks for a key that no node would keep. It returns gap = true with an
// empty key when it cannot show that there is none.
func (m *Map) Gap() (key string, gap bool) {
	for i := range m.nodes {
		if r := m.nodes[i].rule; r.IsOtherwise() || r.claimsEverything() {
			return "", false
		}
	}
	cells, exact := m.cells()
	if exact && !slices.ContainsFunc(cells, func(c cell) bool { return len(m.claimantsIn(c)) == 0 }) {
		return "", false
	}
	for i := range gapProbes {
		key := strconv.Itoa(i)
		if d := (digests{key: []byte(key)}); len(m.claimants(&d, nil, 1)) == 0 {
			return key, true
		}
	}
	return "", true
}

// drawsExact reports whether the otherwise nodes can be followed through every
// order in which rendezvous hashing may rank them.
func (m *Map) drawsExact() bool {
	takers := m.takers()
	if m.evenWeights(takers) {
		return true
	}
	orders := 1
	for range min(int(m.copies), len(takers)) {
		if orders *= len(takers); orders > maxDraws {
			return false
		}
	}
	return true
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

// tally adds up shares cell by cell, or key by key.
type tally struct {
	m        *Map
	claims   []*big.Rat
	share    []*big.Rat
	overlaps map[string]*Overlap
	gap      *big.Rat
}

func newTally(m *Map) *tally {
	t := &tally{m: m, overlaps: map[string]*Overlap{}, gap: new(big.Rat)}
	for range m.nodes {
		t.claims = append(t.claims, new(big.Rat))
		t.share = append(t.share, new(big.Rat))
	}
	return t
}

// add counts keys of the given share with their claimants. owners is nil where
// they are to be drawn exactly.
func (t *tally) add(claimants []int, share *big.Rat, owners []int) {
	for _, i := range claimants {
		t.claims[i].Add(t.claims[i], share)
	}
	if len(claimants) > 1 {
		t.overlap(claimants, share)
	}
	takers := t.m.takers()
	if len(claimants) == 0 {
		for _, i := range takers {
			t.claims[i].Add(t.claims[i], share)
		}
		if len(takers) == 0 {
			t.gap.Add(t.gap, share)
		}
	}
	if len(claimants)+len(takers) == 0 {
		return // nobody keeps what nobody claims: such a map is refused
	}
	if owners == nil {
		t.own(claimants, share)
		return
	}
	for _, i := range owners {
		t.share[i].Add(t.share[i], share)
	}
}

func (t *tally) overlap(claimants []int, share *big.Rat) {
	id := fmt.Sprint(claimants)
	o := t.overlaps[id]
	if o == nil {
		o = &Overlap{Nodes: t.m.Names(claimants), Share: new(big.Rat)}
		t.overlaps[id] = o
	}
	o.Share.Add(o.Share, share)
}

// own gives share to the owners of a cell: claimants in map order, then draws.
func (t *tally) own(claimants []int, share *big.Rat) {
	slots := int(t.m.copies)
	if t.m.copies == events.EveryMatch {
		slots = max(1, len(claimants))
	}
	certain := claimants[:min(slots, len(claimants))]
	for _, i := range certain {
		t.share[i].Add(t.share[i], share)
	}
	slots -= len(certain)
	takers := t.m.takers()
	t.draw(takers, slots, share)
	t.draw(t.rest(claimants), slots-len(takers), share)
}

// rest lists the nodes that neither claim the key nor take what is left.
func (t *tally) rest(claimants []int) (places []int) {
	for i := range t.m.nodes {
		if !t.m.nodes[i].rule.IsOtherwise() && !slices.Contains(claimants, i) {
			places = append(places, i)
		}
	}
	return places
}

// draw gives share to the first n nodes of a group in every order in which
// rendezvous hashing may rank them, each by its probability.
func (t *tally) draw(group []int, n int, share *big.Rat) {
	n = min(n, len(group))
	if n <= 0 {
		return
	}
	if t.m.evenWeights(group) {
		each := new(big.Rat).Mul(share, big.NewRat(int64(n), int64(len(group))))
		for _, i := range group {
			t.share[i].Add(t.share[i], each)
		}
		return
	}
	var total int64
	for _, i := range group {
		total += int64(len(t.m.nodes[i].seeds))
	}
	for at, i := range group {
		first := new(big.Rat).Mul(share, big.NewRat(int64(len(t.m.nodes[i].seeds)), total))
		t.share[i].Add(t.share[i], first)
		t.draw(slices.Delete(slices.Clone(group), at, at+1), n-1, first)
	}
}

func (t *tally) shares(exact bool) Shares {
	s := Shares{Exact: exact, Gap: t.gap}
	for i := range t.m.nodes {
		n := &t.m.nodes[i]
		s.Nodes = append(s.Nodes, NodeShare{n.name, n.rule.String(), n.rule.IsPrefix(), t.claims[i], t.share[i]})
	}
	for _, o := range t.overlaps {
		s.Overlaps = append(s.Overlaps, *o)
	}
	slices.SortFunc(s.Overlaps, func(a, b Overlap) int {
		if by := b.Share.Cmp(a.Share); by != 0 {
			return by
		}
		return slices.Compare(a.Nodes, b.Nodes)
	})
	return s
}
