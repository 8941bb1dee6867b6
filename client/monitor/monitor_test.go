package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"dht/broker"
	"dht/client/monitor"
	"dht/events"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReader_Read(t *testing.T) {
	clock := events.NewClock(time.Now)
	put := events.Event{Type: events.EventPut}.From("three", "linux", clock.Next()).
		About(events.Record{Key: []byte("k"), Value: []byte("12345"), Version: clock.Next()})
	reader := monitor.NewReader(events.NewSubjects(""))
	for subject, tt := range map[string]struct{ message, want string }{
		"dht.put":             {"{\"key\":\"a\",\"size\":2}\nhi{\"key\":\"b\"}\nhello", "[put a 2] [put b 5]"},
		"dht.node.linux.get":  {`{"key64":"//8="}`, "[get@linux \xff\xff 0]"},
		"dht.keys":            {`{"prefix":"eu/"}`, "[keys eu/ 0]"},
		"dht.info":            {"", "[info  0]"},
		"dht.event.linux.put": {string(put.AppendTo(nil)), "[put!@linux k 5]"},
		"dht.delete":          {"no request", ""},
		"dht.event.mac.put":   {"no event", ""},
		"_INBOX.x":            {`{"node":"linux","status":"stored"}`, ""},
	} {
		got := ""
		for _, s := range reader.Read(subject, []byte(tt.message), time.Now()) {
			what := string(s.Op)
			if s.Event != "" {
				what = string(s.Event) + "!"
			}
			if s.Node != "" {
				what += "@" + s.Node
			}
			got += fmt.Sprintf("[%s %s %d] ", what, s.Key, s.Bytes)
		}
		if got != tt.want && got != tt.want+" " {
			t.Errorf("%s %q shows %s, want %s", subject, tt.message, got, tt.want)
		}
	}
}

func TestWatch(t *testing.T) {
	b, err := broker.Open(t.Context(), broker.Options{Name: "test", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	conn, err := nats.Connect(b.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	seen, ended := make(chan monitor.Sight, 10), make(chan error)
	go func() {
		_, err := monitor.Watch(ctx, conn, events.NewSubjects(""), "dht.>", func(s monitor.Sight) error {
			seen <- s
			if string(s.Key) == "stop" {
				return errors.New("enough")
			}
			return nil
		})
		ended <- err
	}()
	// Publishing goes on until the watcher has begun.
	for begun := false; !begun; {
		if err := conn.Publish("dht.put", []byte(`{"key":"k"}`)); err != nil {
			t.Fatal(err)
		}
		select {
		case s := <-seen:
			begun = string(s.Key) == "k"
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("a watch that was ended fails: %v", err)
	}
}
