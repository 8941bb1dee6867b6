package tcp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

// The clients that people have, as they connect by default.

func TestClients_GoRedis(t *testing.T) {
	for _, proto := range []int{2, 3} {
		s := cluster(t)
		rdb := goredis.NewClient(&goredis.Options{Addr: s.addr("linux"), Protocol: proto, ClientName: "test"})
		defer rdb.Close()
		ctx := t.Context()
		for _, key := range []string{"l1", "m1", "a1"} {
			if err := rdb.Set(ctx, key, "v", time.Minute).Err(); err != nil {
				t.Fatal(err)
			}
			if got, err := rdb.Get(ctx, key).Result(); got != "v" || err != nil {
				t.Errorf("%s holds %q, %v", key, got, err)
			}
			if ttl, err := rdb.TTL(ctx, key).Result(); ttl != time.Minute || err != nil {
				t.Errorf("%s lives for %v, %v", key, ttl, err)
			}
			if n, err := rdb.Incr(ctx, key+"n").Result(); n != 1 || err != nil {
				t.Errorf("%s counts to %d, %v", key, n, err)
			}
		}
		if _, err := rdb.Get(ctx, "nothing").Result(); !errors.Is(err, goredis.Nil) {
			t.Errorf("a missing key is %v", err)
		}
		if done, err := rdb.SetNX(ctx, "l1", "w", 0).Result(); done || err != nil {
			t.Errorf("SETNX says %v, %v", done, err)
		}
		if got, err := rdb.MGet(ctx, "l1", "m1", "x").Result(); fmt.Sprint(got) != "[v v <nil>]" || err != nil {
			t.Errorf("MGET %v, %v", got, err)
		}
		pipe := rdb.Pipeline()
		for i := range 100 {
			pipe.Set(ctx, fmt.Sprintf("l-%d", i), i, 0)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			t.Error(err)
		}
		n := 0
		for scan := rdb.Scan(ctx, 0, "l-*", 7).Iterator(); scan.Next(ctx); n++ {
		}
		if n != 100 {
			t.Errorf("scanned %d keys", n)
		}
		s.Stop("mac")
		if err := rdb.Get(ctx, "m1").Err(); err == nil || !strings.HasPrefix(err.Error(), "OWNEROFFLINE mac ") {
			t.Errorf("an owner that is down is %v", err)
		}
	}
}

// A client that sends a transaction hears that there are none, nothing is done, and
// it can go on.
func TestClients_Transactions(t *testing.T) {
	s := cluster(t)
	ctx := t.Context()
	rdb := goredis.NewClient(&goredis.Options{Addr: s.addr("mac"), PoolSize: 1})
	defer rdb.Close()
	wantRefused := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "not supported") {
			t.Errorf("%s is %v", what, err)
		}
		if err := rdb.Set(ctx, "m1", "v", 0).Err(); err != nil {
			t.Errorf("after %s: %v", what, err)
		}
		if got, err := rdb.MGet(ctx, "l1", "m1").Result(); fmt.Sprint(got) != "[<nil> v]" || err != nil {
			t.Errorf("after %s the keys hold %v, %v", what, got, err)
		}
	}
	for range 3 {
		pipe := rdb.TxPipeline()
		n := pipe.Incr(ctx, "l1")
		pipe.Set(ctx, "l1", strings.Repeat("x", 100_000), 0)
		_, err := pipe.Exec(ctx)
		wantRefused("a transaction of go-redis", err)
		wantRefused("its first command", n.Err())
		wantRefused("WATCH of go-redis", rdb.Watch(ctx, func(tx *goredis.Tx) error { return tx.Set(ctx, "l1", "w", 0).Err() }, "l1"))
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr("mac")}, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	b := client.B()
	for i, result := range client.DoMulti(ctx, b.Multi().Build(), b.Set().Key("l1").Value("x").Build(), b.Exec().Build()) {
		wantRefused(fmt.Sprint("command ", i, " of rueidis"), result.Error())
	}
	if got := run(t, "MULTI\nSET l1 x\nEXEC\nGET l1\n", "redis-cli", s.addr("mac")); strings.Count(got, "not supported") != 3 || strings.Contains(got, "x\n") {
		t.Errorf("redis-cli prints %q", got)
	}
}

