package tcp_test

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"dht/events"
	"dht/nodes"
	"dht/nodes/nodetest"
	"dht/nodes/store/storetest"
	"dht/nodes/tcp"
)

// Whatever a pipeline asks of one key comes out in its order, whoever owns it.
func TestServer_PipelineKeepsOrder(t *testing.T) {
	v := visit(t, cluster(t).addr("linux"))
	for _, key := range []string{"l", "m", "a"} {
		v.send(strings.ReplaceAll("SET k 1\r\nGET k\r\nSET k 2\r\nINCR k\r\nGET k\r\nDEL k\r\nGET k\r\nSET k 5\r\nSTRLEN k\r\nDBSIZE\r\n", "k", key))
		var got []string
		for range 9 {
			got = append(got, v.reply())
		}
		size := v.reply()
		if want := "[+OK\r\n $1\r\n1\r\n +OK\r\n :3\r\n $1\r\n3\r\n :1\r\n $-1\r\n +OK\r\n :1\r\n]"; fmt.Sprint(got) != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
		if key == "l" && size != ":1\r\n" {
			t.Errorf("linux counts %q", size)
		}
	}
}

// counting is a store that counts how often it is called.
type counting struct {
	*storetest.Memory
	mu      sync.Mutex
	batches []int
}

func (c *counting) Apply(changes []events.Change, done func(error)) {
	c.mu.Lock()
	c.batches = append(c.batches, len(changes))
	c.mu.Unlock()
	c.Memory.Apply(changes, done)
}

