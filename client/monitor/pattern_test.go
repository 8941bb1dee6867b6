package monitor_test

import (
	"errors"
	"strings"
	"testing"

	"dht/client/monitor"
	"dht/events"
)

func TestNewFilter(t *testing.T) {
	for pattern, want := range map[string]string{ // what is subscribed to, or what is wrong
		"":                      "dht.>",
		">":                     "dht.>",
		"dht.put":               "dht.>",
		"dht.node.*.get":        "dht.>",
		"*.node.linux.*":        "dht.>",
		"dht.event.linux.>":     "dht.event.linux.>",
		"dht.event.*.merge":     "dht.event.*.merge",
		"*.event.>":             "*.event.>",
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
		case err == nil && f.Subject() != want:
			t.Errorf("%q subscribes to %s, want %s", pattern, f.Subject(), want)
		case err != nil && (!errors.Is(err, events.ErrBadRequest) || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", pattern, err, want)
		}
	}
}
