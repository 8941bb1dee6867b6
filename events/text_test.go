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
		`"key":"\ud83d"`, `"key":"\ud83d\u0041"`, `"key":"\ude00"`, `"key":"\ude00\ud83d"`, `"key":"\ud83dx"`, `"key":"\u12"`, `"key":"\u+123"`, `"key":"\U0041"`, `"key":"\u00_1"`,
		`"key":"\'"`, `"key":"\v"`, `"key":"\0"`, `"key":"\`, `"key":"a`, `"key":'a'`, `"key":a`,
		"\"key\":\"\x00\"", "\"key\":\"\x1f\"", "\"key\":\"a\tb\"", "\"key\":\"\\\n\"",
		"\"key\":\"\xff\"", "\"key\":\"\xc0\x80\"", "\"key\":\"\xed\xa0\x80\"", "\"key\":\"\xf4\x90\x80\x80\"", "\"key\":\"\\u0041\xff\"", "\"x-\xff\":1",
		`"key64":"YQ"`, `"key64":"YQ="`, `"key64":"YQ== "`, `"key64":"-_8="`, `"key64":1`,
		`"key":"a","key":"a"`, `"key":"a","key64":"YQ=="`, `"value":"a","value64":"YQ=="`, `"prefix":"a","prefix64":"YQ=="`, `"id":"a","id64":"YQ=="`,
		`"value":null`, `"value64":null`, `"key":nul`, `"key":NULL`,
		`"key":"a",`, `,"key":"a"`, `"key":"a" "id":"b"`, `"key" "a"`, `"key":`, `"key"`, `key:"a"`, `"key":"a"}}`,
	} {
		if reqs, err := events.DecodeRequests([]byte("{" + head + "}")); !errors.Is(err, events.ErrBadRequest) || reqs != nil {
			t.Errorf("{%s} is read as %+v, %v", head, reqs, err)
		}
	}
}

func TestRequests_Numbers(t *testing.T) {
	for text, ok := range map[string]bool{
		"0": true, "-0": true, "7": true, "1790000000000": true, "9223372036854775807": true,
		"-1": false, "-9223372036854775808": false, "9223372036854775808": false, "18446744073709551616": false,
		"00": false, "01": false, "-01": false, "+1": false, "1.0": false, "1e3": false, "1E3": false, ".5": false, "0x1": false, "1_000": false,
		"": false, "-": false, `"1"`: false, "true": false, "null": true, "１": false,
	} {
		if _, err := events.DecodeRequests([]byte(`{"expires":` + text + `}`)); (err == nil) != ok || err != nil && !errors.Is(err, events.ErrBadRequest) {
			t.Errorf("expires of %s: %v", text, err)
		}
	}
	if answers, err := events.DecodeAnswers([]byte(`{"bytes":-7,"owner":-0}`)); err != nil || answers[0].Bytes != -7 {
		t.Errorf("-7 bytes are read as %+v, %v", answers, err)
	}
}

// TestRequests_Skips: what is nobody's field may be any JSON, and must be JSON.
func TestRequests_Skips(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	for text, ok := range map[string]bool{
		"0": true, "-0.5e-7": true, "1E+9": true, "99999999999999999999": true, "true": true, "false": true, "null": true, `""`: true,
		"[]": true, "[ ]": true, "{}": true, "{ }": true, `[1,"a",{"b":[null]}]`: true, `{"a":1,"a":2}`: true, nested(16): true,
		"01": false, "1.": false, ".1": false, "1e": false, "--1": false, "+1": false, "1-2": false, "True": false, "nil": false, "NaN": false, "": false,
		"[1,]": false, "[,1]": false, "[1 2]": false, "{1:2}": false, `{"a"}`: false, `{"a":1,}`: false, "[}": false, nested(17): false, "\"\xff\"": false, `"\ud800"`: false,
	} {
		if _, err := events.DecodeRequests([]byte(`{"x-own":` + text + `}`)); (err == nil) != ok || err != nil && !errors.Is(err, events.ErrBadRequest) {
			t.Errorf("x-own of %s: %v", text, err)
		}
		if _, err := events.DecodeAnswers([]byte(`{"new":` + text + `,"more":true}`)); (err == nil) != ok {
			t.Errorf("an answer's field of %s: %v", text, err)
		}
	}
}
