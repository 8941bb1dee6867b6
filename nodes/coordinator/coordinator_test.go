package coordinator_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dht/events"
	"dht/nodes"
	"dht/nodes/coordinator"
	"dht/nodes/nodetest"
)

// peer is another node in the same process. It notes what it is asked, and can be
// made silent.
type peer struct {
	node *nodes.Node

	mu    sync.Mutex // guards what follows
	asked []string   // the operation and the keys of each message
	fails error
}

func (p *peer) Send(op events.Op, reqs []events.Request, done func([]events.Answer, error)) {
	p.mu.Lock()
	text := string(op)
	for i := range reqs {
		text += " " + string(reqs[i].Key)
	}
	p.asked = append(p.asked, text)
	err := p.fails
	p.mu.Unlock()
	if err != nil {
		done(nil, err)
		return
	}
	p.node.Do(op, slices.Clone(reqs), func(answers []events.Answer) { done(answers, nil) })
}

// seen is what was asked since the last time.
func (p *peer) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.asked = nil }()
	return strings.Join(p.asked, ", ")
}

func (p *peer) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails = err
}

// bench is the node linux, which coordinates, and the peers mac and android.
type bench struct {
	t            *testing.T
	cluster      *nodetest.Cluster
	mac, android *peer
	coordinator  *coordinator.Coordinator
}

func newBench(t *testing.T, c *nodetest.Cluster) *bench {
	b := &bench{t: t, cluster: c, mac: &peer{node: c.Nodes["mac"]}, android: &peer{node: c.Nodes["android"]}}
	b.coordinator = coordinator.New(coordinator.Options{Context: t.Context(), Node: c.Nodes["linux"],
		Peers: []coordinator.Peer{nil, b.mac, b.android}, Patience: time.Second})
	return b
}

func (b *bench) batch() *coordinator.Batch { return b.coordinator.NewBatch(func() {}, func() {}) }

// outcomes waits, and gives each outcome as "stored mac" or as the code of its error.
func outcomes(batch *coordinator.Batch) string {
	batch.Wait()
	var list []string
	for i := range batch.Len() {
		a, err := batch.Outcome(i)
		var code events.Code
		switch {
		case errors.As(err, &code):
			list = append(list, string(code))
		case a.Status == events.StatusFound:
			list = append(list, fmt.Sprintf("%s=%s", a.Node, a.Value))
		default:
			list = append(list, fmt.Sprintf("%s %s", a.Status, a.Node))
		}
	}
	batch.Reset()
	return strings.Join(list, ", ")
}

func put(key, value string) events.Request {
	return events.Request{Key: []byte(key), Value: []byte(value)}
}

func (b *bench) want(what, got, want string) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// What arrived together makes one message for each node, and is answered in order.
func TestBatch_OneMessageForEachNode(t *testing.T) {
	b := newBench(t, nodetest.NewCluster(t, nodetest.Three(1, 1)))
	batch := b.batch()
	for _, key := range []string{"l1", "m1", "a1", "m2", "l2", "a2"} {
		batch.Ask(events.OpPut, put(key, "v"+key))
	}
	b.want("puts", outcomes(batch), "stored linux, stored mac, stored android, stored mac, stored linux, stored android")
	b.want("mac was asked", b.mac.seen(), "put m1 m2")
	b.want("android was asked", b.android.seen(), "put a1 a2")
	for _, key := range []string{"m2", "l1", "a3"} {
		batch.Ask(events.OpGet, put(key, ""))
	}
	b.want("gets", outcomes(batch), "mac=vm2, linux=vl1, absent android")
}

// A get behind a put of the same key goes the way of the writes: one message.
func TestBatch_SeesWhatItWrote(t *testing.T) {
	b := newBench(t, nodetest.NewCluster(t, nodetest.Three(1, 1)))
	for key, node := range map[string]string{"l1": "linux", "m1": "mac"} {
		batch := b.batch()
		for _, value := range []string{"one", "two"} {
			batch.Ask(events.OpPut, put(key, value))
			batch.Ask(events.OpGet, put(key, ""))
		}
		batch.Ask(events.OpDelete, put(key, ""))
		batch.Ask(events.OpGet, put(key, ""))
		got := outcomes(batch)
		b.want(key, got, strings.ReplaceAll("stored NODE, NODE=one, stored NODE, NODE=two, deleted NODE, deleted NODE", "NODE", node))
	}
	b.want("mac was asked", b.mac.seen(), "put m1 m1 m1 m1, delete m1 m1")
}

