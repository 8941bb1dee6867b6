package events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"dht/events"
)

var (
	version = events.NewClock(func() time.Time { return time.UnixMilli(1_790_000_000_000) }).Next()
	mapID   = events.MapID{Epoch: 3, Hash: 0x0123456789abcdef}
)

func TestRequests_RoundTrip(t *testing.T) {
	want := []events.Request{
		{Key: []byte("greeting"), Value: []byte("hello\n{}"), Version: version, Expires: 1790000000000, Map: mapID, Deadline: 1790000002000},
		{Key: []byte("quote\"back\\slash\nline\x01é日本"), Level: events.LevelQuorum},
		{Key: []byte{0xff, 0xfe}, Value: bytes.Repeat([]byte{0}, 1000)},
		{Prefix: []byte("eu/"), After: []byte{0x80}, Limit: 10},
		{Key: []byte("again"), ID: []byte("r\xff1"), Sent: 1790000000000, Brief: true},
		{Key: []byte("last"), Value: []byte("{\"key\":\"not a head\"}\n")},
	}
	got, err := events.DecodeRequests(events.AppendRequests(nil, want...))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i := range want {
		if !sameRequest(got[i], want[i]) {
			t.Errorf("entry %d\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

// sameRequest compares requests; nil and empty values are the same.
func sameRequest(a, b events.Request) bool {
	return reflect.DeepEqual(emptied(a), emptied(b))
}

func emptied(r events.Request) events.Request {
	for _, b := range []*[]byte{&r.Key, &r.Value, &r.Prefix, &r.After} {
		if len(*b) == 0 {
			*b = nil
		}
	}
	return r
}

func TestDecodeRequests_WrittenByHand(t *testing.T) {
	for message, want := range map[string][]events.Request{
		``:                                     {{}},
		`{}`:                                   {{}},
		`{"key":"a","value":"hello"}`:          {{Key: []byte("a"), Value: []byte("hello")}},
		`{"key":"a","value64":"AAE="}`:         {{Key: []byte("a"), Value: []byte{0, 1}}},
		"{\"key\":\"a\"}\nhello":               {{Key: []byte("a"), Value: []byte("hello")}},
		"{\"key\":\"a\",\"size\":2}\r\nhi":     {{Key: []byte("a"), Value: []byte("hi")}},
		`{"key64":"//8="}`:                     {{Key: []byte{0xff, 0xff}}},
		`{ "key" : "\u00e9\ud83d\ude00\t\/" }`: {{Key: []byte("é😀\t/")}},
		`{"key":"a","x-new":{"x":[1,-2.5e3,{"y":null}],"z":true},"x-more":[],"level":null}`: {{Key: []byte("a")}},
		"{\"key\":\"a\",\"value\":\"1\"}\n{\"key\":\"b\",\"value\":\"2\"}\n": {
			{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("b"), Value: []byte("2")}},
		"{\"key\":\"a\",\"size\":0}\n{\"key\":\"b\"}": {{Key: []byte("a")}, {Key: []byte("b")}},
	} {
		got, err := events.DecodeRequests([]byte(message))
		if err != nil || len(got) != len(want) {
			t.Errorf("%s: %d entries, %v, want %d", message, len(got), err, len(want))
			continue
		}
		for i := range want {
			if !sameRequest(got[i], want[i]) {
				t.Errorf("%s: entry %d is %+v, want %+v", message, i, got[i], want[i])
			}
		}
	}
}

func TestDecodeRequests_Refuses(t *testing.T) {
	deep := `{"x-deep":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`
	for message, want := range map[string]string{
		"hello":                         `the head: column 1 is 'h', not '{'`,
		`{"key":"a"`:                    "the head: it ends where ',' or '}' should stand",
		`{"key":"a"} x`:                 `the head: column 13 is 'x', not the end of the line`,
		`{"key":"a","key":"b"}`:         "more than one key",
		`{"key":"a","key64":"AA=="}`:    "more than one key",
		`{"value":"a","value64":""}`:    "more than one value",
		`{"value":"a","size":1}`:        "say one",
		"{\"size\":9}\nhello":           "size says 9 bytes, 5 follow",
		`{"size":-1}`:                   "negative",
		`{"size":99999999999999999999}`: "not one of 64 bits",
		`{"size":-}`:                    "a whole number",
		`{"size":1.5}`:                  "column 10",
		`{"key64":"%"}`:                 "base64",
		`{"key":"\ud800"}`:              `bad \u escape`,
		`{"key":"\x"}`:                  `unknown escape`,
		"{\"key\":\"\xff\"}":            "not UTF-8",
		"{\"key\":\"a\nb\"}":            "part of a string",
		`{"version":"1"}`:               "UUID",
		`{"version":"b3b7a5f0-6f1e-4b0e-9a39-0c0b3f1f0a11"}`: "not a UUIDv7",
		`{"map":"1-xyz"}`: "epoch-hash",
		`{"key":7}`:       "a string",
		deep:              "a JSON value",
	} {
		reqs, err := events.DecodeRequests([]byte(message))
		if !errors.Is(err, events.ErrBadRequest) || !strings.Contains(err.Error(), want) || reqs != nil || len(err.Error()) > 300 {
			t.Errorf("%.60s: %v, want %q", message, err, want)
		}
	}
}

// TestDecodeRequests_CostsLittleMemory reads the message of most entries for its
// size.
func TestDecodeRequests_CostsLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	entry := []byte("{\"size\":0}\n")
	if reqs, err := events.DecodeRequests(bytes.Repeat(entry, events.MaxEntries)); err != nil || len(reqs) != events.MaxEntries {
		t.Errorf("%d entries are read as %d, %v", events.MaxEntries, len(reqs), err)
	}
	message := bytes.Repeat(entry, 100_000)
	if _, err := events.DecodeRequests(message); !errors.Is(err, events.ErrTooLarge) {
		t.Errorf("100,000 entries: %v", err)
	}
	result := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			_, _ = events.DecodeRequests(message)
		}
	})
	if most := int64(4*len(message) + 64<<10); result.AllocedBytesPerOp() > most {
		t.Errorf("a message of %d bytes takes %d bytes of memory, at most %d", len(message), result.AllocedBytesPerOp(), most)
	}
}

