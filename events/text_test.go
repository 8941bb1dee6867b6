package events_test

import (
	"errors"
	"strings"
	"testing"

	"dht/events"
)

// TestRequests_Text holds what is taken for a text on the wire, and what is
// written for one.
func TestRequests_Text(t *testing.T) {
	for message, want := range map[string]string{
		`{"key":"a\"\\\/\b\f\n\r\t\u0000\u00e9\u20AC"}`: "a\"\\/\b\f\n\r\t\x00é€",
		`{"key":"\ud83d\ude00"}`:                        "😀",
		"{\"key\":\"\x7f\u2028\ufffd\"}":                "\x7f\u2028\ufffd",
		"{\"k\\u0065y\":\"a\"}":                         "a",
		"\t\r\n {\r\n\"key\"\t:\n\"a\" \n}":             "a",
		`{"key64":"YQ=="}`:                              "a",
		`{"key64":"Y\nQ=\r="}`:                          "a", // as base64 of the standard library
		`{"key64":"\u0059Q=="}`:                         "a",
		`{"key":null,"key64":"YQ=="}`:                   "a",
	} {
		var r events.Request
		if rest, err := events.NextRequest([]byte(message), &r); err != nil || string(r.Key) != want || len(rest) > 0 {
			t.Errorf("%q is read as %q, %q, %v", message, r.Key, rest, err)
		}
	}
	written := string(events.AppendRequests(nil, events.Request{Key: []byte("a\"\\/\n\b\x00\x7fé\u2028<")}))
	if want := "{\"key\":\"a\\\"\\\\/\\n\\u0008\\u0000\x7fé\u2028<\"}"; written != want {
		t.Errorf("written is %s, want %s", written, want)
	}
}

func TestRequests_RefusesText(t *testing.T) {
	for _, head := range []string{
		`"key":"\ud83d"`, `"key":"\ud83d\u0041"`, `"key":"\ude00"`, `"key":"\ude00\ud83d"`, `"key":"\ud83dx"`,
		`"key":"\u12"`, `"key":"\u+123"`, `"key":"\U0041"`, `"key":"\u00_1"`,
		`"key":"\'"`, `"key":"\v"`, `"key":"\0"`, `"key":"\`, `"key":"a`, `"key":'a'`, `"key":a`,
		"\"key\":\"\x00\"", "\"key\":\"\x1f\"", "\"key\":\"a\tb\"", "\"key\":\"\\\n\"",
		"\"key\":\"\xff\"", "\"key\":\"\xc0\x80\"", "\"key\":\"\xed\xa0\x80\"", "\"key\":\"\xf4\x90\x80\x80\"",
		"\"key\":\"\\u0041\xff\"", "\"x-\xff\":1",
		`"key64":"YQ"`, `"key64":"YQ="`, `"key64":"YQ== "`, `"key64":"-_8="`, `"key64":1`,
		`"key":"a","key":"a"`, `"key":"a","key64":"YQ=="`, `"value":"a","value64":"YQ=="`,
		`"prefix":"a","prefix64":"YQ=="`, `"id":"a","id64":"YQ=="`,
		`"value":null`, `"value64":null`, `"key":nul`, `"key":NULL`,
		`"key":"a",`, `,"key":"a"`, `"key":"a" "id":"b"`, `"key" "a"`, `"key":`, `"key"`, `key:"a"`, `"key":"a"}}`,
	} {
		refuses(t, "{"+head+"}")
	}
}

func refuses(t *testing.T, message string) {
	t.Helper()
	if reqs, err := events.DecodeRequests([]byte(message)); !errors.Is(err, events.ErrBadRequest) || reqs != nil {
		t.Errorf("%s is read as %+v, %v", message, reqs, err)
	}
}

func takes(t *testing.T, message string) {
	t.Helper()
	if _, err := events.DecodeRequests([]byte(message)); err != nil {
		t.Errorf("%s: %v", message, err)
	}
}

func TestRequests_Numbers(t *testing.T) {
	for _, text := range strings.Fields("0 -0 7 1790000000000 9223372036854775807 null") {
		takes(t, `{"expires":`+text+`}`)
	}
	for _, text := range strings.Fields(`-1 -9223372036854775808 9223372036854775808 18446744073709551616
		00 01 -01 +1 1.0 1e3 1E3 .5 0x1 1_000 - "1" true １ ,`) {
		refuses(t, `{"expires":`+text+`}`)
	}
	if answers, err := events.DecodeAnswers([]byte(`{"bytes":-7,"owner":-0}`)); err != nil || answers[0].Bytes != -7 {
		t.Errorf("-7 bytes are read as %+v, %v", answers, err)
	}
}

// TestRequests_Skips: what is nobody's field may be any JSON, and must be JSON.
func TestRequests_Skips(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	for _, text := range []string{"0", "-0.5e-7", "1E+9", "99999999999999999999", "true", "false", "null", `""`,
		"[]", "[ ]", "{}", "{ }", `[1,"a",{"b":[null]}]`, `{"a":1,"a":2}`, nested(16)} {
		takes(t, `{"x-own":`+text+`}`)
		if answers, err := events.DecodeAnswers([]byte(`{"new":` + text + `,"more":true}`)); err != nil || !answers[0].More {
			t.Errorf("an answer with a new field of %s is read as %+v, %v", text, answers, err)
		}
	}
	for _, text := range []string{"01", "1.", ".1", "1e", "--1", "+1", "1-2", "True", "nil", "NaN", "",
		"[1,]", "[,1]", "[1 2]", "{1:2}", `{"a"}`, `{"a":1,}`, "[}", nested(17), "\"\xff\"", `"\ud800"`} {
		refuses(t, `{"x-own":`+text+`}`)
		if answers, err := events.DecodeAnswers([]byte(`{"new":` + text + `}`)); !errors.Is(err, events.ErrBadRequest) {
			t.Errorf("an answer with a new field of %s is read as %+v, %v", text, answers, err)
		}
	}
}
