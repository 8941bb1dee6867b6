package members

import (
	"time"

	"dht/events"
)

// claim is what a node says for which this one cannot be on the bus with it. Where
// two answer in its name, and one of them says nothing such, somebody makes it up.
type claim struct {
	info events.Info // empty once it was denied
	at   time.Time
}

const (
	// ClaimFor is how long a claim may be denied.
	ClaimFor   = 200 * time.Millisecond
	mostClaims = 16
)

// Claim takes such an answer to a question that only this node was asked. It reports
// whether it is the first answer to it, which is to be judged after [ClaimFor].
func (t *Table) Claim(question string, info events.Info, now time.Time) (first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.claim(question, info, now)
}

// Deny takes an answer to the same question that says nothing such, be it the first
// or the last.
func (t *Table) Deny(question string, now time.Time) (first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if earlier, claimed := t.claims[question]; claimed {
		t.claims[question] = claim{at: earlier.at}
		return false
	}
	return t.claim(question, events.Info{}, now)
}

func (t *Table) claim(question string, info events.Info, now time.Time) (first bool) {
	if _, claimed := t.claims[question]; claimed || len(t.claims) >= mostClaims {
		return false
	}
	t.claims[question] = claim{info, now}
	return true
}

// Undenied returns what nobody has denied in time, each once. waiting reports whether
// claims are left that are to be judged later.
func (t *Table) Undenied(now time.Time) (infos []events.Info, waiting bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for question, c := range t.claims {
		if now.Sub(c.at) < ClaimFor {
			waiting = true
			continue
		}
		delete(t.claims, question)
		if c.info.Node != "" {
			infos = append(infos, c.info)
		}
	}
	return infos, waiting
}
