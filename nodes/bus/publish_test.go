package bus_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
)

// listener hears the events of a bus.
type listener struct {
	t   *testing.T
	sub *nats.Subscription
	ups bool // are of interest
}

func listen(t *testing.T, conn *nats.Conn) listener {
	t.Helper()
	sub, err := conn.SubscribeSync("dht.event.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil { // others may ask before, on connections of their own
		t.Fatal(err)
	}
	return listener{t: t, sub: sub}
}

func (l listener) next() (subject string, e events.Event) {
	l.t.Helper()
	m, err := l.sub.NextMsg(5 * time.Second)
	if err != nil {
		l.t.Fatal(err)
	}
	if e, err = events.DecodeEvent(m.Data); err != nil {
		l.t.Fatal(err)
	}
	if e.Type == events.EventUp && !l.ups { // from just before it listened
		return l.next()
	}
	return m.Subject, e
}

func TestServer_PublishesChanges(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	conn, servers := three(t)
	heard := listen(t, conn)
	gather(t, conn, "dht.put", `{"key":"lamp","value":"hello"}`, 3)
	gather(t, conn, "dht.get", `{"key":"lamp"}`, 3)
	gather(t, conn, "dht.get", `{"key":"lamp","map":"7-0123456789abcdef"}`, 3)
	gather(t, conn, "dht.delete", `{"key":"lamp"}`, 3)
	servers[0].Close()
	mismatches := map[string]bool{}
	for _, want := range []string{"put lamp 5", "delete lamp 0", "drain  0", "down  0"} {
		subject, e := heard.next()
		for ; e.Type == events.EventMapMismatch; subject, e = heard.next() {
			mismatches[e.Node] = true
		}
		if got := fmt.Sprintf("%s %s %d", e.Type, e.Key, e.Bytes); got != want ||
			subject != "dht.event.linux."+string(e.Type) {
			t.Errorf("%s heard of %s, want %s", subject, got, want)
		}
	}
	for len(mismatches) < 3 {
		_, e := heard.next()
		if e.Type != events.EventMapMismatch {
			t.Fatalf("heard of %+v", e)
		}
		mismatches[e.Node] = true
	}
}

// TestServer_PublishesAnswersWhileWatched demands one event for every node's
// answer while somebody watches, and none before or after.
func TestServer_PublishesAnswersWhileWatched(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	conn, _ := three(t)
	heard := listen(t, conn)
	gather(t, conn, "dht.get", `{"key":"before"}`, 3)
	gather(t, conn, "dht.watch", "", 3)
	gather(t, conn, "dht.get", `{"key":"lamp"}`, 3)
	seen := map[string]string{}
	for range 3 {
		_, e := heard.next()
		if e.Type != events.EventAnswer || e.Op != events.OpGet || string(e.Key) != "lamp" || e.Took < 0 ||
			e.Took > time.Minute {
			t.Errorf("heard of %+v", e)
		}
		seen[e.Node] = fmt.Sprint(e.Status, " ", e.Detail)
	}
	want := map[string]string{"linux": "absent ", "mac": "not-stored linux comes first",
		"android": "not-stored linux claims it"}
	for node := range want {
		if _, ok := seen[node]; !ok {
			t.Errorf("nothing heard of the answer of %s, but of %v", node, seen)
		}
	}
	if seen["linux"] != want["linux"] {
		t.Errorf("linux is said to have answered %q", seen["linux"])
	}
	gather(t, conn, "dht.put", `{"key":"lamp","value":"hello","version":"01a202b6-40f4-7000-af03-6a614a4431ec"}`, 3)
	for range 3 { // all refuse: the version is of another time, or the key not theirs
		_, e := heard.next()
		if e.Op != events.OpPut || e.Version.String() != "01a202b6-40f4-7000-af03-6a614a4431ec" || e.Bytes != 5 ||
			e.Detail == "" {
			t.Errorf("heard of %+v", e)
		}
	}
}
