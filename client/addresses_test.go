package client_test

import (
	"errors"
	"strings"
	"testing"

	"dht/client"
	"dht/events"
)

func TestAddresses(t *testing.T) {
	for servers, want := range map[string]string{
		"nats://127.0.0.1:4222":                        "nats://127.0.0.1:4222",
		"nats://me:p@ss@bus:4222,tls://token@bus:4223": "nats://bus:4222,tls://bus:4223",
		"bus:4222":                              "bus:4222",
		"me:secret@bus:4222":                    "bus:4222",
		"nats:/me:secret@bus":                   "bus",
		"nats://me:se,cret@bus,nats://two:4222": "nats://bus,nats://two:4222",
		"nats://one:4222,nats://me:s,e,c@bus":   "nats://one:4222,nats://bus",
		"one:4222,two:4222":                     "one:4222,two:4222",
		"nats://me:se://cr@et@bus:4222":         "nats://bus:4222",
		"":                                      "",
	} {
		if got := client.Addresses(servers); got != want {
			t.Errorf("addresses in %s are %s", servers, got)
		}
	}
}

// TestDial_ShowsNoPassword writes addresses wrongly, as people do.
func TestDial_ShowsNoPassword(t *testing.T) {
	for _, server := range []string{"nats://me:hunter2%zz@bus:4222", "nats://me:hunter2/x@bus:4222", "nats://me:hunter2#x@bus:4222",
		"me:hunter2 x@bus:4222", "nats://me:hunter2@bus:port", "nats:/me:hunter2@bus", "nats://me:hunter2?@bus", "nats://me:x,hunter2@bus",
		"nats://me:hunter2@127.0.0.1:1", "nats://hunter2@127.0.0.1:1", "://me:hunter2@", "nats://me:hunter2@"} {
		conn, err := client.Dial(client.Options{Servers: []string{server}})
		if err == nil {
			conn.Close()
			t.Errorf("%s is reached", server)
		} else if strings.Contains(err.Error(), "hunter2") || !errors.Is(err, events.ErrUsage) && !errors.Is(err, events.ErrUnreachable) {
			t.Errorf("%s: %v", server, err)
		}
	}
}
