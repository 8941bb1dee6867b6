// Package quorum decides what the answers of nodes amount to: one pure state
// machine, used by whoever gathers answers.
//
// It has no clock and no network: whoever drives it tells it each answer, and
// reads the outcome when it is decided or when waiting ends. It imports package
// events only.
//
// A [Tally] says what the answers to one request amount to, an [Operation] what has
// to be asked besides, and in the end the outcome.
//
// The rules, for the one owner of a key at copies = 1 and for every claimant at
// copies = "every-match":
//
//   - Silence is never not-stored and never absent.
//   - A put or delete is done when every owner says so. With an owner silent it is
//     unknown: it may have been applied.
//   - A get wants the owners, and every node that they name as one to ask: it may
//     know something newer, from an earlier map. The newest version counts, be it
//     a value or a delete.
//   - At "every-match" one owner's value is enough when another stays silent.
//   - Any other answer of an owner is an error of that condition.
//   - An answer under another map is no owner's: it is stale-map. One under a newer
//     map makes every outcome stale-map, whoever gave it: nothing that the owners by
//     the older map say means that a key is absent.
package quorum

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"dht/events"
)

// Question is what was asked, and of whom.
type Question struct {
	Op     events.Op
	Nodes  []string     // every node of the map
	Owners []string     // of the key, the first owner first
	Map    events.MapID // by which they are; zero: whatever map an answer comes under counts
	All    bool         // decided only when every node has answered

	Broadcast bool // every node hears what is asked, not only those whose answers are wanted
}

// Outcome is what the answers amount to.
type Outcome struct {
	Status  events.Status   // stored, found, deleted, absent; error when Err is set
	Winner  events.Answer   // the answer that the status rests on
	Answers []events.Answer // one for each node, in the order of Nodes; silent ones say so
	Err     error           // wraps an events.Code; an absent key is [events.ErrNotFound]
}

// Tally collects answers to one question. It is not safe for concurrent use.
type Tally struct {
	q       Question
	answers []events.Answer
	missing int
	named   []string // nodes that may know something newer, as an owner has said before
	reason  error    // why the only owner gave no answer, if that is known
}

// New returns a tally without answers.
func New(q Question) *Tally {
	t := &Tally{q: q, answers: make([]events.Answer, len(q.Nodes)), missing: len(q.Nodes)}
	for i, name := range q.Nodes {
		t.answers[i] = events.Answer{Node: name, Status: events.StatusSilent}
	}
	return t
}

// Add takes one answer. A node's second answer (to a request sent again) and an
// answer of a node that is not in the map are ignored.
func (t *Tally) Add(a events.Answer) {
	i := slices.Index(t.q.Nodes, a.Node)
	if i < 0 || t.answers[i].Status != events.StatusSilent {
		return
	}
	if t.underAnother(&a) && a.Status != events.StatusStaleMap {
		a = events.Answer{Node: a.Node, Status: events.StatusStaleMap, Map: a.Map,
			Error: fmt.Sprintf("it holds map %s, not %s", a.Map, t.q.Map)}
	}
	t.answers[i] = a
	t.missing--
}

// NoAnswer says why a node gave none, as an error of its condition: that is the outcome
// rather than that it was silent, where it is the only owner.
func (t *Tally) NoAnswer(node string, why error) {
	if len(t.q.Owners) == 1 && t.q.Owners[0] == node {
		t.reason = why
	}
}

// underAnother reports whether an answer came under another map than the question.
func (t *Tally) underAnother(a *events.Answer) bool {
	return a.Map != t.q.Map && a.Map != events.MapID{} && t.q.Map != events.MapID{}
}

// Silent returns the nodes that have not answered.
func (t *Tally) Silent() (names []string) {
	for i := range t.answers {
		if a := &t.answers[i]; a.Status == events.StatusSilent {
			names = append(names, a.Node)
		}
	}
	return names
}

// answer is what node said, for reading: an answer is too large to be copied often.
func (t *Tally) answer(node string) *events.Answer {
	if i := slices.Index(t.q.Nodes, node); i >= 0 {
		return &t.answers[i]
	}
	return &events.Answer{Node: node, Status: events.StatusSilent}
}

func (t *Tally) silent(names []string) (still []string) {
	for _, name := range names {
		if t.answer(name).Status == events.StatusSilent {
			still = append(still, name)
		}
	}
	return still
}

// Decided reports whether no answer that may still come is wanted.
func (t *Tally) Decided() bool { return t.missing == 0 || !t.q.All && t.Certain() }

