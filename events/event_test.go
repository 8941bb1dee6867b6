package events_test

import (
	"errors"
	"reflect"
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

// TestEvent_IsACloudEvent reads an event with the official SDK.
func TestEvent_IsACloudEvent(t *testing.T) {
	e := events.Event{Type: events.EventDelete}.From("three", "linux", version).About(events.Record{Key: []byte("k"), Version: version})
	var ce cloudevents.Event
	if err := ce.UnmarshalJSON(e.AppendTo(nil)); err != nil {
		t.Fatal(err)
	}
	if err := ce.Validate(); err != nil {
		t.Fatal(err)
	}
	var data struct{ Node, Key, Version string }
	if err := ce.DataAs(&data); err != nil {
		t.Fatal(err)
	}
	if ce.Type() != "delete" || ce.Source() != "/three/linux" || ce.ID() != version.String() ||
		!ce.Time().Equal(version.Time()) || data.Node != "linux" || data.Key != "k" || data.Version != version.String() {
		t.Errorf("read as %s, data %+v", ce, data)
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
