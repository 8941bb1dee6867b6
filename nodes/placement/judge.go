package placement

import "strings"

// Verdict is what one node finds out by itself about one key.
type Verdict struct {
	Owner  int      // 1 for the first owner, 2 …; 0 for a node that is no owner
	Reason string   // for a node that is no owner: why
	Owners []string // for a node that is no owner: who is; not to be modified
}

// Ordinal is 1 when the node at place is the first owner of key, 2 …; 0 when it
// is no owner.
func (m *Map) Ordinal(place int, key []byte) int {
	var room [8]int
	for i, owner := range m.Owners(key, room[:0]) {
		if owner == place {
			return i + 1
		}
	}
	return 0
}

// Judge applies the rules to key for the node at place.
func (m *Map) Judge(place int, key []byte) Verdict {
	var room [8]int
	d := digests{key: key}
	owners := m.owners(&d, room[:0])
	for i, owner := range owners {
		if owner == place {
			return Verdict{Owner: i + 1}
		}
	}
	v := Verdict{}
	if len(owners) == 1 {
		v.Owners, v.Reason = m.nodes[owners[0]].alone, m.nodes[owners[0]].first
	} else {
		v.Owners = m.Names(owners)
		v.Reason = comeFirst(v.Owners)
	}
	if rule := &m.nodes[place].rule; !rule.IsOtherwise() && !rule.claims(&d) {
		v.Reason = rule.refusal(&d)
	}
	return v
}

func comeFirst(owners []string) string {
	verb := " comes first"
	if len(owners) > 1 {
		verb = " come first"
	}
	return strings.Join(owners, " and ") + verb
}

// Trial is one rule tried on one key.
type Trial struct {
	Node   string
	Rule   string
	Claims bool
	Why    string // what is true of the key: "md5 % 2 == 1"
}

// Explanation is the story of one key's placement.
type Explanation struct {
	Hashes map[Hash]string // in hexadecimal digits, of every hash that the rules use
	Trials []Trial         // in map order
	Owners []string        // first owner first
}

// Explain tells how the map places key.
func (m *Map) Explain(key []byte) Explanation {
	d := digests{key: key}
	e := Explanation{Hashes: map[Hash]string{}, Owners: m.Names(m.owners(&d, []int{}))}
	claimed := len(m.claimants(&d, nil, len(m.nodes))) > 0
	for i := range m.nodes {
		rule := &m.nodes[i].rule
		if h, ok := rule.Hash(); ok {
			e.Hashes[h] = h.Hex(key)
		}
		e.Trials = append(e.Trials, Trial{
			Node:   m.nodes[i].name,
			Rule:   rule.String(),
			Claims: rule.claims(&d) || rule.IsOtherwise() && !claimed,
			Why:    rule.why(&d, claimed),
		})
	}
	return e
}

func (r *Rule) why(d *digests, claimed bool) string {
	switch {
	case r.IsOtherwise() && claimed:
		return "another rule claims it"
	case r.IsOtherwise():
		return "no other rule claims it"
	case r.claims(d):
		return r.evidence(d)
	}
	return r.refusal(d)
}