func TestAnswers_Listing(t *testing.T) {
	got := string(events.AppendAnswers(nil, events.Answer{Key: []byte("k"), Version: version}, events.Answer{Node: "linux"}))
	want := `{"key":"k","version":"` + version.String() + `","bytes":0,"size":0}` + "\n" + `{"node":"linux","more":false}`
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestAnswers_RoundTrip(t *testing.T) {
	want := []events.Answer{
		{Node: "linux", Status: events.StatusStored, Owner: 1, Version: version, Map: mapID},
		{Node: "mac", Status: events.StatusNotStored, Reason: `not "eu/"`, Owners: []string{"linux", "android"}, Map: mapID},
		{Node: "linux", Status: events.StatusFound, Owner: 1, Version: version, Expires: 1790000000000, Value: []byte("x")},
		{Node: "linux", Status: events.StatusAbsent, Owner: 1, AlsoAsk: []string{"mac"}},
		{Node: "linux", Status: events.StatusError, Error: "clock", Code: events.ErrClockAhead, Time: 1790000000000},
		{Key: []byte{0xff}, Version: version, Bytes: 12},
		{Node: "linux", More: true},
	}
	got, err := events.DecodeAnswers(events.AppendAnswers(nil, want...))
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if len(got[i].Value) == 0 {
			got[i].Value = nil
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

// TestHead_IsJSON holds the hand-written encoder to encoding/json.
func TestHead_IsJSON(t *testing.T) {
	key := "quote\" back\\ nul\x00 tab\t del\x7f é 日本 </script> \u2028"
	message := events.AppendAnswers(nil, events.Answer{Node: "n", Status: events.StatusNotStored, Key: []byte(key),
		Version: version, Owners: []string{"a\nb", "c"}, Map: mapID, More: true})
	var head struct {
		Node, Status, Key, Version, Map string
		Owners                          []string
		More                            bool
	}
	if err := json.Unmarshal(message, &head); err != nil {
		t.Fatalf("%s: %v", message, err)
	}
	if head.Key != key || head.Version != version.String() || head.Owners[0] != "a\nb" || head.Map != "3-0123456789abcdef" || !head.More {
		t.Errorf("%s is read as %+v", message, head)
	}
}

func FuzzDecodeRequests(f *testing.F) {
	f.Add([]byte(`{"key":"a","value":"b"}`))
	f.Add([]byte("{\"key\":\"a\",\"size\":1}\nb{\"key64\":\"//8=\"}\nc"))
	f.Add([]byte(`{"key":"\ud83d\ude00","x":[{"y":1e9}],"map":"1-0123456789abcdef"}`))
	f.Add(events.AppendRequests(nil, events.Request{Key: []byte("k"), Version: version, Limit: 3, Prefix: []byte{0xff}}))
	f.Fuzz(func(t *testing.T, message []byte) {
		first, err := events.DecodeRequests(message)
		if err != nil {
			return
		}
		second, err := events.DecodeRequests(events.AppendRequests(nil, first...))
		if err != nil || len(first) != len(second) {
			t.Fatalf("%q: encoded again it is %d entries, %v, was %d", message, len(second), err, len(first))
		}
		for i := range first {
			if !sameRequest(first[i], second[i]) {
				t.Fatalf("%q: entry %d was %+v, is %+v", message, i, first[i], second[i])
			}
		}
	})
}

func FuzzDecodeAnswers(f *testing.F) {
	f.Add([]byte(`{"node":"linux","status":"stored","owner":1,"ask":["a"],"more":true}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		first, err := events.DecodeAnswers(message)
		if err != nil {
			return
		}
		again := events.AppendAnswers(nil, first...)
		second, err := events.DecodeAnswers(again)
		if err != nil || !bytes.Equal(again, events.AppendAnswers(nil, second...)) {
			t.Fatalf("%q: encoded again it is %q, %v", message, again, err)
		}
	})
}

func BenchmarkEntry(b *testing.B) {
	value := bytes.Repeat([]byte("v"), 100)
	req := events.Request{Key: []byte("key:000000123456"), Value: value, Version: version, Map: mapID, Deadline: 1790000002000}
	buf := make([]byte, 0, 1024)
	var got events.Request
	b.ReportAllocs()
	for b.Loop() {
		buf = events.AppendRequests(buf[:0], req)
		if _, err := events.NextRequest(buf, &got); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEntry_Answer(b *testing.B) {
	answer := events.Answer{Node: "linux", Status: events.StatusStored, Owner: 1, Version: version, Map: mapID}
	buf := make([]byte, 0, 1024)
	var got events.Answer
	b.ReportAllocs()
	for b.Loop() {
		buf = events.AppendAnswers(buf[:0], answer)
		if _, err := events.NextAnswer(buf, &got); err != nil {
			b.Fatal(err)
		}
	}
}
