package bus_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"dht/events"
)

// discover asks as the nats command does, and reads as many answers as there
// are nodes; one more would be one too many.
func discover[T any](t *testing.T, conn *nats.Conn, subject string, nodes int) (list []T) {
	t.Helper()
	inbox := conn.NewRespInbox()
	sub, err := conn.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe()
	if err := conn.PublishRequest(subject, inbox, nil); err != nil {
		t.Fatal(err)
	}
	for range nodes {
		m, err := sub.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatalf("%s: %d of %d answers: %v", subject, len(list), nodes, err)
		}
		var answer T
		if err := json.Unmarshal(m.Data, &answer); err != nil {
			t.Fatalf("%s: %s: %v", subject, m.Data, err)
		}
		list = append(list, answer)
	}
	if m, err := sub.NextMsg(20 * time.Millisecond); err == nil {
		t.Errorf("%s: one more answers %s", subject, m.Data)
	}
	return list
}

func TestServer_IsAMicroService(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	conn, _ := three(t)
	gather(t, conn, "dht.put", `{"key":"lamp","value":"hello"}`, 3)
	gather(t, conn, "dht.get", `{"key":"lamp"}`, 3)
	gather(t, conn, "dht.put", `{"key":""}`, 3)
	ids := map[string]string{}
	for _, ping := range discover[micro.Ping](t, conn, "$SRV.PING.dht", 3) {
		if ping.Type != micro.PingResponseType || ping.Name != "dht" || ids[ping.ID] != "" {
			t.Errorf("answers %+v", ping)
		}
		ids[ping.ID] = ping.Metadata["node"]
	}
	for _, info := range discover[micro.Info](t, conn, "$SRV.INFO", 3) {
		if info.Type != micro.InfoResponseType || ids[info.ID] != info.Metadata["node"] || info.Metadata["epoch"] != "1" ||
			info.Version != "0.0.0-unreleased" {
			t.Errorf("%s answers %+v", ids[info.ID], info)
		}
		if info.Metadata["node"] == "mac" && info.Description != `node mac of three: prefix "m"` {
			t.Errorf("mac is described as %s", info.Description)
		}
		unqueued := func(e micro.EndpointInfo) bool { return e.Subject == "dht.put" && e.QueueGroup == "" }
		if !slices.ContainsFunc(info.Endpoints, unqueued) {
			t.Errorf("it has the endpoints %+v", info.Endpoints)
		}
	}
	for id, node := range ids {
		stats := discover[micro.Stats](t, conn, "$SRV.STATS.dht."+id, 1)[0]
		if stats.Type != micro.StatsResponseType || stats.Metadata["node"] != node || stats.Started.IsZero() {
			t.Errorf("%s answers %+v", node, stats)
		}
		checkStats(t, node, stats.Endpoints)
	}
}

// checkStats wants what TestServer_IsAMicroService has asked for.
func checkStats(t *testing.T, node string, endpoints []*micro.EndpointStats) {
	t.Helper()
	owner := node == "linux"
	for _, e := range endpoints {
		var data struct {
			Answers map[events.Status]int
			Keys    *int
		}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		requests, errors, timed := 0, 0, false
		switch e.Name {
		case "put":
			requests, errors, timed = 2, 1, true
			if (data.Answers[events.StatusStored] == 1) != owner || data.Answers[events.StatusError] != 1 {
				t.Errorf("%s counts %v", node, data.Answers)
			}
		case "get":
			requests, timed = 1, owner
		case "keys":
			if data.Keys == nil || (*data.Keys == 1) != owner {
				t.Errorf("%s tells %s", node, e.Data)
			}
		}
		if e.NumRequests != requests || e.NumErrors != errors || (e.ProcessingTime > 0) != timed ||
			(e.AverageProcessingTime > 0) != timed {
			t.Errorf("%s tells %+v", node, e)
		}
	}
}

// TestServer_IsFoundAfterAnAsyncError makes a subscription of the node's own
// connection slow, as a burst of requests does. The connection's error handler
// hears of it, and the node still answers.
func TestServer_IsFoundAfterAnAsyncError(t *testing.T) {
	b, law := one(t)
	heard := make(chan error, 1)
	conn := connect(t, b)
	conn.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		select {
		case heard <- err:
		default:
		}
	})
	server := serveOn(t, conn, law, "linux")
	slow, err := conn.SubscribeSync("slow")
	if err != nil {
		t.Fatal(err)
	}
	if err := slow.SetPendingLimits(1, -1); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := conn.Publish("slow", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-heard; err == nil {
		t.Fatal("no error was heard of")
	}
	other := connect(t, b)
	discover[micro.Ping](t, other, "$SRV.PING.dht", 1)
	discover[micro.Stats](t, other, "$SRV.STATS.dht", 1)
	server.Close()
	if _, err := other.Request("$SRV.PING.dht", nil, time.Second); err != nats.ErrNoResponders {
		t.Errorf("a closed node answers, %v", err)
	}
}
