package client_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dht/client"
	"dht/events"
)

// conditions are held to on every path to the nodes.
func conditions(t *testing.T, cl *client.Client) {
	key := []byte("conditional")
	put := func(value string, opts ...client.Option) (client.Result, error) {
		return cl.Put(t.Context(), key, []byte(value), opts...)
	}
	unmet := func(what string, r client.Result, err error, before events.Version) {
		t.Helper()
		if !errors.Is(err, events.ErrRefused) || r.Status != events.StatusUnchanged || r.Before != before {
			t.Errorf("%s: %v, %+v; before should be %v", what, err, r, before)
		}
	}
	done := func(what string, r client.Result, err error, status events.Status) events.Version {
		t.Helper()
		if err != nil || r.Status != status {
			t.Fatalf("%s: %v, %s", what, err, r.Status)
		}
		return r.Version
	}
	none := events.Version{}
	r, err := put("x", client.IfPresent())
	unmet("put over nothing", r, err, none)
	r, err = put("x", client.IfVersion(events.NewClock(time.Now).Next()))
	unmet("put over a version that is not there", r, err, none)
	r, err = cl.Delete(t.Context(), key, client.IfPresent())
	unmet("delete nothing", r, err, none)

	r, err = put("one", client.IfAbsent(), client.TTL(time.Hour), client.AllAnswers())
	first := done("put where nothing is", r, err, events.StatusStored)
	r, err = put("x", client.IfAbsent())
	unmet("put where something is", r, err, first)
	r, err = put("two", client.IfVersion(first))
	second := done("put over the version seen", r, err, events.StatusStored)
	r, err = put("x", client.IfVersion(first))
	unmet("put over an older version", r, err, second)
	r, err = cl.Delete(t.Context(), key, client.IfVersion(first))
	unmet("delete an older version", r, err, second)
	got, err := cl.Get(t.Context(), key)
	if err != nil || string(got.Value) != "two" || got.Version != second || got.Expires != 0 {
		t.Errorf("what stands is %q, version %v, until %d: %v", got.Value, got.Version, got.Expires, err)
	}
	r, err = put("three", client.IfPresent())
	third := done("put over anything", r, err, events.StatusStored)
	r, err = cl.Delete(t.Context(), key, client.IfAbsent())
	unmet("delete what is not there, where something is", r, err, third)
	r, err = cl.Delete(t.Context(), key, client.IfVersion(third))
	done("delete the version seen", r, err, events.StatusDeleted)
	r, err = cl.Delete(t.Context(), key, client.IfAbsent())
	done("delete what is not there", r, err, events.StatusAbsent)
}

func TestClient_Conditions(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	t.Run("bus", func(t *testing.T) {
		c := newCluster(t, example(1, 1))
		cl := c.client()
		c.eachUp(cl)
		conditions(t, cl)
	})
	t.Run("TCP", func(t *testing.T) {
		c := newOverTCP(t, example(1, 1))
		cl, err := client.ConnectTCP(t.Context(), c.peers["linux"], client.Options{Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		conditions(t, cl)
	})
}

// Of many who put over what they have seen, each time one wins.
func TestClient_ConditionsAreOneStep(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t, example(1, 1))
	cl := c.client()
	c.eachUp(cl)
	key := []byte("contended")
	r, err := cl.Put(t.Context(), key, []byte("0"))
	if err != nil {
		t.Fatal(err)
	}
	for round := range 10 {
		var wait sync.WaitGroup
		var won atomic.Int64
		seen, winner := r.Version, make(chan client.Result, 8)
		for i := range 8 {
			wait.Go(func() {
				switch r, err := cl.Put(t.Context(), key, []byte(fmt.Sprint(i)), client.IfVersion(seen)); {
				case err == nil:
					won.Add(1)
					winner <- r
				case r.Status != events.StatusUnchanged:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 {
			t.Fatalf("round %d has %d winners", round, won.Load())
		}
		r = <-winner
	}
}

// The owner does not decide by what it holds alone, when an earlier map has left
// the key elsewhere.
func TestClient_ConditionsAfterNewRules(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	law := example(1, 1)
	c := newCluster(t, law)
	cl := c.client()
	held, gone := c.keyOf("linux", 1), c.keyOf("linux", 2)
	first := c.put(cl, held, "old").Version
	c.put(cl, gone, "old")
	if _, err := cl.Delete(t.Context(), []byte(gone)); err != nil {
		t.Fatal(err)
	}
	law = example(2, 1)
	law.Nodes[0].Rule, law.Nodes[1].Rule = `prefix "nothing"`, "md5 % 2 == 0"
	c.restart(law)
	cl = c.client()
	c.eachUp(cl)
	if r, err := cl.Put(t.Context(), []byte(held), nil, client.IfAbsent()); r.Status != events.StatusUnchanged || r.Before != first {
		t.Errorf("put where nothing should be: %v, %+v", err, r)
	}
	if _, err := cl.Put(t.Context(), []byte(held), []byte("new"), client.IfVersion(first)); err != nil {
		t.Errorf("put over the version seen: %v", err)
	}
	if got := c.get(cl, held); got != "new" {
		t.Errorf("what stands is %q", got)
	}
	if _, err := cl.Put(t.Context(), []byte(gone), []byte("new"), client.IfAbsent()); err != nil {
		t.Errorf("put where all is deleted: %v", err)
	}
}

// A key with several owners has no one step: that is said, and nothing is done.
func TestClient_ConditionsAtEveryMatch(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	law := example(1, events.EveryMatch)
	law.Nodes[0].Rule, law.Nodes[1].Rule = `prefix "k"`, `prefix "ke"`
	c := newCluster(t, law)
	cl := c.client()
	c.eachUp(cl)
	if r, err := cl.Put(t.Context(), []byte("key"), nil, client.IfAbsent()); !errors.Is(err, events.ErrRefused) || r.Status != events.StatusError {
		t.Errorf("%v, %+v", err, r)
	}
	if _, err := cl.Get(t.Context(), []byte("key")); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("it was put all the same: %v", err)
	}
}

// What depends on what stands is not sent again: the second time it would meet
// what the first has done.
func TestClient_ConditionsAreNotSentAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newClusterOn(t, example(1, 1), standalone(t).URL())
	observer := c.connect()
	heard, err := observer.SubscribeSync("dht.update")
	if err := errors.Join(err, observer.Flush()); err != nil {
		t.Fatal(err)
	}
	cl := c.client(func(o *client.Options) { o.Timeout = 400 * time.Millisecond })
	key := []byte(c.keyOf("mac", 1))
	if _, err := cl.Get(t.Context(), key); !errors.Is(err, events.ErrNotFound) {
		t.Fatal(err)
	}
	c.kill("mac")
	if _, err := cl.Put(t.Context(), key, nil, client.IfAbsent()); !errors.Is(err, events.ErrUnknown) {
		t.Errorf("its owner is silent: %v", err)
	}
	if _, err := heard.NextMsg(time.Minute); err != nil { // on a busy machine it comes when the put is over
		t.Fatalf("it was not sent: %v", err)
	}
	if err := observer.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, _ := heard.Pending(); n != 0 {
		t.Errorf("it was sent %d times", 1+n)
	}
}
