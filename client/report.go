package client

import (
	"time"
	"unicode/utf8"

	"dht/events"
	"dht/nodes/placement"
)

// Reports are results as JSON tells them, on the command line (`--json`) and
// over HTTP: a contract, fields are only ever added.

// KeyText is a key in JSON: key64 stands for key when it is not UTF-8.
type KeyText struct {
	Key   string `json:"key,omitempty"`
	Key64 []byte `json:"key64,omitempty"`
}

// TextOf is key in JSON.
func TextOf(key []byte) KeyText {
	if utf8.Valid(key) {
		return KeyText{Key: string(key)}
	}
	return KeyText{Key64: key}
}

// AnswerReport is what one node answered.
type AnswerReport struct {
	Node   string        `json:"node"`
	Status events.Status `json:"status"`
	Owner  int           `json:"owner,omitempty"`
	Reason string        `json:"reason,omitempty"`
	Error  string        `json:"error,omitempty"`
	Code   events.Code   `json:"code,omitempty"`
}

func reportAnswers(answers []events.Answer) []AnswerReport {
	list := make([]AnswerReport, len(answers))
	for i, a := range answers {
		list[i] = AnswerReport{a.Node, a.Status, a.Owner, a.Reason, a.Error, a.Code}
	}
	return list
}

// WriteReport is what became of a put or a delete.
type WriteReport struct {
	KeyText
	Status  events.Status  `json:"status"`
	Version events.Version `json:"version,omitzero"`
	Answers []AnswerReport `json:"answers"`
}

// Report tells what became of a put or a delete.
func (r Result) Report() WriteReport {
	return WriteReport{TextOf(r.Key), r.Status, r.Version, reportAnswers(r.Answers)}
}

// TrialReport is one rule tried on a key.
type TrialReport struct {
	Node   string `json:"node"`
	Rule   string `json:"rule"`
	Claims bool   `json:"claims"`
	Why    string `json:"why"`
}

// ExplainReport is the whole story of one key.
type ExplainReport struct {
	KeyText
	Hashes  map[placement.Hash]string `json:"hashes"`
	Rules   []TrialReport             `json:"rules"`
	Owners  []string                  `json:"owners"`
	Source  string                    `json:"source"` // of the rules: "cluster", or the file when no node answers
	Answers []AnswerReport            `json:"answers"`
}

// FromCluster is the source of an explanation whose rules the nodes gave.
const FromCluster = "cluster"

// Report tells the whole story; source says whose rules they are.
func (e Explanation) Report(source string) ExplainReport {
	out := ExplainReport{KeyText: TextOf(e.Key), Hashes: e.Hashes, Owners: e.Owners, Source: source,
		Answers: reportAnswers(e.Answers)}
	for _, t := range e.Trials {
		out.Rules = append(out.Rules, TrialReport{t.Node, t.Rule, t.Claims, t.Why})
	}
	return out
}

// KeyReport is one key of a listing.
type KeyReport struct {
	KeyText
	Node    string         `json:"node"`
	Version events.Version `json:"version"`
	Expires int64          `json:"expires,omitempty"` // unix milliseconds
	Bytes   int64          `json:"bytes"`             // of the value
}

// Report tells where a key is.
func (k Key) Report() KeyReport {
	return KeyReport{TextOf(k.Key), k.Node, k.Version, k.Expires, k.Bytes}
}

// ChangeReport is one change of a key.
type ChangeReport struct {
	Time  time.Time        `json:"time"`
	Event events.EventType `json:"event"`
	KeyText
	Node    string         `json:"node"`
	Version events.Version `json:"version"`
	Expires int64          `json:"expires,omitempty"` // unix milliseconds
	Bytes   int64          `json:"bytes"`             // of the value
}

// Report tells of a change.
func (c Change) Report() ChangeReport {
	return ChangeReport{c.ID.Time().UTC(), c.Type, TextOf(c.Key), c.Node, c.Version, c.Expires, c.Bytes}
}
