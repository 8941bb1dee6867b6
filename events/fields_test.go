package events_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"dht/events"
)

// What is not understood is refused, and the refusal names the field.
func TestDecodeRequests_RefusesByName(t *testing.T) {
	for head, field := range map[string]string{
		`{"key":"a","ttl":60}`:                               "ttl",
		`{"key":"a","nx":true}`:                              "nx",
		`{"key":"a","Key":"b"}`:                              "Key",
		`{"Key":"a"}`:                                        "Key",
		`{"key":"a","X-trace":"1"}`:                          "X-trace",
		`{"key":"a","x":1}`:                                  "x",
		`{"key":"a","":1}`:                                   "",
		`{"key":"a","to":"linux"}`:                           "to",
		`{"key":"a","to64":"AA=="}`:                          "to64",
		`{"key":"a","owner":1}`:                              "owner",
		`{"key":"a","status":"stored"}`:                      "status",
		`{"key":"a","expires":"soon"}`:                       "expires",
		`{"key":"a","expires":1.5}`:                          "expires",
		`{"key":"a","expires":1e3}`:                          "expires",
		`{"key":"a","expires":-1}`:                           "expires",
		`{"key":"a","expires":01}`:                           "expires",
		`{"key":"a","expires":true}`:                         "expires",
		`{"key":"a","expires":99999999999999999999}`:         "expires",
		`{"key":"a","deadline":-1}`:                          "deadline",
		`{"key":"a","sent":-1}`:                              "sent",
		`{"key":"a","sent":"now"}`:                           "sent",
		`{"key":"a","limit":-1}`:                             "limit",
		`{"key":"a","version":7}`:                            "version",
		`{"key":"a","version":""}`:                           "version",
		`{"key":"a","level":"two"}`:                          "level",
		`{"key":"a","level":2}`:                              "level",
		`{"key":"a","map":1}`:                                "map",
		`{"key":"a","brief":1}`:                              "brief",
		`{"key":"a","brief":"true"}`:                         "brief",
		`{"key":"a","id":7}`:                                 "id",
		`{"key":"a","id":""}`:                                "id",
		`{"key":"a","id":"` + strings.Repeat("i", 65) + `"}`: "id",
		`{"key":7}`:                                          "key",
		`{"key64":"a"}`:                                      "key64",
		`{"key":"a","value":null}`:                           "value",
		`{"key":"a","value":{"x":1}}`:                        "value",
		`{"key":"a","size":"1"}`:                             "size",
		`{"key":"a","size":1e1}`:                             "size",
		`{"key":"a","keep":0}`:                               "keep",
	} {
		reqs, err := events.DecodeRequests([]byte(head))
		if !errors.Is(err, events.ErrBadRequest) || !strings.Contains(err.Error(), fmt.Sprintf("field %q", field)) || reqs != nil || len(err.Error()) > 300 {
			t.Errorf("%.80s: %v, want field %q named", head, err, field)
		}
	}
	long := `{"` + strings.Repeat("n", 10_000) + `":1}`
	if _, err := events.DecodeRequests([]byte(long)); !errors.Is(err, events.ErrBadRequest) || len(err.Error()) > 300 {
		t.Errorf("a long name: %.400v", err)
	}
}

func TestDecodeRequests_RefusesASecondTime(t *testing.T) {
	for _, head := range []string{
		`"key":"a","key":"a"`, `"key":"a","key64":"YQ=="`, `"expires":1,"expires":1`, `"value":"v","value64":"dg=="`, `"size":0,"size":0`,
		`"version":"` + version.String() + `","version":"` + version.String() + `"`, `"id":"a","id":"b"`, `"limit":1,"limit":2`,
		`"if":"absent","if":"present"`, `"keep":true,"keep":true`, `"prefix":"a","prefix64":"YQ=="`, `"map":"1-0123456789abcdef","map":"1-0123456789abcdef"`,
	} {
		if _, err := events.DecodeRequests([]byte("{" + head + "}")); !errors.Is(err, events.ErrBadRequest) || !strings.Contains(err.Error(), "more than one") {
			t.Errorf("%s: %v", head, err)
		}
	}
	if _, err := events.DecodeRequests([]byte(`{"key":null,"key":"a","x-a":1,"x-a":2}`)); err != nil {
		t.Errorf("what counts for nothing may stand twice: %v", err)
	}
}

