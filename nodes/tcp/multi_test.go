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

// A client that has selected another database must not work on this one.
func TestSelect_AnotherDatabase(t *testing.T) {
	if testing.Short() {
		t.Skip("needs another program")
	}
	s := cluster(t)
	const refused = "-ERR not carried out: this connection selected a database that is not here, there is only database 0\r\n"
	v := visit(t, s.addr("mac"))
	v.want("SET l1 v", "+OK\r\n")
	v.send("SELECT 1\r\nSET l1 w\r\nDEL l1\r\nFLUSHDB\r\nGET l1\r\nPING\r\nSELECT x\r\nGET l1\r\nSELECT 0\r\nGET l1\r\n")
	for _, want := range []string{"-ERR DB index is out of range\r\n", refused, refused, refused, refused, "+PONG\r\n",
		"-ERR value is not an integer or out of range\r\n", refused, "+OK\r\n", "$1\r\nv\r\n"} {
		if got := v.reply(); got != want {
			t.Errorf("answered %q, want %q", got, want)
		}
	}
	v.want("SELECT 16", "-ERR DB index is out of range\r\n") // no client means this one: as in Redis nothing changes
	v.want("GET l1", "$1\r\nv\r\n")
	v.ask("SELECT 15")
	v.want("GET l1", refused)
	v.want("RESET", "+RESET\r\n")
	v.want("GET l1", "$1\r\nv\r\n")
	if got := run(t, "", "redis-cli", s.addr("linux"), "-n", "1", "SET", "l1", "w"); !strings.Contains(got, "not carried out") {
		t.Errorf("redis-cli -n 1 prints %q", got)
	}
}

// A command with several keys changes none when one of them is refused.
func TestServer_AllOrNoneIsRefused(t *testing.T) {
	v := visit(t, cluster(t).addr("mac"))
	v.want("MSET l1 1 m1 1", "+OK\r\n")
	many := strings.Repeat("l2 v ", 600)
	long := strings.Repeat("k", 1025)
	for _, command := range []string{`MSET l1 2 "" 2`, `MSET "" 2 l1 2`, "MSET m1 2 " + long + " 2", `DEL l1 ""`, "UNLINK m1 " + long,
		"MSET l1 2 " + many + `"" 2`, "DEL l1 " + many + `""`} {
		if got := v.ask(command); !strings.HasPrefix(got, "-ERR a key is 1 to 1024 bytes long") {
			t.Errorf("%.40s is answered %q", command, got)
		}
	}
	v.send(fmt.Sprintf("*5\r\n$4\r\nMSET\r\n$2\r\nl1\r\n$1\r\n2\r\n$2\r\nm1\r\n$1040385\r\n%s\r\n", strings.Repeat("x", 1040385)))
	if got := v.reply(); !strings.HasPrefix(got, "-TOOLARGE a value is at most 1040384 bytes long") {
		t.Errorf("answered %q", got)
	}
	v.want("MGET l1 m1 l2", "*3\r\n$1\r\n1\r\n$1\r\n1\r\n$-1\r\n")
}
