package events_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"dht/events"
)

func TestEvent_RoundTrip(t *testing.T) {
	for _, key := range []string{"greeting", "quote \" and é", "\xff\x00", ""} {
		want := events.Event{Type: events.EventPut, Op: events.OpPut, Status: events.StatusNotStored,
			Took: 5 * time.Microsecond, Detail: "md5 % 2 == 1", Lost: 3}.From("three", "linux", version)
		if key != "" {
			want = want.About(events.Record{Key: []byte(key), Value: []byte("12345"), Version: version, Expires: 1790000000000})
		}
		b := want.AppendTo(nil)
		if got, err := events.DecodeEvent(b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n is read as %+v, %v\n want %+v", b, got, err, want)
		}
	}
}

// samples are events of every type, as nodes tell of them.
func samples() map[events.EventType]events.Event {
	record := events.Record{Key: []byte("greeting"), Value: []byte("hello"), Version: version, Expires: 1_790_000_000_000}
	return map[events.EventType]events.Event{
		events.EventPut:    events.Event{}.About(record),
		events.EventDelete: events.Event{}.About(events.Record{Key: []byte("\xff\x00"), Version: version, Deleted: true}),
		events.EventExpire: events.Event{}.About(record),
		events.EventAnswer: {Op: events.OpGet, Key: []byte("greeting"), Version: version, Status: events.StatusNotStored,
			Took: 12 * time.Microsecond, Detail: "md5 % 2 == 1"},
		events.EventUp:          {Lost: 12},
		events.EventDrain:       {},
		events.EventDown:        {},
		events.EventMerge:       {Bytes: 1 << 20, Detail: "00000001.jsonl to 00000003.jsonl: of 2000000 bytes 951424 are left"},
		events.EventCorrupt:     {Detail: "00000001.jsonl, line 4 (99 bytes at 296): its checksum does not match"},
		events.EventLost:        {Lost: 12},
		events.EventMapMismatch: {Detail: "a get believes in map 7-0123456789abcdef, linux holds 1-772d0221e9498914"},
	}
}

// TestEvent_IsACloudEvent reads events of every type with the official SDK. The
// key is in the data; neither the event's attributes nor its subject on the bus
// have it.
func TestEvent_IsACloudEvent(t *testing.T) {
	all := samples()
	for _, kind := range events.EventTypes() {
		e, ok := all[kind]
		if !ok {
			t.Errorf("no sample of type %s", kind)
		}
		e.Type = kind
		e = e.From("three", "linux", version)
		var ce cloudevents.Event
		if err := ce.UnmarshalJSON(e.AppendTo(nil)); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if err := ce.Validate(); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if ce.SpecVersion() != cloudevents.CloudEventsVersionV1 || ce.Type() != string(kind) || ce.Source() != "/three/linux" || ce.Subject() != "" ||
			ce.ID() != version.String() || !ce.Time().Equal(version.Time()) || ce.DataContentType() != cloudevents.ApplicationJSON || len(ce.Extensions()) > 0 {
			t.Errorf("%s is read as %s", kind, ce)
		}
		checkData(t, &ce, &e)
		if subject := events.NewSubjects("").Event("linux", kind); subject != "dht.event.linux."+string(kind) {
			t.Errorf("%s is told on %s", kind, subject)
		}
	}
}

// checkData wants what e says in the data of ce.
func checkData(t *testing.T, ce *cloudevents.Event, e *events.Event) {
	t.Helper()
	var data struct {
		Node, Key, Version, Op, Status, Detail string
		Key64                                  []byte
		Expires, Bytes, US, Lost               int64
	}
	if err := ce.DataAs(&data); err != nil {
		t.Fatal(err)
	}
	key := data.Key64
	if data.Key != "" {
		key = []byte(data.Key)
	}
	version := ""
	if !e.Version.IsZero() {
		version = e.Version.String()
	}
	if data.Node != e.Node || string(key) != string(e.Key) || data.Version != version || data.Op != string(e.Op) || data.Status != string(e.Status) ||
		data.Detail != e.Detail || data.Expires != e.Expires || data.Bytes != e.Bytes || data.US != e.Took.Microseconds() || data.Lost != e.Lost {
		t.Errorf("%+v has the data %s", e, ce.Data())
	}
}

// TestReplyID wants an id that fits a request, that differs where the reply subject
// does, and that stays when NATS puts tokens in front of it.
func TestReplyID(t *testing.T) {
	seen := map[string]string{}
	for _, reply := range []string{"_INBOX.Zm9v.1", "_INBOX.Zm9v.2", "_INBOX.YmFy.1", "_INBOX.Zm9v", "mine", "a.mine"} {
		id := string(events.ReplyID(reply))
		if other, known := seen[id]; known || id == "" || len(id) > events.MaxID || strings.Contains(id, "Zm9v") {
			t.Errorf("the id of %s is %q, that of %q as well", reply, id, other)
		}
		seen[id] = reply
	}
	if direct, remote := events.ReplyID("_INBOX.Zm9v.1"), events.ReplyID("_GR_.cluster.server._INBOX.Zm9v.1"); string(direct) != string(remote) {
		t.Errorf("the id is %s here and %s in another cluster of NATS", direct, remote)
	}
	if id := events.ReplyID(""); id != nil {
		t.Errorf("a request without reply has the id %q", id)
	}
}

func BenchmarkReplyID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		events.ReplyID("_INBOX.BFvLZTjUWzGzqmOMHkSrmG.1f3a")
	}
}

func TestDecodeEvent_Refuses(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"specversion":"0.3"}`, `{"specversion":"1.0","id":"x"}`} {
		if _, err := events.DecodeEvent([]byte(text)); !errors.Is(err, events.ErrBadRequest) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	r := events.Record{Key: []byte("key:000000123456"), Value: make([]byte, 100), Version: version}
	clock := events.NewClock(time.Now)
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		e := events.Event{Type: events.EventPut}.From("three", "linux", clock.Next()).About(r)
		buf = e.AppendTo(buf[:0])
	}
}

// FuzzEvent reads what is written, whatever stands in it, and refuses the rest.
func FuzzEvent(f *testing.F) {
	for kind, e := range samples() {
		f.Add(e.Key, string(kind), e.Detail, e.Expires, e.Bytes, e.Took.Microseconds(), e.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, key []byte, kind, detail string, expires, size, us int64, text []byte) {
		if _, err := events.DecodeEvent(text); err != nil && !errors.Is(err, events.ErrBadRequest) {
			t.Errorf("%q: %v", text, err)
		}
		us %= 1 << 40
		e := events.Event{Type: events.EventType(strings.ToValidUTF8(kind, "")), Key: key, Version: version, Expires: expires, Bytes: size,
			Took: time.Duration(us) * time.Microsecond, Detail: strings.ToValidUTF8(detail, ""), Lost: size}.From("three", "linux", version)
		if len(key) == 0 {
			e.Key = nil
		}
		b := e.AppendTo(nil)
		if got, err := events.DecodeEvent(b); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%s\n is read as %+v, %v\n want %+v", b, got, err, e)
		}
		e.Detail, e.Type = detail, events.EventType(kind) // even when it is no UTF-8
		if b := e.AppendTo(nil); !json.Valid(b) {
			t.Errorf("%q is no JSON", b)
		}
	})
}
