package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"dht/client"
	"dht/events"
	"dht/nodes/nodetest"
)

// TestClient_GoneBeforeItAsked ends the caller's context first: nothing is sent.
func TestClient_GoneBeforeItAsked(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	overBus := c.client()
	c.eachUp(overBus)
	conn, err := nats.Connect(c.urls()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	heard := make(chan string, 100)
	for _, subject := range []string{"dht.*", "dht.node.>"} { // and not what nodes say to each other
		if _, err := conn.Subscribe(subject, func(m *nats.Msg) {
			if m.Subject != "dht.info" {
				heard <- m.Subject
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	caused, end := context.WithCancelCause(t.Context())
	end(errors.New("the caller's reason"))
	for _, ctx := range []context.Context{gone, late, caused} {
		eachCall(ctx, overBus, func(call string, err error) {
			if !errors.Is(err, ctx.Err()) || errors.Is(err, events.ErrOwnerOffline) || errors.Is(err, events.ErrUnknown) {
				t.Errorf("%s after the end of its context: %v, want %v", call, err, ctx.Err())
			}
		})
	}
	c.put(overBus, "k", "v") // what had been sent before would be heard by now
	if subject := <-heard; subject != "dht.put" || len(heard) > 0 {
		t.Errorf("heard were %s and %d more", subject, len(heard))
	}
}

// eachCall makes every call of the library.
func eachCall(ctx context.Context, cl *client.Client, check func(call string, err error)) {
	key := []byte("gone")
	_, err := cl.Put(ctx, key, nil)
	check("Put", err)
	_, err = cl.Get(ctx, key)
	check("Get", err)
	_, err = cl.Delete(ctx, key)
	check("Delete", err)
	_, err = cl.Explain(ctx, key)
	check("Explain", err)
	_, err = cl.Status(ctx)
	check("Status", err)
	_, err = cl.Map(ctx)
	check("Map", err)
	_, err = cl.Page(ctx, client.Listing{})
	check("Page", err)
	_, err = cl.Scatter(ctx, 3, func() {})
	check("Scatter", err)
	_, err = cl.ReadBack(ctx, [][]byte{key, key}, func() {})
	check("ReadBack", err)
	_, err = cl.Load(ctx, func(yield func(client.Item, error) bool) { yield(client.Item{Key: key}, nil) }, func() {})
	check("Load", err)
	if _, err = cl.Watch(ctx, nil); !errors.Is(err, client.ErrNoBus) {
		check("Watch", err)
	}
	for node, call := range map[string]string{"": "of all", "linux": "of linux"} {
		for _, err = range cl.Keys(ctx, node, nil) {
			check("Keys "+call, err)
		}
		for _, err = range cl.Dump(ctx, node, nil) {
			check("Dump "+call, err)
		}
	}
}

// TestTCP_GoneBeforeItAsked is the same over TCP: a put is not carried out.
func TestTCP_GoneBeforeItAsked(t *testing.T) {
	c := newOverTCP(t, nodetest.Three(1, 1))
	cl := c.client("mac", client.Options{})
	if _, err := cl.Get(t.Context(), []byte("gone")); !errors.Is(err, events.ErrNotFound) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	eachCall(ctx, cl, func(call string, err error) {
		if !errors.Is(err, context.Canceled) || errors.Is(err, events.ErrOwnerOffline) || errors.Is(err, events.ErrUnknown) {
			t.Errorf("%s after the end of its context: %v", call, err)
		}
	})
	if got, err := cl.Get(t.Context(), []byte("gone")); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("the key is there: %+v, %v", got, err)
	}
	if _, err := client.ConnectTCP(ctx, c.peers["mac"], client.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("ConnectTCP: %v", err)
	}
}

// TestClient_GoneWhileItAsked ends the caller's context when the question is out:
// what was written is not known, and of what was read nothing is said.
func TestClient_GoneWhileItAsked(t *testing.T) {
	cause := errors.New("the user went home")
	for _, op := range []events.Op{events.OpPut, events.OpDelete, events.OpGet, events.OpKeys} {
		p := &inProcess{Cluster: nodetest.NewCluster(t, nodetest.Three(1, 1))}
		fill(t, client.New(p, client.Options{}))
		p.silent = "linux"
		ctx, cancel := context.WithCancelCause(t.Context())
		p.forge = func(asked events.Op, _ string) []string {
			if asked == op {
				cancel(cause)
			}
			return nil
		}
		cl := client.New(p, client.Options{Timeout: time.Minute})
		if _, err := cl.Map(ctx); err != nil {
			t.Fatal(err)
		}
		asked := 0
		checkGone := func(call string, err error) {
			t.Helper()
			if asked++; !errors.Is(err, context.Canceled) || !errors.Is(err, cause) || errors.Is(err, events.ErrOwnerOffline) {
				t.Errorf("%s: %v", call, err)
			}
			if errors.Is(err, events.ErrUnknown) != (call == "put" || call == "delete") {
				t.Errorf("%s: %v, is it unknown?", call, err)
			}
		}
		switch op {
		case events.OpPut:
			_, err := cl.Put(ctx, []byte("l1"), nil)
			checkGone("put", err)
		case events.OpDelete:
			_, err := cl.Delete(ctx, []byte("l1"))
			checkGone("delete", err)
		case events.OpGet:
			_, err := cl.Get(ctx, []byte("l1"))
			checkGone("get", err)
		case events.OpKeys:
			for _, err := range cl.Keys(ctx, "", nil) {
				checkGone("keys", err)
			}
		}
		if asked != 1 {
			t.Errorf("%s failed %d times", op, asked)
		}
		cancel(nil)
	}
}

// TestClient_DeadlineOfTheCaller is over before the client's own timeout: that
// nobody answered until then is true as well.
func TestClient_DeadlineOfTheCaller(t *testing.T) {
	p := &inProcess{Cluster: nodetest.NewCluster(t, nodetest.Three(1, 1)), silent: "linux"}
	cl := client.New(p, client.Options{Timeout: time.Minute})
	for call, ask := range map[events.Code]func(context.Context) error{
		events.ErrOwnerOffline: func(ctx context.Context) error { _, err := cl.Get(ctx, []byte("l1")); return err },
		events.ErrUnknown:      func(ctx context.Context) error { _, err := cl.Put(ctx, []byte("l1"), nil); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, call) {
			t.Errorf("%v, want %s and that the deadline is over", err, call)
		}
		cancel()
	}
}
