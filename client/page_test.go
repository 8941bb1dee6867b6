package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"dht/client"
	"dht/events"
)

// Page by page every key of every node comes once, in order, though several
// nodes keep some of them.
func TestClient_Page(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, events.EveryMatch))
	cl := c.client()
	c.eachUp(cl)
	for i := range 40 {
		c.put(cl, fmt.Sprint("key ", i), "v")
	}
	want := map[string]bool{}
	for k, err := range cl.Keys(t.Context(), "", nil) {
		if err != nil {
			t.Fatal(err)
		}
		want[string(k.Key)+" on "+k.Node] = true
	}
	if len(want) <= 40 {
		t.Fatalf("only %d copies of 40 keys: none is kept twice", len(want))
	}
	for _, limit := range []int{1, 2, 7, 1000} {
		got, after := map[string]bool{}, []byte(nil)
		for more := true; more; {
			page, err := cl.Page(t.Context(), client.Listing{After: after, Limit: limit})
			if err != nil || len(page.Faults) > 0 || len(page.Keys) == 0 || len(page.Keys) > limit+2 {
				t.Fatalf("limit %d behind %q: %d keys, faults %v, %v", limit, after, len(page.Keys), page.Faults, err)
			}
			for i, k := range page.Keys {
				if bytes.Compare(k.Key, after) <= 0 || i > 0 && bytes.Compare(k.Key, page.Keys[i-1].Key) < 0 {
					t.Errorf("limit %d: %q is out of order", limit, k.Key)
				}
				got[string(k.Key)+" on "+k.Node] = true
			}
			more, after = page.More, page.Keys[len(page.Keys)-1].Key
		}
		if len(got) != len(want) {
			t.Errorf("limit %d: %d of %d keys", limit, len(got), len(want))
		}
	}
}

func TestClient_PageWithoutNode(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	c.put(c.client(), c.keyOf("linux", 1), "v")
	c.kill("mac")
	cl := c.client(func(o *client.Options) { o.Timeout = 500 * time.Millisecond })
	page, err := cl.Page(t.Context(), client.Listing{Limit: 10})
	if err != nil || len(page.Keys) != 1 || page.More || len(page.Faults) != 1 ||
		page.Faults[0].Node != "mac" || !errors.Is(page.Faults[0].Err, events.ErrOwnerOffline) {
		t.Errorf("without mac: %+v, %v", page, err)
	}
	if _, err := cl.Page(t.Context(), client.Listing{Node: "mac"}); !errors.Is(err, events.ErrOwnerOffline) {
		t.Errorf("of mac alone: %v", err)
	}
}
