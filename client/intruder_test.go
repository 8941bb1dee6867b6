package client_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dht/client"
	"dht/events"
	"dht/nodes"
	"dht/nodes/nodetest"
)

// inProcess is a transport to nodes of this process. What forge returns comes
// before what they answer; nobody it names answers.
type inProcess struct {
	*nodetest.Cluster
	forge  func(op events.Op, to string) []string
	silent string
	other  map[string]*nodes.Node // that are there instead of the cluster's

	mu   sync.Mutex // guards sent
	sent []events.Op
}

func (p *inProcess) Ask(ctx context.Context, to string, op events.Op, message []byte, take func([]byte) bool) (int, error) {
	if ctx.Err() != nil {
		return 0, fmt.Errorf("%w: %w", events.ErrUnreachable, ctx.Err())
	}
	p.Advance(time.Since(p.Now())) // the nodes' clocks go, too
	p.mu.Lock()
	p.sent = append(p.sent, op)
	p.mu.Unlock()
	if p.forge != nil {
		for _, reply := range p.forge(op, to) {
			if take([]byte(reply)) {
				return 1, nil
			}
		}
	}
	for _, name := range p.Map.Names(nil) {
		if name == p.silent || to != "" && to != name {
			continue
		}
		if take(p.reply(name, op, message)) {
			return 1, nil
		}
	}
	<-ctx.Done()
	return 1, nil
}

func (p *inProcess) reply(name string, op events.Op, message []byte) (reply []byte) {
	node := cmp.Or(p.other[name], p.Nodes[name])
	if op == events.OpInfo {
		reply, _ = events.EncodeInfo(node.Info())
		return reply
	}
	reqs, err := events.DecodeRequestsOf(op, message)
	if err != nil {
		return events.AppendAnswers(nil, node.Refuse(err))
	}
	done := make(chan struct{})
	node.Do(op, reqs, func(answers []events.Answer) {
		reply = events.AppendAnswers(nil, answers...)
		close(done)
	})
	<-done
	return reply
}

func (p *inProcess) MaxMessage() int { return 1 << 20 }
func (p *inProcess) Close() error    { return nil }

// intruders are what somebody who hears everything may reply.
var intruders = map[string][]string{
	"JetStream":             {`{"stream":"X","seq":1}`},
	"JetStream's error":     {`{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"X","seq":0}`},
	"OK":                    {"+OK", "OK", "ok"},
	"nothing":               {"", " ", "\n", "{}", "null", "[]", `""`},
	"garbage":               {"\x00\xff\xfe", "{", `{"node":"linux"`, `{"node":"linux","status":"stored"`, strings.Repeat("[", 1000)},
	"an unknown node":       {`{"node":"toaster","status":"stored","owner":1}`, `{"node":"toaster","status":"found","owner":1,"value":"hi"}`, `{"node":"toaster","status":"absent","owner":1}`, `{"node":"toaster","more":false}`, `{"node":"toaster","status":"stale-map","map":"99-0123456789abcdef"}`},
	"nobody":                {`{"status":"stored"}`, `{"status":"absent"}`, `{"more":false}`, `{"node":"","status":"found","value":"x"}`},
	"no status":             {`{"node":"linux"}`, `{"node":"mac"}`, `{"node":"android"}`},
	"a status of ours":      {`{"node":"linux","status":"silent"}`, `{"node":"linux","status":"silent"}`, `{"node":"linux","status":"silent"}`, `{"node":"mac","status":"listed"}`, `{"node":"android","status":"silent"}`},
	"two entries":           {"{\"node\":\"linux\",\"status\":\"absent\",\"size\":0}\n{\"node\":\"linux\",\"status\":\"absent\"}", "{\"node\":\"android\",\"status\":\"absent\",\"size\":0}\n{\"node\":\"mac\",\"status\":\"absent\"}"},
	"more, but no key":      {`{"node":"linux","more":true}`, `{"node":"mac","more":true}`, `{"node":"android","more":true}`},
	"keys out of order":     {"{\"key\":\"l2\",\"bytes\":0,\"size\":0}\n{\"key\":\"l1\",\"bytes\":0,\"size\":0}\n{\"node\":\"linux\",\"more\":false}"},
	"a key twice":           {"{\"key\":\"l1\",\"bytes\":0,\"size\":0}\n{\"key\":\"l1\",\"bytes\":0,\"size\":0}\n{\"node\":\"linux\",\"more\":true}"},
	"no key":                {"{\"bytes\":0,\"size\":0}\n{\"node\":\"linux\",\"more\":false}"},
	"a key of another node": {"{\"key\":\"l0\",\"node\":\"mac\",\"bytes\":0,\"size\":0}\n{\"node\":\"linux\",\"more\":false}"},
	"no end":                {"{\"key\":\"l1\",\"bytes\":0,\"size\":0}\n{\"key\":\"l2\",\"bytes\":0}"},
	"what was not asked":    {`{"node":"linux","rule":"otherwise","map":"1-0123456789abcdef","cluster":{"name":"three"},"keys":0,"bytes":0}`},
}

