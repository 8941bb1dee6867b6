package bus_test

import (
	"testing"
	"time"

	"dht/broker"
	"dht/events"
	"dht/nodes/placement"
)

// TestServer_YieldsToANewerMap: nodes that run on with an older file hear, and
// confirm, that a newer one is in force; none says then that a key is absent, nor
// stores one.
func TestServer_YieldsToANewerMap(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	b, err := broker.Open(t.Context(), broker.Options{Name: "test", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	c := events.Cluster{Name: "three", Epoch: 1, Copies: 1, Nodes: []events.Member{
		{Name: "linux", Rule: `prefix "l"`}, {Name: "mac", Rule: `prefix "m"`}, {Name: "android", Rule: "otherwise"}}}
	older := lawOf(t, c)
	serve(t, b, older, "mac")
	serve(t, b, older, "android")
	conn := connect(t, b)
	if a := gather(t, conn, "dht.get", `{"key":"pi"}`, 2)["android"]; a.Status != "absent" {
		t.Errorf("at first android answers %+v", a)
	}
	c.Epoch, c.Nodes = 2, []events.Member{c.Nodes[0], c.Nodes[1], {Name: "pi", Rule: `prefix "p"`}, c.Nodes[2]}
	serve(t, b, lawOf(t, c), "pi")
	stale := func(name, op string) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for gather(t, conn, "dht.node."+name+"."+op, `{"key":"pi"}`, 1)[name].Status != "stale-map" {
			if time.Now().After(deadline) {
				t.Fatalf("%s answers a %s by the older map", name, op)
			}
		}
	}
	stale("android", "get") // pi is new to it; but that a key is absent it does not say
	serve(t, b, lawOf(t, c), "linux")
	for _, op := range []string{"get", "put", "delete"} {
		for _, name := range []string{"mac", "android"} {
			stale(name, op)
		}
	}
	if a := gather(t, conn, "dht.node.pi.get", `{"key":"pi"}`, 1)["pi"]; a.Status != "absent" {
		t.Errorf("pi answers %+v", a)
	}
}

func lawOf(t *testing.T, c events.Cluster) *placement.Map {
	t.Helper()
	m, err := placement.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