func TestServer_PipelinedPutsShareACommit(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	counted := &counting{Memory: storetest.NewMemory(time.Now)}
	t.Cleanup(func() { counted.Close() })
	node, err := nodes.New(nodes.Options{Map: c.Map, Name: "linux", Store: counted, Clock: events.NewClock(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	c.Nodes["linux"] = node
	s := serve(t, c, tcp.Options{})
	for _, entry := range []string{"linux", "mac"} { // at the owner, and through another node
		v := visit(t, s.addr(entry))
		v.want("PING", "+PONG\r\n")
		counted.batches = nil
		v.send(strings.Repeat("*3\r\n$3\r\nSET\r\n$2\r\nl1\r\n$1\r\nv\r\n", 100))
		for range 100 {
			if got := v.reply(); got != "+OK\r\n" {
				t.Fatal(got)
			}
		}
		counted.mu.Lock()
		if len(counted.batches) > 10 {
			t.Errorf("100 puts of a pipeline through %s came in %d batches: %v", entry, len(counted.batches), counted.batches)
		}
		counted.mu.Unlock()
	}
}

func TestServer_KeysOfSeveralNodes(t *testing.T) {
	s := cluster(t)
	v := visit(t, s.addr("mac"))
	v.want("MSET l1 1 m1 2 a1 3", "+OK\r\n")
	for _, name := range []string{"linux", "mac", "android"} {
		v := visit(t, s.addr(name))
		v.want("MGET a1 l1 m1 x", "*4\r\n$1\r\n3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n")
		v.want("DBSIZE", ":1\r\n")
		v.want("KEYS *", fmt.Sprintf("*1\r\n$2\r\n%c1\r\n", name[0]))
		v.want("EXISTS l1 m1 a1 x", ":3\r\n")
		v.want("RENAME l1 m2", "-REFUSED linux says: \"m2\" belongs to mac, not to linux: two keys change together only where both have the same owner\r\n")
	}
	v.want("DEL l1 m1 a1 x", ":3\r\n")
	v.want("FLUSHDB", "-REFUSED FLUSHDB would delete every key of this node: start it with --allow-flush if that is what you want\r\n")
}

func TestServer_FlushWhereAllowed(t *testing.T) {
	s := serve(t, nodetest.NewCluster(t, nodetest.Three(1, 1)), tcp.Options{AllowFlush: true})
	v := visit(t, s.addr("linux"))
	v.want("MSET l1 1 l2 2 a1 3", "+OK\r\n")
	v.want("FLUSHDB", "+OK\r\n")
	v.want("MGET l1 l2 a1", "*3\r\n$-1\r\n$-1\r\n$1\r\n3\r\n")
}

// What a client wrote over the bus, or a peer over TCP, a Redis client reads,
// and the other way round.
func TestServer_SameKeysOnEveryPath(t *testing.T) {
	s := cluster(t)
	v := visit(t, s.addr("android"))
	expires := s.cluster.Now().Add(time.Minute).UnixMilli()
	message := events.AppendRequests(nil, events.Request{Key: []byte("l1"), Value: []byte("v"), Expires: expires})
	if _, err := s.Ask(t.Context(), "linux", events.OpPut, message); err != nil {
		t.Fatal(err)
	}
	v.want("GET l1", "$1\r\nv\r\n")
	v.want("PEXPIRETIME l1", fmt.Sprintf(":%d\r\n", expires))
	v.want("SET m1 w PXAT "+fmt.Sprint(expires), "+OK\r\n")
	reply, err := s.Ask(t.Context(), "mac", events.OpGet, events.AppendRequests(nil, events.Request{Key: []byte("m1")}))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := events.DecodeAnswers(reply); err != nil || string(a[0].Value) != "w" || a[0].Expires != expires {
		t.Errorf("read %+v, %v", a, err)
	}
	s.cluster.Advance(2 * time.Minute)
	v.want("MGET l1 m1", "*2\r\n$-1\r\n$-1\r\n")
	v.want("TTL l1", ":-2\r\n")
}

func TestServer_NeverForwardsAPeersMessage(t *testing.T) {
	v := visit(t, cluster(t).addr("linux"))
	got := v.ask(`DHT get '{"key":"m1"}'`)
	if !strings.Contains(got, `"status":"not-stored"`) || !strings.Contains(got, `"node":"linux"`) {
		t.Errorf("answered %q", got)
	}
	for command, want := range map[string]string{
		"DHT":                   "-ERR wrong number",
		"DHT nonsense":          "-ERR no operation",
		"DHT NODE mac":          "-ERR wrong number",
		"DHT NODE nobody get":   "-ERR the map has no node",
		"DHT get a b":           "-ERR wrong number",
		"DHT NODE mac nonsense": "-ERR no operation",
	} {
		if got := v.ask(command); !strings.HasPrefix(got, want) {
			t.Errorf("%s is answered %q, want %s", command, got, want)
		}
	}
}

// After a change of rules nothing is lost, and what depends on a value sees the
// one that stands elsewhere.
func TestServer_AfterAChangeOfRules(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	before := serve(t, c, tcp.Options{})
	visit(t, before.addr("linux")).want("MSET l1 1 l2 2 l3 3 l4 4 l5 5 l8 8", "+OK\r\n")
	before.Close()
	c.Change(nodetest.Swapped(2))
	v := visit(t, serve(t, c, tcp.Options{Meet: true}).addr("android"))
	v.want("GET l1", "$1\r\n1\r\n")
	v.want("SETNX l1 x", ":0\r\n")
	v.want("INCR l2", ":3\r\n")
	v.want("SET l3 x GET", "$1\r\n3\r\n")
	v.want("GETDEL l4", "$1\r\n4\r\n")
	v.want("RENAME l5 l6", "+OK\r\n")
	v.want("INCR l7", ":1\r\n")
	v.want("DEL l8 l9", ":1\r\n")
	v.want("EXISTS l8", ":0\r\n")
	v.want("MGET l1 l2 l3 l4 l5 l6 l7", "*7\r\n$1\r\n1\r\n$1\r\n3\r\n$1\r\nx\r\n$-1\r\n$-1\r\n$1\r\n5\r\n$1\r\n1\r\n")
}

// While a node is at another map, what it may hold is not known: an update must
// not go on as if that were nothing.
func TestServer_UpdateWhileMapsDiffer(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	before := serve(t, c, tcp.Options{})
	visit(t, before.addr("linux")).want("MSET l1 41 l2 x l3 y", "+OK\r\n")
	before.Close()
	c.Change(nodetest.Swapped(2))
	second := maps.Clone(c.Nodes)
	c.Change(nodetest.Swapped(3))
	second["linux"], c.Nodes = c.Nodes["linux"], second
	mixed := serve(t, c, tcp.Options{})
	v := visit(t, mixed.addr("mac"))
	for _, command := range []string{"GET l1", "INCR l1", "SETNX l2 new", "GETDEL l3", "APPEND l3 z", "EXPIRE l3 10"} {
		if got := v.ask(command); !strings.HasPrefix(got, "-") {
			t.Errorf("%s is answered %q", command, got)
		}
	}
	mixed.Close()
	c.Change(nodetest.Swapped(3))
	v = visit(t, serve(t, c, tcp.Options{Meet: true}).addr("android"))
	v.want("INCR l1", ":42\r\n")
	v.want("MGET l2 l3", "*2\r\n$1\r\nx\r\n$1\r\ny\r\n")
}

// FLUSHDB deletes what the node owns, and nothing of other nodes that it happens
// to hold.
func TestServer_FlushLeavesTheMisplaced(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	before := serve(t, c, tcp.Options{})
	v := visit(t, before.addr("linux"))
	for i := range 1500 {
		v.want(fmt.Sprint("SET l", i, " v"), "+OK\r\n")
	}
	before.Close()
	c.Change(nodetest.Swapped(2))
	after := serve(t, c, tcp.Options{AllowFlush: true, Meet: true})
	v = visit(t, after.addr("linux"))
	v.want("SET m1 v", "+OK\r\n")
	v.want("FLUSHDB", "+OK\r\n")
	v.want("MGET m1 l1 l1499", "*3\r\n$-1\r\n$1\r\nv\r\n$1\r\nv\r\n")
}

// A command with more keys than a node lets writes wait is done all the same.
func TestServer_VeryManyKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	v := visit(t, cluster(t).addr("android"))
	const keys = 20_000 // nine in ten are linux's
	command := func(name string, values bool) string {
		var b strings.Builder
		n := 1 + keys
		if values {
			n += keys
		}
		fmt.Fprintf(&b, "*%d\r\n$%d\r\n%s\r\n", n, len(name), name)
		for i := range keys {
			key := fmt.Sprintf("%c%05d", "mlllllllll"[i%10], i)
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(key), key)
			if values {
				b.WriteString("$1\r\nv\r\n")
			}
		}
		return b.String()
	}
	for _, tt := range []struct {
		name   string
		values bool
		want   string
	}{
		{"MSET", true, "+OK\r\n"},
		{"EXISTS", false, fmt.Sprintf(":%d\r\n", keys)},
		{"MGET", false, fmt.Sprintf("*%d\r\n", keys) + strings.Repeat("$1\r\nv\r\n", keys)},
		{"DEL", false, fmt.Sprintf(":%d\r\n", keys)},
		{"EXISTS", false, ":0\r\n"},
	} {
		v.send(command(tt.name, tt.values))
		if got := v.reply(); got != tt.want {
			t.Errorf("%s of %d keys is answered %.60q, want %.60q", tt.name, keys, got, tt.want)
		}
	}
}

// What is told of changes is true: each key once, though sessions read the next
// commands into the buffer that a told record lay in.
func TestServer_TellsOfEveryKeyOnce(t *testing.T) {
	c := nodetest.NewCluster(t, nodetest.Three(1, 1))
	var mu sync.Mutex
	told := map[string]int{}
	c.Told = func(e events.Event) {
		mu.Lock()
		defer mu.Unlock()
		told[string(e.Key)]++
	}
	s := serve(t, c, tcp.Options{})
	var writers sync.WaitGroup
	for w := range 4 {
		v := visit(t, s.addr("linux"))
		writers.Go(func() {
			for batch := range 20 {
				var b strings.Builder
				for i := range 50 {
					fmt.Fprintf(&b, "SET l%d-%d-%d v\r\n", w, batch, i)
				}
				v.send(b.String())
				for range 50 {
					if got := v.reply(); got != "+OK\r\n" {
						t.Errorf("SET is answered %q", got)
					}
				}
			}
		})
	}
	writers.Wait()
	s.Close()
	mu.Lock()
	defer mu.Unlock()
	for key, n := range told {
		if n != 1 {
			t.Errorf("%s was told %d times", key, n)
		}
	}
	if len(told) != 4*20*50 {
		t.Errorf("%d keys were told of, want %d", len(told), 4*20*50)
	}
}

func TestServer_EveryMatch(t *testing.T) {
	s := serve(t, nodetest.NewCluster(t, events.Cluster{Name: "three", Epoch: 1, Copies: events.EveryMatch, Nodes: []events.Member{
		{Name: "linux", Rule: `prefix "l"`}, {Name: "mac", Rule: `prefix "l1"`}, {Name: "android", Rule: "otherwise"}}}), tcp.Options{})
	v := visit(t, s.addr("android"))
	v.want("SET l1 v", "+OK\r\n")
	for _, name := range []string{"linux", "mac"} {
		visit(t, s.addr(name)).want("DBSIZE", ":1\r\n")
	}
	v.want("GET l1", "$1\r\nv\r\n")
	if got := v.ask("INCR l1"); !strings.HasPrefix(got, "-REFUSED ") || !strings.Contains(got, "every-match") {
		t.Errorf("INCR is answered %q", got)
	}
	v.want("INCR l2", ":1\r\n")
	s.Stop("mac")
	v.want("GET l1", "$1\r\nv\r\n")
	if got := v.ask("SET l1 w"); !strings.HasPrefix(got, "-UNKNOWN mac ") {
		t.Errorf("SET is answered %q", got)
	}
	v.want("DEL l1", v.ask("DEL l1"))
}

// A scan returns every key that is there all the time, whatever else comes and
// goes.
func TestServer_ScanMissesNothing(t *testing.T) {
	v := visit(t, cluster(t).addr("android"))
	const stays = 300
	for i := range stays {
		v.want(fmt.Sprintf("SET stays-%03d v", i), "+OK\r\n")
	}
	seen := map[string]bool{}
	cursor, calls := "0", 0
	for {
		reply := v.ask("SCAN " + cursor + " COUNT 7 MATCH stays-*")
		fields := strings.Split(reply, "\r\n")
		cursor = fields[2]
		for _, field := range fields[3:] {
			if strings.HasPrefix(field, "stays-") {
				seen[field] = true
			}
		}
		v.ask(fmt.Sprintf("SET stays-%03d-guest v", calls))
		v.ask(fmt.Sprintf("DEL stays-%03d-guest", calls/2))
		if calls++; cursor == "0" {
			break
		}
	}
	for i := range stays {
		if !seen[fmt.Sprintf("stays-%03d", i)] {
			t.Errorf("stays-%03d was not returned", i)
		}
	}
	if got := v.ask("SCAN 12345"); !strings.Contains(got, "stays-000") {
		t.Errorf("a cursor that nobody knows does not begin anew: %q", got)
	}
}

func TestServer_Info(t *testing.T) {
	v := visit(t, cluster(t).addr("linux"))
	v.want("SET l1 v", "+OK\r\n")
	v.want("SET l2 v EX 100", "+OK\r\n")
	info := v.ask("INFO")
	for _, want := range []string{"redis_version:", "db0:keys=2,expires=1,", "used_memory:", "connected_clients:", "blocked_clients:0", "loading:0",
		"total_commands_processed:", "total_connections_received:", "dht_node:linux"} {
		if !strings.Contains(info, want) {
			t.Errorf("INFO does not tell %s", want)
		}
	}
	if info := v.ask("INFO keyspace"); strings.Contains(info, "redis_version") {
		t.Error("INFO keyspace tells of the server")
	}
	if got := v.ask("COMMAND INFO get"); !strings.HasPrefix(got, "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n") {
		t.Errorf("COMMAND INFO is answered %q", got)
	}
	if list := v.ask("CLIENT LIST"); !strings.Contains(list, "id=") {
		t.Errorf("CLIENT LIST is %q", list)
	}
	if got := v.ask("CLIENT TRACKING ON"); !strings.HasPrefix(got, "-ERR") {
		t.Errorf("CLIENT TRACKING is answered %q", got)
	}
}
