package events

import (
	"cmp"
	"crypto/rand"
	"strings"
)

// Subjects forms every NATS subject of one cluster; nothing else formats one.
// Keys never appear in a subject: a subject over 4 KB closes a connection, and
// a key may hold any bytes.
type Subjects struct{ prefix string }

// DefaultPrefix is the first token of every subject unless the cluster file
// says otherwise.
const DefaultPrefix = "dht"

// NewSubjects returns the subjects below prefix, or below [DefaultPrefix] when
// prefix is empty.
func NewSubjects(prefix string) Subjects {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	return Subjects{prefix}
}

// Broadcast is where op is asked of every node: "dht.put".
func (s Subjects) Broadcast(op Op) string { return s.prefix + "." + string(op) }

// Node is where op is asked of one node: "dht.node.linux.put".
func (s Subjects) Node(name string, op Op) string {
	return s.prefix + ".node." + name + "." + string(op)
}

// Event is where node name publishes what happens to it: "dht.event.linux.put".
func (s Subjects) Event(name string, t EventType) string {
	return s.prefix + ".event." + name + "." + string(t)
}

// Events matches every event of every node.
func (s Subjects) Events() string { return s.prefix + ".event.>" }

// All matches everything that belongs to the cluster.
func (s Subjects) All() string { return s.prefix + ".>" }

// Own reports whether subject belongs to the cluster.
func (s Subjects) Own(subject string) bool {
	return len(subject) > len(s.prefix) && subject[len(s.prefix)] == '.' && subject[:len(s.prefix)] == s.prefix
}

// Op says which operation a request's subject asks for, and of which node
// ("" for the broadcast). ok is false for a subject that is no request.
func (s Subjects) Op(subject string) (node string, op Op, ok bool) {
	rest, found := strings.CutPrefix(subject, s.prefix+".")
	if !found {
		return "", "", false
	}
	if addressed, isNode := strings.CutPrefix(rest, "node."); isNode {
		node, rest, found = strings.Cut(addressed, ".")
		if !found {
			return "", "", false
		}
	}
	op = Op(rest)
	return node, op, op.valid()
}

// NewInbox is where answers are wanted, below prefix or "_INBOX": a subject that
// nobody can guess. Those of NATS libraries count on from one that was seen.
func NewInbox(prefix string) string { return cmp.Or(prefix, "_INBOX") + "." + rand.Text() }

// Violation is what a NATS server does not permit.
type Violation struct {
	Subject   string
	Subscribe bool // rather than to publish
}

// ReadViolation reads the words in which a NATS server refuses something.
func ReadViolation(text string) (v Violation) {
	v.Subscribe = strings.Contains(text, "for Subscription to ")
	if _, rest, found := strings.Cut(text, ` "`); found {
		v.Subject, _, _ = strings.Cut(rest, `"`)
	}
	return v
}

func (v Violation) String() string {
	if v.Subscribe {
		return "subscribe to " + v.Subject
	}
	return "publish to " + v.Subject
}
