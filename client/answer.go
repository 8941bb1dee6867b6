package client

import (
	"bytes"
	"fmt"

	"dht/events"
	"dht/nodes/placement"
)

// Whose answer counts: whoever hears a question may reply to it, a JetStream
// stream and an observer too. A reply is an answer only when it names a node and
// is of the shape that the question asks for; anything else is as good as
// silence. Which nodes there are says the map: see quorum.Tally for a question to
// all of them, a question to one node takes the answer of that node alone.

// answerIn is the one answer to a request of one entry.
func answerIn(reply []byte, op events.Op) (a events.Answer, ok bool) {
	rest, err := events.NextAnswer(reply, &a)
	return a, err == nil && len(rest) == 0 && answers(op, &a)
}

// answers reports whether a is of a kind that nodes give to op.
func answers(op events.Op, a *events.Answer) bool {
	switch a.Status {
	case "", events.StatusSilent, events.StatusListed: // these are never on the wire
		return false
	case events.StatusStored:
		return op == events.OpPut || op == events.OpUpdate
	case events.StatusFound:
		return op == events.OpGet
	}
	return a.Node != ""
}

// answersIn are the n answers of one node to a message of n entries, or its one
// refusal of the whole message.
func answersIn(reply []byte, node string, op events.Op, n int) (list []events.Answer, ok bool) {
	list, err := events.DecodeAnswers(reply)
	if err != nil || len(list) != n && !(len(list) == 1 && list[0].Code != "") {
		return nil, false
	}
	for i := range list {
		if list[i].Node != node || !answers(op, &list[i]) {
			return nil, false
		}
	}
	return list, true
}

// pageIn is what one node lists: keys, and its last word. The keys are in order
// behind the one that was asked for, or a listing would go round in circles; and
// only a last word that says whether there is more makes it whole.
func pageIn(reply []byte, node string, r events.Request) (keys []events.Answer, last events.Answer, ok bool) {
	list, err := events.DecodeAnswers(reply)
	if err != nil || len(list) == 0 {
		return nil, last, false
	}
	keys, last = list[:len(list)-1], list[len(list)-1]
	before := r.After
	for i := range keys {
		k := &keys[i]
		if k.Node != "" && k.Node != node || bytes.Compare(k.Key, before) <= 0 || !bytes.HasPrefix(k.Key, r.Prefix) {
			return nil, last, false
		}
		before = k.Key
	}
	refused := last.Code != ""
	whole := last.Status == "" && bytes.Contains(reply, []byte(`"more":`)) && (len(keys) > 0 || !last.More)
	return keys, last, last.Node == node && len(last.Key) == 0 && (refused || whole)
}

// infoIn is what a node of the map that it holds says of itself. Any other info
// is an error.
func infoIn(reply []byte) (info events.Info, m *placement.Map, err error) {
	if info, err = events.DecodeInfo(reply); err != nil {
		return info, nil, err
	}
	// That its rules leave no gap, the nodes have checked.
	if m, err = placement.Parse(info.Cluster); err != nil {
		return info, nil, fmt.Errorf("cluster map of %s: %w", info.Node, err)
	}
	if m.ID() != info.Map || m.Index(info.Node) < 0 {
		return info, nil, fmt.Errorf("%w: %s names map %s, and is not of it", events.ErrBadRequest, info.Node, info.Map)
	}
	return info, m, nil
}