func TestClients_Rueidis(t *testing.T) {
	s := cluster(t)
	for _, single := range []bool{true, false} {
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr("mac")}, DisableCache: true, ForceSingleClient: single})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		for _, key := range []string{"l1", "m1", "a1"} {
			if err := client.Do(ctx, client.B().Set().Key(key).Value("v").Ex(time.Minute).Build()).Error(); err != nil {
				t.Fatal(err)
			}
			if got, err := client.Do(ctx, client.B().Get().Key(key).Build()).ToString(); got != "v" || err != nil {
				t.Errorf("%s holds %q, %v", key, got, err)
			}
		}
		if err := client.Do(ctx, client.B().Get().Key("nothing").Build()).Error(); !rueidis.IsRedisNil(err) {
			t.Errorf("a missing key is %v", err)
		}
		client.Close()
	}
	if _, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr("mac")}, ForceSingleClient: true}); err == nil {
		t.Error("a client that wants invalidations is let in, and none are sent")
	}
}

// run runs a program of redis-tools against a node.
func run(t *testing.T, stdin, program, addr string, args ...string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"-p", port}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, args, err, out)
	}
	return string(out)
}

func TestClients_RedisCLI(t *testing.T) {
	s := cluster(t)
	cli := func(args ...string) string { return run(t, "", "redis-cli", s.addr("linux"), args...) }
	for _, step := range []struct{ args, want string }{
		{"SET m1 hello", "OK\n"},
		{"GET m1", "hello\n"},
		{"GET nothing", "\n"},
		{"-3 GET m1", "hello\n"},
		{"--json MGET m1 nothing", `["hello",null]` + "\n"},
		{"-n 0 INCR a1", "1\n"},
		{"EXISTS m1 a1 nothing", "2\n"},
	} {
		if got := cli(strings.Fields(step.args)...); got != step.want {
			t.Errorf("redis-cli %s prints %q, want %q", step.args, got, step.want)
		}
	}
	if got := run(t, "SET l1 x\nGET l1\nCOMMAND DOCS\nQUIT\n", "redis-cli", s.addr("mac")); !strings.HasPrefix(got, "OK\nx\n") {
		t.Errorf("a session prints %q", got)
	}
	var mass strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&mass, "SET l%d %d\r\n", i, i)
	}
	if got := run(t, mass.String(), "redis-cli", s.addr("android"), "--pipe"); !strings.Contains(got, "errors: 0, replies: 1000") {
		t.Errorf("redis-cli --pipe prints %q", got)
	}
	if got := run(t, "", "redis-cli", s.addr("linux"), "--scan", "--pattern", "l99*"); len(strings.Fields(got)) != 11 {
		t.Errorf("redis-cli --scan prints %q", got)
	}
	if got := run(t, "", "redis-cli", s.addr("linux"), "-r", "1", "INFO"); !strings.Contains(got, "dht_node:linux") {
		t.Errorf("INFO is %q", got)
	}
}

func TestClients_RedisBenchmark(t *testing.T) {
	s := cluster(t)
	for _, args := range [][]string{{}, {"-P", "16"}, {"--threads", "2"}} {
		out := run(t, "", "redis-benchmark", s.addr("mac"), append([]string{"-t", "ping,set,get,incr,mset", "-n", "2000", "-r", "1000", "-q"}, args...)...)
		for _, name := range []string{"PING_INLINE", "SET", "GET", "INCR", "MSET"} {
			if !strings.Contains(out, name) {
				t.Errorf("redis-benchmark %s did not finish %s:\n%s", args, name, out)
			}
		}
		if strings.Contains(strings.ToLower(out), "error") {
			t.Errorf("redis-benchmark %s complains:\n%s", args, out)
		}
	}
}
