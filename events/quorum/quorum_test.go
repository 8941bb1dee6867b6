package quorum_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"dht/events"
	"dht/events/quorum"
)

var (
	clock = events.NewClock(time.Now)
	older = clock.Next()
	newer = clock.Next()
	nodes = []string{"linux", "mac", "android"}
)

// answers reads "linux stored, mac found@2, android absent?mac": node, status,
// version 1 or 2 behind @, nodes to ask behind ?.
func answers(text string) (list []events.Answer) {
	for _, part := range strings.Split(text, ", ") {
		node, status, ok := strings.Cut(part, " ")
		if !ok {
			continue
		}
		a := events.Answer{Node: node}
		if s, ask, ok := strings.Cut(status, "?"); ok {
			status, a.AlsoAsk = s, strings.Split(ask, "+")
		}
		status, version, _ := strings.Cut(status, "@")
		a.Status, a.Owner = events.Status(status), map[bool]int{true: 1}[node == "linux"]
		a.Version = map[string]events.Version{"": {}, "1": older, "2": newer}[version]
		list = append(list, a)
	}
	return list
}

func TestTally(t *testing.T) {
	const waiting = "waiting"
	for _, tt := range []struct {
		op      events.Op
		owners  string
		answers string
		want    string // waiting, or the outcome's status and the winner's node
		late    error  // the outcome when waiting ends; nil: as in want
	}{
		{events.OpPut, "linux", "", waiting, events.ErrUnknown},
		{events.OpPut, "linux", "mac not-stored, android not-stored", waiting, events.ErrUnknown},
		{events.OpPut, "linux", "linux stored", "stored linux", nil},
		{events.OpPut, "linux", "linux superseded@2", "error linux", events.ErrSuperseded},
		{events.OpPut, "linux", "linux not-stored", "error linux", events.ErrRefused},
		{events.OpPut, "linux", "linux stale-map", "error linux", events.ErrStaleMap},
		{events.OpPut, "linux", "linux busy", "error linux", events.ErrBusy},
		{events.OpPut, "linux", "linux readonly", "error linux", events.ErrReadOnly},
		{events.OpPut, "linux", "linux error", "error linux", events.ErrInternal},
		{events.OpPut, "linux mac", "linux stored", waiting, events.ErrUnknown},
		{events.OpPut, "linux mac", "linux stored, mac stored", "stored linux", nil},
		{events.OpPut, "linux mac", "linux stored, mac superseded@2", "error mac", events.ErrSuperseded},
		{events.OpDelete, "linux", "linux deleted", "deleted linux", nil},
		{events.OpDelete, "linux", "linux absent", "absent linux", nil},
		{events.OpDelete, "linux mac", "linux absent, mac deleted", "deleted mac", nil},
		{events.OpDelete, "linux", "mac not-stored", waiting, events.ErrUnknown},

		{events.OpGet, "linux", "linux found@1", "found linux", nil},
		{events.OpGet, "linux", "mac found@2", waiting, events.ErrOwnerOffline},
		{events.OpGet, "linux", "mac found@2, linux found@1", "found linux", nil},
		{events.OpGet, "linux", "linux not-stored", "error ", events.ErrRefused},
		{events.OpGet, "linux", "linux absent", "error ", events.ErrNotFound},
		{events.OpGet, "linux", "linux deleted@2", "error linux", events.ErrNotFound},
		{events.OpGet, "linux", "linux deleted@2?mac, mac found@1", "error linux", events.ErrNotFound},
		{events.OpGet, "linux", "linux deleted@1?mac, mac found@2", "found mac", nil},
		{events.OpGet, "linux", "linux found@1?mac", waiting, events.ErrOwnerOffline},
		{events.OpGet, "linux", "linux found@1?mac, mac not-stored", "found linux", nil},
		{events.OpGet, "linux", "linux found@1?mac, mac found@2", "found mac", nil},
		{events.OpGet, "linux", "linux found@1?mac, mac deleted@2", "error mac", events.ErrNotFound},
		{events.OpGet, "linux", "linux found@1?mac, mac corrupt", "error mac", events.ErrCorrupt},
		{events.OpGet, "linux", "linux absent?mac", waiting, events.ErrOwnerOffline},
		{events.OpGet, "linux", "linux absent?mac, mac not-stored", "error ", events.ErrNotFound},
		{events.OpGet, "linux", "linux absent?mac, mac found@1", "found mac", nil},
		{events.OpGet, "linux", "linux absent?mac+android, mac found@1", waiting, events.ErrOwnerOffline},
		{events.OpGet, "linux", "linux absent?mac+android, mac found@1, android found@2", "found android", nil},
		{events.OpGet, "linux", "linux corrupt", "error linux", events.ErrCorrupt},
		{events.OpGet, "linux mac", "linux found@1", waiting, nil},
		{events.OpGet, "linux mac", "linux found@1, mac found@2", "found mac", nil},
		{events.OpGet, "linux mac", "linux found@1, mac deleted@2", "error mac", events.ErrNotFound},
		{events.OpGet, "linux mac", "linux found@1, mac absent", "found linux", nil},
		{events.OpGet, "linux mac", "linux absent", waiting, events.ErrOwnerOffline},
		{events.OpGet, "linux mac", "linux absent, mac absent", "error ", events.ErrNotFound},
	} {
		name := fmt.Sprintf("%s of %s: %s", tt.op, tt.owners, tt.answers)
		tally := quorum.New(quorum.Question{Op: tt.op, Nodes: nodes, Owners: strings.Fields(tt.owners)})
		for _, a := range answers(tt.answers) {
			tally.Add(a)
		}
		o := tally.Outcome()
		got := fmt.Sprintf("%s %s", o.Status, o.Winner.Node)
		if !tally.Decided() {
			got = waiting
		}
		if got != tt.want || !errors.Is(o.Err, tt.late) {
			t.Errorf("%s\n got %s, %v\nwant %s, %v", name, got, o.Err, tt.want, tt.late)
		}
	}
}

