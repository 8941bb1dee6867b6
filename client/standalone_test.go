package client_test

import (
	"testing"

	"dht/broker"
)

// standalone is a server without nodes.
func standalone(t *testing.T) *broker.Broker { return standaloneAt(t, "127.0.0.1:0") }

func standaloneAt(t *testing.T, addr string) *broker.Broker {
	t.Helper()
	b, err := broker.Open(t.Context(), broker.Options{Name: "alone", Listen: addr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}
