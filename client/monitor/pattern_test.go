package monitor_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"dht/client/monitor"
	"dht/events"
)

func TestNewFilter(t *testing.T) {
	for pattern, want := range map[string]string{ // what is subscribed to, or what is wrong
		"":                      "dht.put dht.event.*.answer",
		">":                     "dht.put dht.event.*.answer",
		"dht.put":               "dht.put dht.event.*.answer",
		"dht.node.*.get":        "dht.put dht.event.*.answer",
		"*.node.linux.*":        "dht.put dht.event.*.answer",
		"dht.event.linux.>":     "dht.event.*.answer",
		"dht.event.*.merge":     "dht.event.*.merge",
		"*.event.>":             "dht.event.*.answer",
		"dht.event.mac.put":     "dht.event.mac.put",
		"*":                     "matches no subject",
		"other.>":               "matches no subject",
		"dht":                   "matches no subject",
		"dht.put.more":          "matches no subject",
		"dht.":                  "is empty",
		".dht":                  "is empty",
		"dht.>.put":             "comes last",
		"dht.p*":                "not for part",
		"dht.event.lin ux.put":  "no spaces",
		"dht.event.linux.put>":  "not for part",
		"dht.event.linux.put\n": "no spaces",
	} {
		f, err := monitor.NewFilter(events.NewSubjects(""), pattern)
		switch {
		case err == nil && !contains(f.Subjects(), strings.Fields(want)):
			t.Errorf("%q subscribes to %s, want %s", pattern, f.Subjects(), want)
		case err == nil && len(f.Subjects()) > 1 && contains(f.Subjects(), []string{"dht.event.*.put"}):
			t.Errorf("%q subscribes to %s: answers say so of puts", pattern, f.Subjects())
		case err != nil && (!errors.Is(err, events.ErrBadRequest) || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", pattern, err, want)
		}
	}
}

func contains(list, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(s string) bool { return !slices.Contains(list, s) })
}