// TestDecodeRequestsOf knows which fields an operation takes.
func TestDecodeRequestsOf(t *testing.T) {
	v := `"version":"` + version.String() + `"`
	common := `"map":"1-0123456789abcdef","deadline":1,"id":"r1","sent":1,"brief":true,"x-trace":{"a":[1]}`
	for _, tt := range []struct {
		op    events.Op
		head  string
		alien string // "": it is taken
	}{
		{events.OpPut, `"key":"a","value":"v","expires":1,"level":"all",` + v + "," + common, ""},
		{events.OpPut, `"key":"a","limit":1`, "limit"},
		{events.OpPut, `"key":"a","after":"b"`, "after"},
		{events.OpPut, `"key":"a","prefix":"b"`, "prefix"},
		{events.OpPut, `"key":"a","update":"set"`, "update"},
		{events.OpPut, `"key":"a","if":"absent"`, "if"},
		{events.OpPut, `"key":"a","keep":false`, "keep"},
		{events.OpPut, `"key":"a","limit":null,"if":null`, ""},
		{events.OpGet, `"key":"a","level":"one",` + common, ""},
		{events.OpGet, `"key":"a","size":0`, ""},
		{events.OpPut, `"key":"a","update":"read","head":true,"limit":9`, ""},
		{events.OpDelete, `"key":"a","update":"read"`, ""},
		{events.OpPut, `"key":"a","update":"read","value":"v"`, "value"},
		{events.OpPut, `"key":"a","head":true`, "head"},
		{events.OpGet, `"key":"a","value":""`, "value"},
		{events.OpGet, `"key":"a","expires":1`, "expires"},
		{events.OpGet, `"key":"a",` + v, "version"},
		{events.OpGet, `"key":"a","old":true`, "old"},
		{events.OpDelete, `"key":"a",` + v + "," + common, ""},
		{events.OpDelete, `"key":"a","expires":1`, "expires"},
		{events.OpDelete, `"key":"a","value64":""`, "value"},
		{events.OpKeys, `"prefix":"a","after":"b","limit":1,` + common, ""},
		{events.OpKeys, `"key":"a"`, "key"},
		{events.OpKeys, `"level":"all"`, "level"},
		{events.OpInfo, common, ""},
		{events.OpInfo, `"verbose":true`, "verbose"},
		{events.OpInfo, `"limit":1`, "limit"},
		{events.OpWatch, `"limit":1`, ""},
		{events.OpWatch, `"key":"a"`, "key"},
		{events.OpUpdate, `"key":"a","update":"set","value":"v","if":"absent","old":true,"expires":1,"settled":true,` + common, ""},
		{events.OpUpdate, `"key":"a","update":"set","keep":true`, ""},
		{events.OpUpdate, `"key":"a","update":"set","keep":true,"expires":1`, "expires"},
		{events.OpUpdate, `"key":"a","update":"set",` + v, "version"},
		{events.OpUpdate, `"key":"a","update":"set","other":"b"`, "other"},
		{events.OpUpdate, `"key":"a","update":"add","value":"1"`, ""},
		{events.OpUpdate, `"key":"a","update":"add","value":"1","expires":1`, "expires"},
		{events.OpUpdate, `"key":"a","update":"add","value":"1","old":true`, "old"},
		{events.OpUpdate, `"key":"a","update":"append","value":"1","keep":true`, "keep"},
		{events.OpUpdate, `"key":"a","update":"touch","expires":1,"if":"later"`, ""},
		{events.OpUpdate, `"key":"a","update":"touch","value":"v"`, "value"},
		{events.OpUpdate, `"key":"a","update":"delete","expires":1`, "expires"},
		{events.OpUpdate, `"key":"a","update":"rename","other":"b","if":"present"`, ""},
		{events.OpUpdate, `"key":"a","update":"rename","to":"b"`, "to"},
		{events.OpUpdate, `"key":"a","update":"adopt","value":"v","expires":1,` + v, ""},
		{events.OpUpdate, `"key":"a","update":"adopt","if":"absent",` + v, "if"},
		{events.OpUpdate, `"update":"set","limit":1`, "limit"},
	} {
		reqs, err := events.DecodeRequestsOf(tt.op, []byte("{"+tt.head+"}"))
		switch {
		case tt.alien == "" && (err != nil || len(reqs) != 1):
			t.Errorf("%s {%s}: %v", tt.op, tt.head, err)
		case tt.alien != "" && (!errors.Is(err, events.ErrBadRequest) || !strings.Contains(err.Error(), fmt.Sprintf("field %q", tt.alien))):
			t.Errorf("%s {%s}: %v, want field %q refused", tt.op, tt.head, err, tt.alien)
		}
	}
	second := "{\"key\":\"a\",\"size\":0}\n{\"key\":\"b\",\"prefix\":\"c\"}"
	if reqs, err := events.DecodeRequestsOf(events.OpGet, []byte(second)); err == nil || reqs != nil {
		t.Errorf("an entry behind the first is not looked at: %+v", reqs)
	}
}

