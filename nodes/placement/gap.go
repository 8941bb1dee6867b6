package placement

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

const (
	gapProbes = 1 << 20 // keys tried, at most
	gapSteps  = 1 << 22 // rules tried on them, at most
	maxPeriod = 1 << 20 // of moduli that are looked at residue by residue
)

// Gap looks for a key that no node would keep. It returns gap = true with an
// empty key when it cannot show that there is none.
//
// Hashes are independent of each other: a key that no rule claims is left unless
// the rules of one hash, or the prefixes, claim all keys by themselves.
func (m *Map) Gap() (key string, gap bool) {
	for i := range m.nodes {
		if r := m.nodes[i].rule; r.IsOtherwise() || r.claimsEverything() {
			return "", false
		}
	}
	classes := m.classes()
	for _, h := range Hashes() {
		if cover(slices.DeleteFunc(slices.Clone(classes), func(c class) bool { return c.hash != h })) {
			return "", false
		}
	}
	if m.prefixesCover() {
		return "", false
	}
	return m.unclaimed(classes), true
}

// class is what the rules of one hash and one modulus claim.
type class struct {
	hash Hash
	mod  uint64
	runs []run // of residues: in order, none next to another
}

type run struct{ from, to uint64 } // both included

// classes gathers the rules by hash and modulus, those that claim most first.
func (m *Map) classes() (list []class) {
	for i := range m.nodes {
		r := &m.nodes[i].rule
		if r.kind != residue {
			continue
		}
		at := slices.IndexFunc(list, func(c class) bool { return c.hash == r.hash && c.mod == r.mod })
		if at < 0 {
			at, list = len(list), append(list, class{hash: r.hash, mod: r.mod})
		}
		list[at].runs = append(list[at].runs, run{r.lo, r.hi})
	}
	for i := range list {
		list[i].runs = joined(list[i].runs)
	}
	slices.SortStableFunc(list, func(a, b class) int { return cmp.Compare(b.share(), a.share()) })
	return list
}

// joined sorts runs and makes one of those that overlap or touch.
func joined(runs []run) []run {
	slices.SortFunc(runs, func(a, b run) int { return cmp.Compare(a.from, b.from) })
	out := runs[:1]
	for _, r := range runs[1:] {
		if last := &out[len(out)-1]; r.from <= last.to+1 {
			last.to = max(last.to, r.to)
		} else {
			out = append(out, r)
		}
	}
	return out
}

func (c *class) share() (sum float64) {
	for _, r := range c.runs {
		sum += (float64(r.to-r.from) + 1) / float64(c.mod)
	}
	return sum
}

func (c *class) full() bool { return c.runs[0] == run{0, c.mod - 1} }

func (c *class) claims(residue uint64) bool {
	_, found := slices.BinarySearchFunc(c.runs, residue, func(r run, n uint64) int {
		switch {
		case n < r.from:
			return 1
		case n > r.to:
			return -1
		}
		return 0
	})
	return found
}

// cover reports whether classes of one hash surely claim every key. Moduli without
// a common factor are independent of each other, like hashes.
func cover(classes []class) bool {
	for len(classes) > 0 {
		var kin []class
		kin, classes = related(classes)
		if slices.ContainsFunc(kin, func(c class) bool { return c.full() }) || len(kin) > 1 && coverTogether(kin) {
			return true
		}
	}
	return false
}

// related takes the first class and all that hang together with it by common
// factors of their moduli.
func related(classes []class) (kin, rest []class) {
	kin, rest = classes[:1:1], classes[1:]
	for i := 0; i < len(kin); i++ {
		var others []class
		for _, c := range rest {
			if gcd(kin[i].mod, c.mod) > 1 {
				kin = append(kin, c)
			} else {
				others = append(others, c)
			}
		}
		rest = others
	}
	return kin, rest
}

// coverTogether looks at each residue of the moduli's least common multiple.
func coverTogether(classes []class) bool {
	period, sum := uint64(1), 0.0
	for _, c := range classes {
		sum += c.share()
		if period = lcm(period, c.mod); period == 0 || period > maxPeriod {
			return false
		}
	}
	const rounding = 1e-9
	if sum < 1-rounding {
		return false
	}
	claimed := make([]bool, period)
	for _, c := range classes {
		for start := uint64(0); start < period; start += c.mod {
			for _, r := range c.runs {
				for i := start + r.from; i <= start+r.to; i++ {
					claimed[i] = true
				}
			}
		}
	}
	return !slices.Contains(claimed, false)
}

// prefixesCover reports whether every key begins with a prefix of a rule: no key is
// empty, and one of a single byte has no longer prefix.
func (m *Map) prefixesCover() bool {
	first := map[string]bool{}
	for i := range m.nodes {
		if r := &m.nodes[i].rule; r.kind == prefix && len(r.prefix) == 1 {
			first[r.prefix] = true
		}
	}
	return len(first) == 1<<8
}

// unclaimed finds a key that no rule claims, "" when it takes too long.
func (m *Map) unclaimed(classes []class) string {
	steps, stem := 0, m.stem()
	for i := 0; i < gapProbes && steps < gapSteps; i++ {
		key := stem + strconv.Itoa(i)
		d := digests{key: []byte(key)}
		steps++
		claimed := slices.ContainsFunc(classes, func(c class) bool {
			steps++
			return c.claims(d.residue(c.hash, c.mod))
		})
		if !claimed && len(m.claimants(&d, nil, 1)) == 0 {
			return key
		}
	}
	return ""
}

// stem is a beginning of keys that no prefix claims: none where numbers are not
// claimed.
func (m *Map) stem() string {
	var prefixes []string
	number := false
	for i := range m.nodes {
		if r := &m.nodes[i].rule; r.kind == prefix {
			prefixes = append(prefixes, r.prefix)
			number = number || '0' <= r.prefix[0] && r.prefix[0] <= '9'
		}
	}
	if !number {
		return ""
	}
	stem, _ := free(prefixes, "")
	return stem
}

// free finds a text that begins with stem, with which no prefix begins and which
// begins with none. All prefixes are longer than stem and begin with it.
func free(prefixes []string, stem string) (string, bool) {
	if len(prefixes) == 0 {
		return stem, true
	}
	for i := range 1 << 8 {
		longer := stem + string([]byte{byte('a' + i)}) // letters first
		if slices.Contains(prefixes, longer) {
			continue
		}
		below := slices.DeleteFunc(slices.Clone(prefixes), func(p string) bool { return !strings.HasPrefix(p, longer) })
		if found, ok := free(below, longer); ok {
			return found, true
		}
	}
	return "", false
}