// TestTally_AnotherMap: what comes under another map is no owner's answer, and no
// conflict of maps ever makes an absent.
func TestTally_AnotherMap(t *testing.T) {
	older, mine, other, newer := events.MapID{Epoch: 1, Hash: 1}, events.MapID{Epoch: 2, Hash: 2}, events.MapID{Epoch: 2, Hash: 7}, events.MapID{Epoch: 3, Hash: 3}
	for _, tt := range []struct {
		op      events.Op
		answers string
		maps    []events.MapID
		want    error
	}{
		{events.OpGet, "linux absent", []events.MapID{mine}, events.ErrNotFound},
		{events.OpGet, "linux absent", []events.MapID{{}}, events.ErrNotFound}, // it does not say
		{events.OpGet, "linux absent", []events.MapID{older}, events.ErrStaleMap},
		{events.OpGet, "linux absent", []events.MapID{other}, events.ErrStaleMap},
		{events.OpGet, "linux absent", []events.MapID{newer}, events.ErrStaleMap},
		{events.OpGet, "linux deleted@2", []events.MapID{older}, events.ErrStaleMap},
		{events.OpGet, "linux found@2", []events.MapID{older}, events.ErrStaleMap},
		{events.OpGet, "linux not-stored", []events.MapID{other}, events.ErrStaleMap},
		{events.OpGet, "linux absent?mac, mac not-stored", []events.MapID{mine, mine}, events.ErrNotFound},
		{events.OpGet, "linux absent?mac, mac not-stored", []events.MapID{mine, older}, events.ErrStaleMap},
		{events.OpGet, "linux absent?mac, mac stale-map", []events.MapID{mine, older}, events.ErrStaleMap},
		{events.OpGet, "linux absent, mac stale-map", []events.MapID{mine, newer}, events.ErrStaleMap},
		{events.OpGet, "mac stale-map, linux absent", []events.MapID{newer, mine}, events.ErrStaleMap},
		{events.OpGet, "linux absent, mac not-stored", []events.MapID{mine, newer}, events.ErrStaleMap},
		{events.OpGet, "linux found@1, mac stale-map", []events.MapID{mine, newer}, events.ErrStaleMap},
		{events.OpGet, "linux found@1, mac stale-map", []events.MapID{mine, older}, nil},
		{events.OpGet, "linux corrupt, mac stale-map", []events.MapID{mine, newer}, events.ErrStaleMap},
		{events.OpPut, "linux stored", []events.MapID{mine}, nil},
		{events.OpPut, "linux stored", []events.MapID{older}, events.ErrStaleMap},
		{events.OpPut, "linux stored, mac stale-map", []events.MapID{mine, newer}, events.ErrStaleMap},
		{events.OpPut, "linux stored, mac stale-map", []events.MapID{mine, older}, nil},
		{events.OpPut, "linux superseded@2", []events.MapID{older}, events.ErrStaleMap},
		{events.OpDelete, "linux absent", []events.MapID{other}, events.ErrStaleMap},
		{events.OpUpdate, "linux unchanged", []events.MapID{older}, events.ErrStaleMap},
	} {
		tally := quorum.New(quorum.Question{Op: tt.op, Nodes: nodes, Owners: nodes[:1], Map: mine})
		for i, a := range answers(tt.answers) {
			a.Map = tt.maps[i]
			tally.Add(a)
		}
		if o := tally.Outcome(); !errors.Is(o.Err, tt.want) || !tally.Certain() {
			t.Errorf("%s: %s under %v: %v, want %v", tt.op, tt.answers, tt.maps, o.Err, tt.want)
		}
	}
}