// TestListedSize bounds what the encoder writes.
func TestListedSize(t *testing.T) {
	for _, key := range []string{"k", strings.Repeat("\x01", events.MaxKey), strings.Repeat("\n\"\\\t", 256), strings.Repeat("é", 512),
		strings.Repeat("\xff", events.MaxKey), "\x7f\u2028</", strings.Repeat("a", events.MaxKey)} {
		a := events.Answer{Key: []byte(key), Version: version, Expires: 1<<63 - 1, Bytes: events.MaxValue}
		written := len(events.AppendAnswers(nil, a, events.Answer{})) - len(events.AppendAnswers(nil, events.Answer{}))
		if bound := events.ListedSize([]byte(key)); written > bound || bound > written+32 {
			t.Errorf("%.10q takes %d bytes, its bound is %d", key, written, bound)
		}
	}
}

func TestEvent_NamesItsRequest(t *testing.T) {
	for _, id := range []string{"r1", "\xff"} {
		e := events.Event{Type: events.EventAnswer, Request: []byte(id)}.From("three", "linux", version)
		if got, err := events.DecodeEvent(e.AppendTo(nil)); err != nil || string(got.Request) != id {
			t.Errorf("%q is read as %q, %v", id, got.Request, err)
		}
	}
}

// TestDecodeInfo_IsOfANode: neither a refusal nor what a stream answers is one.
func TestDecodeInfo_IsOfANode(t *testing.T) {
	for _, message := range []string{"", "{}", `{"stream":"S","seq":1}`, `{"node":"linux","status":"error","code":"bad-request"}`, `{"cluster":{"name":"three"}}`} {
		if info, err := events.DecodeInfo([]byte(message)); !errors.Is(err, events.ErrBadRequest) {
			t.Errorf("%s is read as %+v, %v", message, info, err)
		}
	}
}

func TestSubjects_Own(t *testing.T) {
	s := events.NewSubjects("dht")
	for subject, want := range map[string]bool{"dht.put": true, "dht.": true, "dht.node.linux.keys": true, "dht": false, "dhtx.put": false, "_INBOX.dht.put": false, "": false} {
		if s.Own(subject) != want {
			t.Errorf("Own(%q) is %v", subject, !want)
		}
	}
}
