package goclients

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

// The clients as they connect by default.

func TestGoRedis(t *testing.T) {
	for _, proto := range []int{2, 3} {
		t.Run(fmt.Sprint("resp", proto), func(t *testing.T) { checkGoRedis(t, proto) })
	}
}

func checkGoRedis(t *testing.T, proto int) {
	n := start(t)
	rdb := goredis.NewClient(&goredis.Options{Addr: n.addr("linux"), Protocol: proto, ClientName: "test"})
	defer rdb.Close()
	ctx := t.Context()
	for _, key := range []string{"l1", "m1", "a1"} {
		if err := rdb.Set(ctx, key, "v", time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := rdb.Get(ctx, key).Result(); got != "v" || err != nil {
			t.Errorf("%s holds %q, %v", key, got, err)
		}
		if ttl, err := rdb.TTL(ctx, key).Result(); ttl > time.Minute || ttl < time.Second || err != nil {
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
	checkMany(t, rdb)
	n.stop("mac")
	if err := rdb.Get(ctx, "m1").Err(); err == nil || !strings.HasPrefix(err.Error(), "OWNEROFFLINE mac ") {
		t.Errorf("an owner that is down is %v", err)
	}
}

// checkMany sends a pipeline, and scans what it put.
func checkMany(t *testing.T, rdb *goredis.Client) {
	t.Helper()
	pipe := rdb.Pipeline()
	for i := range 100 {
		pipe.Set(t.Context(), fmt.Sprintf("l-%d", i), i, 0)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Error(err)
	}
	n := 0
	for scan := rdb.Scan(t.Context(), 0, "l-*", 7).Iterator(); scan.Next(t.Context()); n++ {
	}
	if n != 100 {
		t.Errorf("scanned %d keys", n)
	}
}

// What go-redis reads of a client's line, and of the commands, it can read.
func TestGoRedis_Info(t *testing.T) {
	rdb := goredis.NewClient(&goredis.Options{Addr: start(t).addr("linux"), ClientName: "me", Protocol: 3})
	defer rdb.Close()
	info, err := rdb.ClientInfo(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	if info.Name != "me" || info.User != "default" || info.Resp != 3 || info.LastCmd != "client|info" ||
		info.FD <= 0 || info.LibName == "" {
		t.Errorf("the client's line is read as %+v", info)
	}
	commands, err := rdb.Command(t.Context()).Result()
	if err != nil || commands["get"].Arity != 2 || commands["get"].FirstKeyPos != 1 {
		t.Errorf("COMMAND is read as %v, %v", commands["get"], err)
	}
}

// A client that sends a transaction hears that there are none, nothing is done, and
// it can go on.
func TestTransactions(t *testing.T) {
	n := start(t)
	ctx := t.Context()
	rdb := goredis.NewClient(&goredis.Options{Addr: n.addr("mac"), PoolSize: 1})
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
		incr := pipe.Incr(ctx, "l1")
		pipe.Set(ctx, "l1", strings.Repeat("x", 100_000), 0)
		_, err := pipe.Exec(ctx)
		wantRefused("a transaction of go-redis", err)
		wantRefused("its first command", incr.Err())
		set := func(tx *goredis.Tx) error { return tx.Set(ctx, "l1", "w", 0).Err() }
		wantRefused("WATCH of go-redis", rdb.Watch(ctx, set, "l1"))
	}
	client := newRueidis(t, n.addr("mac"), true)
	b := client.B()
	all := client.DoMulti(ctx, b.Multi().Build(), b.Set().Key("l1").Value("x").Build(), b.Exec().Build())
	for i, result := range all {
		wantRefused(fmt.Sprint("command ", i, " of rueidis"), result.Error())
	}
}

func TestRueidis(t *testing.T) {
	n := start(t)
	for _, single := range []bool{true, false} {
		client, ctx := newRueidis(t, n.addr("mac"), single), t.Context()
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
	}
	invalidated := rueidis.ClientOption{InitAddress: []string{n.addr("mac")}, ForceSingleClient: true}
	if _, err := rueidis.NewClient(invalidated); err == nil {
		t.Error("a client that wants invalidations is let in, and none are sent")
	}
}

func newRueidis(t *testing.T, addr string, single bool) rueidis.Client {
	t.Helper()
	o := rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true, ForceSingleClient: single}
	client, err := rueidis.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}