func TestTally_AllWaitsForEveryNode(t *testing.T) {
	tally := quorum.New(quorum.Question{Op: events.OpPut, Nodes: nodes, Owners: nodes[:1], All: true})
	for i, a := range answers("linux stored, mac not-stored, android not-stored") {
		if tally.Decided() {
			t.Fatalf("decided after %d answers", i)
		}
		tally.Add(a)
	}
	if !tally.Decided() || len(tally.Silent()) != 0 {
		t.Error("not decided though every node has answered")
	}
}

func TestTally_IgnoresStrangersAndSecondAnswers(t *testing.T) {
	tally := quorum.New(quorum.Question{Op: events.OpPut, Nodes: nodes, Owners: nodes[:1]})
	for _, a := range answers("toaster stored, mac not-stored, mac stored, linux stored, linux superseded") {
		tally.Add(a)
	}
	o := tally.Outcome()
	if o.Err != nil || o.Winner.Node != "linux" || o.Answers[1].Status != events.StatusNotStored || o.Answers[2].Status != events.StatusSilent {
		t.Errorf("%+v", o)
	}
}

// TestTally_DecidedIsFinal adds random answers in random order: once decided,
// nothing that comes later changes the outcome.
func TestTally_DecidedIsFinal(t *testing.T) {
	statuses := []string{"stored", "superseded@2", "not-stored", "found@1", "found@2", "absent", "absent?mac", "absent?mac+android",
		"deleted@1", "deleted@2", "found@1?mac", "deleted@1?android", "corrupt", "stale-map", "busy", "error"}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		op := []events.Op{events.OpPut, events.OpGet, events.OpDelete}[random.IntN(3)]
		tally := quorum.New(quorum.Question{Op: op, Nodes: nodes, Owners: nodes[:1]})
		decided := ""
		for _, i := range random.Perm(len(nodes)) {
			status := statuses[random.IntN(len(statuses))]
			if i > 0 && !slices.Contains([]string{"not-stored", "found@1", "found@2", "deleted@1", "deleted@2"}, status) {
				status = "not-stored" // what a node that is no owner may say
			}
			tally.Add(answers(nodes[i] + " " + status)[0])
			o := tally.Outcome()
			now := fmt.Sprint(o.Status, o.Winner.Node, o.Err)
			if decided != "" && now != decided {
				t.Fatalf("seed %d: decided as %s, then %s", seed, decided, now)
			}
			if tally.Decided() {
				decided = now
			}
		}
	}
}
