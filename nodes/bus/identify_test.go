package bus_test

import (
	"testing"

	"dht/events"
)

// TestServer_AnswersNameTheirRequest asks by hand while somebody watches: the events
// of all nodes have one id for one request, its own or that of its reply subject, and
// that of a change is the same.
func TestServer_AnswersNameTheirRequest(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	conn, _ := three(t)
	heard := listen(t, conn)
	gather(t, conn, "dht.put", `{"key":"lamp","value":"unwatched"}`, 3)
	if _, e := heard.next(); e.Type != events.EventPut || len(e.Request) > 0 {
		t.Errorf("while nobody watches: %s of the request %q", e.Type, e.Request)
	}
	gather(t, conn, "dht.watch", "", 3)
	ids := map[string]bool{}
	for _, request := range []string{`{"key":"lamp","value":"a"}`, `{"key":"lamp","value":"b"}`, `{"key":"lamp","value":"c","id":"mine"}`} {
		gather(t, conn, "dht.put", request, 3)
		_, first := heard.next()
		id := string(first.Request)
		if id == "" || ids[id] {
			t.Errorf("%s has the id %q, of %d others", request, id, len(ids))
		}
		ids[id] = true
		for range 3 { // with the put itself there are four
			if _, e := heard.next(); string(e.Request) != id {
				t.Errorf("%s: %s by %s of the request %q, want %q", request, e.Type, e.Node, e.Request, id)
			}
		}
	}
	if !ids["mine"] {
		t.Errorf("the ids are %v", ids)
	}
}
