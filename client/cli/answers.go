package cli

import (
	"unicode/utf8"

	"dht/client"
	"dht/events"
)

// keyJSON is a key in JSON: key64 stands for key when it is not UTF-8.
type keyJSON struct {
	Key   string `json:"key,omitempty"`
	Key64 []byte `json:"key64,omitempty"`
}

func keyOf(key []byte) keyJSON {
	if utf8.Valid(key) {
		return keyJSON{Key: string(key)}
	}
	return keyJSON{Key64: key}
}

// answerJSON is what one node answered.
type answerJSON struct {
	Node   string        `json:"node"`
	Status events.Status `json:"status"`
	Owner  int           `json:"owner,omitempty"`
	Reason string        `json:"reason,omitempty"`
	Error  string        `json:"error,omitempty"`
	Code   events.Code   `json:"code,omitempty"`
}

func answersOf(answers []events.Answer) []answerJSON {
	list := make([]answerJSON, len(answers))
	for i, a := range answers {
		list[i] = answerJSON{a.Node, a.Status, a.Owner, a.Reason, a.Error, a.Code}
	}
	return list
}

// writeJSON is what became of a put or a delete.
type writeJSON struct {
	keyJSON
	Status  events.Status  `json:"status"`
	Version events.Version `json:"version,omitzero"`
	Answers []answerJSON   `json:"answers"`
}

func writeOf(r client.Result) writeJSON {
	return writeJSON{keyOf(r.Key), r.Status, r.Version, answersOf(r.Answers)}
}