// TestClient_WhoeverElseAnswersChangesNothing lets an intruder be faster than the
// nodes, whatever is asked.
func TestClient_WhoeverElseAnswersChangesNothing(t *testing.T) {
	for name, replies := range intruders {
		t.Run(name, func(t *testing.T) {
			p := &inProcess{Cluster: nodetest.NewCluster(t, nodetest.Three(1, 1)), forge: func(events.Op, string) []string { return replies }}
			cl := client.New(p, client.Options{})
			fill(t, cl)
			checkAll(t, cl)
		})
	}
}

// TestClient_AnswersOfOthersChangeNothing has a node asked by name, and the answer
// of another one come first.
func TestClient_AnswersOfOthersChangeNothing(t *testing.T) {
	p := &inProcess{Cluster: nodetest.NewCluster(t, nodetest.Three(1, 1))}
	cl := client.New(p, client.Options{})
	fill(t, cl)
	p.forge = func(op events.Op, to string) []string {
		switch {
		case to == "":
			return nil
		case op == events.OpKeys:
			return []string{`{"node":"` + map[string]string{"linux": "mac", "mac": "android", "android": "linux"}[to] + `","more":false}`}
		}
		other := map[string]string{"linux": "mac", "mac": "android", "android": "linux"}[to]
		absent := `{"node":"` + other + `","status":"absent","owner":1`
		return []string{absent + `}`, absent + `,"size":0}` + "\n" + absent + `,"size":0}` + "\n" + absent + `}`,
			strings.ReplaceAll(absent, other, to) + `}`} // one answer to three keys
	}
	checkAll(t, cl)
}

func fill(t *testing.T, cl *client.Client) {
	t.Helper()
	for _, key := range []string{"l1", "l2", "l3", "m1", "m2", "m3", "a1", "a2", "a3"} {
		put, err := cl.Put(t.Context(), []byte(key), []byte("value of "+key), client.AllAnswers())
		owner := map[byte]string{'l': "linux", 'm': "mac", 'a': "android"}[key[0]]
		if err != nil || put.Status != events.StatusStored || put.Node != owner || len(put.Answers) != 3 {
			t.Fatalf("put %s: %+v, %v", key, put, err)
		}
		for _, a := range put.Answers {
			if a.Node != owner && a.Status != events.StatusNotStored {
				t.Errorf("put %s: %s is said to say %s", key, a.Node, a.Status)
			}
		}
	}
}

