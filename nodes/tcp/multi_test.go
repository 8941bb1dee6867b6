package tcp_test

import (
	"fmt"
	"strings"
	"testing"
)

const (
	abort = "-EXECABORT "
	multi = "-ERR MULTI is not supported: nothing up to EXEC or DISCARD is carried out; send a pipeline without it\r\n"
)

// Nothing that stands between MULTI and EXEC or DISCARD is carried out, whether it
// comes in one piece or one by one; what follows is.
func TestMulti_RefusesWhatFollows(t *testing.T) {
	s := cluster(t)
	for _, ends := range []struct{ word, reply string }{{"EXEC", abort}, {"exec", abort}, {"DISCARD", "+OK\r\n"}, {"RESET", "+RESET\r\n"}, {"EXEC x", abort}} {
		for _, together := range []bool{true, false} {
			v, other := visit(t, s.addr("mac")), visit(t, s.addr("linux"))
			other.want("MSET l1 1 m1 1 a1 1", "+OK\r\n")
			refused := []string{"SET l1 2", "INCR m1", "DEL a1", "MGET l1 m1", "GET l1", "PING", "FLUSHALL", "EXPIRE l1 -1", "NOSUCH", "GET", "SELECT 0",
				"CLIENT SETNAME x", "CLIENT REPLY OFF", "MONITOR", "WATCH l1", "MULTI", `DHT put '{"key":"l1","value":"2"}'`, `DHT NODE mac delete '{"key":"m1"}'`}
			lines := append(append([]string{"MULTI"}, refused...), ends.word, "MGET l1 m1 a1", "SET l1 3", "GET l1")
			if together {
				v.send(strings.Join(lines, "\r\n") + "\r\n")
			}
			for i, line := range lines {
				if !together {
					v.send(line + "\r\n")
				}
				want := "-ERR "
				if after := i - len(refused) - 1; after >= 0 {
					want = []string{ends.reply, "*3\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n", "+OK\r\n", "$1\r\n3\r\n"}[after]
				}
				if got := v.reply(); !strings.HasPrefix(got, want) {
					t.Errorf("%s, then %s is answered %q, want %q", ends.word, line, got, want)
				}
			}
			other.want("MGET l1 m1 a1", "*3\r\n$1\r\n3\r\n$1\r\n1\r\n$1\r\n1\r\n")
		}
	}
}

func TestMulti_SaysWhy(t *testing.T) {
	s := cluster(t)
	v := visit(t, s.addr("linux"))
	v.want("EXEC", "-ERR EXEC without MULTI\r\n")
	v.want("DISCARD", "-ERR DISCARD without MULTI\r\n")
	v.want("UNWATCH", "+OK\r\n")
	v.want("WATCH l1 l2", "-ERR WATCH is not supported, as MULTI is not\r\n")
	v.want("SET l1 1", "+OK\r\n")
	v.want("MULTI", multi)
	v.want("MULTI", "-ERR MULTI calls can not be nested\r\n")
	v.want("WATCH l1", "-ERR WATCH inside MULTI is not allowed\r\n")
	for _, command := range []string{"SET l1 2", "NOSUCH", "GET", "UNWATCH"} {
		v.want(command, "-ERR not carried out: MULTI is not supported, and refuses all that follows until EXEC, DISCARD or RESET\r\n")
	}
	visit(t, s.addr("linux")).want("SET l2 1", "+OK\r\n") // another connection
	v.want("EXEC", "-EXECABORT Transaction discarded because of previous errors: MULTI is not supported, nothing was carried out\r\n")
	v.want("GET l1", "$1\r\n1\r\n")
	v.want("EXEC", "-ERR EXEC without MULTI\r\n")
	v.want("MULTI x", "-ERR wrong number of arguments for 'multi' command\r\n") // and is none
	v.want("GET l1", "$1\r\n1\r\n")
	v.want("MULTI", multi)
	v.want("QUIT", "+OK\r\n")
}

// A command with more keys than are asked for at once is refused all the same.
func TestMulti_VeryManyKeys(t *testing.T) {
	v := visit(t, cluster(t).addr("mac"))
	var pairs strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&pairs, " l%d v", i)
	}
	v.send("MULTI\r\nMSET" + pairs.String() + "\r\nEXEC\r\nDBSIZE\r\n")
	for _, want := range []string{"-ERR ", "-ERR ", abort, ":0\r\n"} {
		if got := v.reply(); !strings.HasPrefix(got, want) {
			t.Errorf("answered %q, want %q", got, want)
		}
	}
	visit(t, cluster(t).addr("linux")).want("DBSIZE", ":0\r\n")
}
