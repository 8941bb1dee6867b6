package tcp_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"dht/nodes/nodetest"
	"dht/nodes/tcp"
)

// One node runs on with an older file: what is asked through any node is answered
// rightly or refused, and nothing is absent because two maps differ.
func TestServer_AStaleMapIsNeverNil(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	before := serve(t, c, tcp.Options{})
	v := visit(t, before.addr("linux"))
	for i := range 20 {
		v.want(fmt.Sprintf("MSET l%d 1 m%d 1 a%d 1", i, i, i), "+OK\r\n")
	}
	before.Close()
	c.Change(nodetest.Three(1, 1))
	mixed := maps.Clone(c.Nodes)
	c.Change(nodetest.Swapped(2)) // what begins with l is mac's from now on
	c.Nodes["linux"] = mixed["linux"]
	s := serve(t, c, tcp.Options{})
	v = visit(t, s.addr("linux"))
	for i := range 20 { // its own view, until it has met another
		v.want(fmt.Sprintf("GET l%d", i), "$1\r\n1\r\n")
	}
	if got := v.ask("GET m1"); !strings.HasPrefix(got, "-") {
		t.Errorf("a forwarded GET is answered %q", got)
	}
	for _, through := range []string{"linux", "mac", "android"} {
		v := visit(t, s.addr(through))
		for i := range 20 {
			for _, key := range []string{fmt.Sprint("l", i), fmt.Sprint("m", i), fmt.Sprint("a", i), fmt.Sprint("l9", i)} {
				got := v.ask("GET " + key)
				if !strings.HasPrefix(got, "-") && got != "$1\r\n1\r\n" {
					t.Errorf("through %s GET %s is answered %q", through, key, got)
				}
				if got := v.ask("SET " + key + " 1 XX"); through == "linux" && !strings.HasPrefix(got, "-") {
					t.Errorf("linux answers SET %s with %q", key, got)
				}
			}
		}
	}
}

// What reads behind a write goes to another node in one message with it.
func TestServer_ReadsItsWritesElsewhere(t *testing.T) {
	v := visit(t, cluster(t).addr("mac"))
	v.send("SET l1 a\r\nGET l1\r\nSET l1 b\r\nGET l1\r\nDEL l1\r\nGET l1\r\n")
	for _, want := range []string{"+OK\r\n", "$1\r\na\r\n", "+OK\r\n", "$1\r\nb\r\n", ":1\r\n", "$-1\r\n"} {
		if got := v.reply(); got != want {
			t.Errorf("it is answered %q, want %q", got, want)
		}
	}
}