func checkAll(t *testing.T, cl *client.Client) {
	t.Helper()
	ctx := t.Context()
	if got, err := cl.Get(ctx, []byte("m2")); err != nil || string(got.Value) != "value of m2" || got.Node != "mac" {
		t.Errorf("get m2: %+v, %v", got, err)
	}
	if _, err := cl.Get(ctx, []byte("missing")); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("get of what is not there: %v", err)
	}
	if deleted, err := cl.Delete(ctx, []byte("mx")); err != nil || deleted.Status != events.StatusAbsent {
		t.Errorf("delete of what is not there: %s, %v", deleted.Status, err)
	}
	if got := listed(t, cl); got != "l1 l2 l3 m1 m2 m3 a1 a2 a3" {
		t.Errorf("listed are %s", got)
	}
	if got := dumped(t, cl); got != "l1 l2 l3 m1 m2 m3 a1 a2 a3" {
		t.Errorf("dumped are %s", got)
	}
	page, err := cl.Page(ctx, client.Listing{Limit: 4})
	if err != nil || len(page.Faults) > 0 || len(page.Keys) != 4 || !page.More {
		t.Errorf("a page: %+v, %v", page, err)
	}
	explained, err := cl.Explain(ctx, []byte("a1"))
	if err != nil || explained.Node != "android" || len(explained.Answers) != 3 {
		t.Errorf("explain: %+v, %v", explained, err)
	}
	status, err := cl.Status(ctx)
	if err != nil || len(status) != 3 {
		t.Fatalf("status: %+v, %v", status, err)
	}
	for _, s := range status {
		if !s.Up || s.Info.Keys != 3 {
			t.Errorf("status of %s: up %v, %d keys", s.Name, s.Up, s.Info.Keys)
		}
	}
	if s, err := cl.Scatter(ctx, 3, func() {}); err != nil || s.Stored != 3 || s.Duplicates != 0 {
		t.Errorf("scatter: %+v, %v", s, err)
	}
}

func listed(t *testing.T, cl *client.Client) string {
	t.Helper()
	var keys []string
	for k, err := range cl.Keys(t.Context(), "", nil) {
		if err != nil {
			t.Error(err)
		}
		keys = append(keys, string(k.Key))
	}
	return strings.Join(keys, " ")
}

func dumped(t *testing.T, cl *client.Client) string {
	t.Helper()
	var keys []string
	for item, err := range cl.Dump(t.Context(), "", nil) {
		if err != nil {
			t.Error(err)
		}
		if string(item.Value) != "value of "+string(item.Key) {
			t.Errorf("%s is dumped with %q", item.Key, item.Value)
		}
		keys = append(keys, string(item.Key))
	}
	return strings.Join(keys, " ")
}

// TestClient_WhoIsSilentIsSaid has one node silent and an intruder answer in every
// way: a listing and a dump fail, and so does what the silent node owns.
func TestClient_WhoIsSilentIsSaid(t *testing.T) {
	for name, replies := range intruders {
		if name == "keys out of order" || name == "a key of another node" { // these are of linux
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &inProcess{Cluster: nodetest.NewCluster(t, nodetest.Three(1, 1))}
				cl := client.New(p, client.Options{})
				fill(t, cl)
				p.silent, p.forge = "linux", func(events.Op, string) []string { return replies }
				checkLinuxIsSilent(t, cl)
			})
		})
	}
}

func checkLinuxIsSilent(t *testing.T, cl *client.Client) {
	t.Helper()
	ctx, keys, failed := t.Context(), 0, 0
	for _, err := range cl.Keys(ctx, "", nil) {
		if keys++; errors.Is(err, events.ErrOwnerOffline) && strings.Contains(err.Error(), "linux") {
			failed++
		}
	}
	for _, err := range cl.Dump(ctx, "", nil) {
		if keys++; errors.Is(err, events.ErrOwnerOffline) && strings.Contains(err.Error(), "linux") {
			failed++
		}
	}
	if keys != 2*7 || failed != 2 {
		t.Errorf("keys and dump yield %d, of them %d that linux is offline; want 14 and 2", keys, failed)
	}
	if _, err := cl.Get(ctx, []byte("l1")); !errors.Is(err, events.ErrOwnerOffline) {
		t.Errorf("get: %v", err)
	}
	if _, err := cl.Put(ctx, []byte("l1"), nil); !errors.Is(err, events.ErrUnknown) {
		t.Errorf("put: %v", err)
	}
	if status, err := cl.Status(ctx); err != nil || status[0].Up || !status[1].Up {
		t.Errorf("status: %+v, %v", status, err)
	}
}