// What a silent peer means depends on what it was asked, and on whether it may have
// received that. One that had its time is not waited for again by the same batch.
func TestBatch_SilentPeer(t *testing.T) {
	b := newBench(t, nodetest.NewCluster(t, nodetest.Three(1, 1)))
	for _, tt := range []struct {
		why      coordinator.NoAnswer
		get, put events.Code
	}{
		{coordinator.NoAnswer{Cause: errors.New("refused")}, events.ErrOwnerOffline, events.ErrOwnerOffline},
		{coordinator.NoAnswer{Sent: true, Overdue: true, Cause: errors.New("late")}, events.ErrOwnerOffline, events.ErrUnknown},
		{coordinator.NoAnswer{Cause: events.ErrStaleMap}, events.ErrStaleMap, events.ErrStaleMap},
	} {
		b.mac.fail(&tt.why)
		batch := b.batch()
		batch.Ask(events.OpGet, put("m1", ""))
		batch.Ask(events.OpPut, put("l1", "v"))
		b.want("get", outcomes(batch), string(tt.get)+", stored linux")
		batch.Ask(events.OpPut, put("m1", "v"))
		b.want("put", outcomes(batch), string(tt.put))
		b.mac.seen()
		batch.Ask(events.OpPut, put("m1", "v"))
		outcomes(batch)
		again := map[bool]string{false: "put m1", true: ""}[tt.why.Overdue]
		b.want("asked again", b.mac.seen(), again)
		batch.ForgetSilence()
		batch.Ask(events.OpPut, put("m1", "v"))
		outcomes(batch)
		b.want("asked later", b.mac.seen(), "put m1")
	}
	b.mac.fail(errors.New("nonsense"))
	batch := b.batch()
	batch.Ask(events.OpGet, put("m1", ""))
	b.want("a peer that says something else", outcomes(batch), string(events.ErrInternal))
}

// After a change of rules the owner is brought what another node still holds before
// an update is done; a get asks that node, too.
func TestBatch_BringsHome(t *testing.T) {
	cluster := nodetest.NewCluster(t, nodetest.Three(1, 1))
	b := newBench(t, cluster)
	batch := b.batch()
	batch.Ask(events.OpPut, put("l1", "41"))
	batch.Ask(events.OpPut, put("l2", "old"))
	b.want("before", outcomes(batch), "stored linux, stored linux")
	cluster.Change(nodetest.Swapped(2))
	b = newBench(t, cluster)
	batch = b.batch()
	batch.Ask(events.OpGet, put("l1", ""))
	batch.Ask(events.OpUpdate, events.Request{Key: []byte("l1"), Value: []byte("1"), Update: events.UpdateAdd})
	batch.Ask(events.OpDelete, put("l2", ""))
	b.want("after", outcomes(batch), "linux=41, stored mac, deleted mac")
	batch.Ask(events.OpGet, put("l1", ""))
	batch.Ask(events.OpGet, put("l2", ""))
	b.want("then", outcomes(batch), "mac=42, deleted mac")
}

// What awaits a way of the caller's own counts like any message; a closing
// coordinator sends no writes that would wait.
func TestBatch_Await(t *testing.T) {
	b := newBench(t, nodetest.NewCluster(t, nodetest.Three(1, 1)))
	batch := b.batch()
	batch.Await(1, events.OpPut, 1, func(done func(error)) { done(nil) })
	batch.Await(1, events.OpGet, 0, func(done func(error)) { done(&coordinator.NoAnswer{Cause: context.Canceled}) })
	batch.Wait()
	if err := batch.Failure(0); err != nil {
		t.Errorf("what was answered has failed: %v", err)
	}
	if err := batch.Failure(1); !errors.Is(err, events.ErrOwnerOffline) || !errors.Is(err, context.Canceled) {
		t.Errorf("what was not answered: %v", err)
	}
	batch.Reset()
}

// Nodes refuse what they would refuse anyway without being asked.
func TestBatch_Refuses(t *testing.T) {
	b := newBench(t, nodetest.NewCluster(t, nodetest.Three(1, 1)))
	batch := b.batch()
	batch.Ask(events.OpPut, put("", "v"))
	batch.Ask(events.OpPut, events.Request{Key: []byte("m"), Value: make([]byte, events.MaxValue+1)})
	b.want("refused", outcomes(batch), "bad-request, too-large")
	b.want("mac was asked", b.mac.seen(), "")
}
