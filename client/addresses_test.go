package client_test

import (
	"testing"

	"dht/client"
)

func TestAddresses(t *testing.T) {
	for servers, want := range map[string]string{
		"nats://127.0.0.1:4222":                        "nats://127.0.0.1:4222",
		"nats://me:p@ss@bus:4222,tls://token@bus:4223": "nats://bus:4222,tls://bus:4223",
		"bus:4222": "bus:4222",
		"":         "",
	} {
		if got := client.Addresses(servers); got != want {
			t.Errorf("addresses in %s are %s", servers, got)
		}
	}
}
