package monitor_test

import (
	"slices"
	"testing"

	"dht/client/monitor"
	"dht/events"
)

func TestFaults(t *testing.T) {
	cards := func(change func(linux, mac, android *monitor.Card)) []monitor.Card {
		list := []monitor.Card{{Name: "linux"}, {Name: "mac"}, {Name: "android"}}
		for i, platform := range []string{"linux/amd64", "darwin/arm64", "android/arm64"} {
			list[i].Up, list[i].Build, list[i].Map = true, "v1 go1.26 "+platform, events.MapID{Epoch: 1, Hash: 1}
		}
		change(&list[0], &list[1], &list[2])
		return list
	}
	link := func(to string, path events.LinkPath, state events.LinkState) []events.Link {
		return []events.Link{{To: to, Path: path, State: state}}
	}
	down := func(nodes ...*monitor.Card) {
		for _, c := range nodes {
			*c = monitor.Card{Name: c.Name}
		}
	}
	for _, tt := range []struct {
		what   string
		change func(linux, mac, android *monitor.Card)
		want   []string
	}{
		{"all is well", func(linux, mac, _ *monitor.Card) {
			linux.Links, mac.Links = link("mac", events.PathRoute, events.LinkUp), link("linux", events.PathTCP, events.LinkIdle)
		}, nil},
		{"a node is down, and so are the links to it", func(linux, mac, _ *monitor.Card) {
			down(mac)
			linux.Links = link("mac", events.PathRoute, events.LinkDown)
		}, []string{"mac is down: what only it keeps is offline."}},
		{"two nodes are down", func(linux, mac, _ *monitor.Card) { down(linux, mac) },
			[]string{"linux and mac are down: what only they keep is offline."}},
		{"a route, as both its ends report", func(linux, mac, _ *monitor.Card) {
			linux.Links, mac.Links = link("mac", events.PathRoute, events.LinkDown), link("linux", events.PathRoute, events.LinkDown)
		}, []string{"The route between linux and mac is down."}},
		{"other links", func(linux, mac, _ *monitor.Card) {
			linux.Links, mac.Links = link("mac", events.PathTCP, events.LinkDown), link("nats://bus:4222", events.PathNATS, events.LinkDown)
		}, []string{"linux could not reach mac over TCP when it last tried.", "mac has lost its NATS server, nats://bus:4222."}},
		{"a full disk", func(_, mac, _ *monitor.Card) { mac.Unready = "read-only: no space left on device" },
			[]string{"mac is not ready: read-only: no space left on device."}},
		{"misplaced keys", func(_, _, android *monitor.Card) { android.Misplaced = 3 },
			[]string{"Misplaced on android: 3. The rules give them to other nodes."}},
		{"another map, another build", func(_, _, android *monitor.Card) {
			android.Map.Epoch, android.Build = 2, "v2 go1.26 android/arm64"
		}, []string{"android has another cluster map than most: 2-0000000000000001, not 1-0000000000000001.",
			"android has another build than most: v2, not v1."}},
		{"builds of one commit, and one that does not say", func(linux, mac, android *monitor.Card) {
			linux.Build = "v0.0.0-20261128124513-0123456789ab go1.26.8 linux/amd64"
			mac.Build = "v0.0.0-20261128124513-0123456789ab+dirty go1.27.0 darwin/arm64"
			android.Build = "(devel) go1.26.8 android/arm64"
		}, nil},
		{"builds of two commits", func(linux, mac, android *monitor.Card) {
			linux.Build = "v0.0.0-20261128124513-0123456789ab go1.26.8 linux/amd64"
			mac.Build, android.Build = linux.Build, "v0.0.0-20261128124514-ba9876543210 go1.26.8 android/arm64"
		}, []string{"android has another build than most: ba9876543210, not 0123456789ab."}},
		{"many nodes", func(linux, mac, android *monitor.Card) { down(linux, mac, android) },
			[]string{"linux, mac and android are down: what only they keep is offline."}},
	} {
		if got := monitor.Faults(cards(tt.change)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
}

func TestFaults_NamesFew(t *testing.T) {
	var cards []monitor.Card
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		cards = append(cards, monitor.Card{Name: name})
	}
	want := []string{"a, b and 3 more are down: what only they keep is offline."}
	if got := monitor.Faults(cards); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
