package monitor_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"dht/client/monitor"
	"dht/events"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestReader_IDs wants the id of each entry, by the reply subject where it has none.
func TestReader_IDs(t *testing.T) {
	reader := monitor.NewReader(events.NewSubjects(""))
	byReply := string(events.ReplyID("_INBOX.a.1"))
	for _, tt := range []struct {
		reply, message string
		want           []string
	}{
		{"_INBOX.a.1", `{"key":"a"}`, []string{byReply}},
		{"_INBOX.a.1", "{\"key\":\"a\",\"id\":\"mine\",\"size\":0}\n{\"key\":\"b\"}", []string{"mine", byReply}},
		{"", `{"key":"a"}`, []string{""}},
	} {
		var got []string
		for _, s := range reader.Read("dht.get", tt.reply, []byte(tt.message), time.Now()) {
			got = append(got, string(s.ID))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: the ids are %q, want %q", tt.message, got, tt.want)
		}
	}
}

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
		"dht.watch":           {"whatever", "[watch  0]"},
		"dht.event.linux.put": {string(put.AppendTo(nil)), "[put!@linux k 5]"},
		"dht.delete":          {"no request", "[delete  0 malformed]"},
		"dht.event.mac.put":   {"no event", ""},
		"_INBOX.x":            {`{"node":"linux","status":"stored"}`, ""},
	} {
		got := ""
		for _, s := range reader.Read(subject, "", []byte(tt.message), time.Now()) {
			what, fault := string(s.Op), ""
			if s.Event.Type != "" {
				what, s.Node, s.Key, s.Bytes = string(s.Event.Type)+"!", s.Event.Node, s.Event.Key, s.Event.Bytes
			}
			if s.Node != "" {
				what += "@" + s.Node
			}
			if s.Fault != nil {
				fault = " malformed"
			}
			got += fmt.Sprintf("[%s %s %d%s] ", what, s.Key, s.Bytes, fault)
		}
		if got != tt.want && got != tt.want+" " {
			t.Errorf("%s %q shows %s, want %s", subject, tt.message, got, tt.want)
		}
	}
}