// Certain reports whether no answer that may still come can change the outcome.
func (t *Tally) Certain() bool {
	return len(t.silent(t.q.Owners)) == 0 && len(t.silent(t.toAsk())) == 0
}

// toAsk lists the nodes whose answer to a get counts beside the owners'.
func (t *Tally) toAsk() (names []string) {
	if t.q.Op != events.OpGet {
		return nil
	}
	names = append(names, t.named...)
	for _, owner := range t.q.Owners {
		names = append(names, t.answer(owner).AlsoAsk...)
	}
	return names
}

// Outcome is what the answers so far amount to, silence included.
func (t *Tally) Outcome() Outcome {
	o := t.judge()
	o.Answers = t.answers
	if o.Err != nil {
		o.Status = events.StatusError
	}
	return o
}

func (t *Tally) judge() Outcome {
	if a := t.newerMap(); a != nil {
		return refused(a)
	}
	if t.q.Op == events.OpGet {
		return t.judgeGet()
	}
	return t.judgeWrite()
}

func refused(a *events.Answer) Outcome { return Outcome{Winner: *a, Err: Refusal(*a)} }

// newerMap is an answer under a newer map than the question's, if there is one: by
// that map others may own the key.
func (t *Tally) newerMap() *events.Answer {
	for i := range t.answers {
		if a := &t.answers[i]; t.underAnother(a) && a.Map.Epoch > t.q.Map.Epoch {
			return a
		}
	}
	return nil
}

// judgeWrite wants every owner to have done it. An owner's refusal is told
// rather than another's silence: it says what to do.
func (t *Tally) judgeWrite() (o Outcome) {
	for _, owner := range t.q.Owners {
		a := t.answer(owner)
		switch a.Status {
		case events.StatusStored, events.StatusDeleted, events.StatusAbsent, events.StatusUnchanged:
			if o.Status == "" || a.Status == events.StatusDeleted {
				o.Status, o.Winner = a.Status, *a
			}
		case events.StatusSilent:
		default:
			return refused(a)
		}
	}
	if silent := t.silent(t.q.Owners); len(silent) > 0 && t.reason != nil {
		o.Err = t.reason
	} else if len(silent) > 0 {
		o.Err = fmt.Errorf("%w: %s did not answer in time; the %s may have been applied, repeat it when %[2]s is back",
			events.ErrUnknown, list(silent), t.q.Op)
	}
	return o
}

func (t *Tally) judgeGet() (o Outcome) {
	asked := t.toAsk()
	for _, node := range slices.Concat(t.q.Owners, asked) {
		a := t.answer(node)
		switch a.Status {
		case events.StatusFound, events.StatusDeleted:
			if o.Status == "" || a.Version.Compare(o.Winner.Version) > 0 {
				o.Status, o.Winner = a.Status, *a
			}
		case events.StatusAbsent, events.StatusNotStored, events.StatusSilent:
		default:
			return refused(a)
		}
	}
	if err := t.uncertain(o, asked); err != nil {
		return Outcome{Winner: o.Winner, Err: err}
	}
	if o.Status != events.StatusFound {
		o.Err = events.ErrNotFound
	}
	return o
}

// uncertain says which silence keeps a get from being answered.
func (t *Tally) uncertain(o Outcome, asked []string) error {
	for _, owner := range t.q.Owners {
		if a := t.answer(owner); a.Status == events.StatusNotStored {
			return Refusal(*a)
		}
	}
	if silent := t.silent(t.q.Owners); len(silent) > 0 && t.reason != nil {
		return t.reason
	} else if len(silent) > 0 && (o.Status != events.StatusFound || o.Winner.Owner == 0) {
		return fmt.Errorf("%w: %s did not answer", events.ErrOwnerOffline, list(silent))
	}
	if silent := t.silent(asked); len(silent) > 0 {
		return fmt.Errorf("%w: %s did not answer, and may hold the key from before the rules changed",
			events.ErrOwnerOffline, list(silent))
	}
	return nil
}

// Refusal makes a node's answer that is neither yes nor no an error of its
// condition.
func Refusal(a events.Answer) error {
	if a.Status == events.StatusNotStored {
		return fmt.Errorf("%w: %s says that it is no owner: %s", events.ErrRefused, a.Node, a.Reason)
	}
	code := cmp.Or(a.Status.Code(), a.Code, events.ErrInternal)
	if a.Error != "" {
		return fmt.Errorf("%w: %s says: %s", code, a.Node, strings.TrimPrefix(a.Error, code.Error()+": "))
	}
	return fmt.Errorf("%w: so says %s", code, a.Node)
}

func list(names []string) string { return strings.Join(names, " and ") }
