package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
	"testing/iotest"

	"dht/client"
	"dht/events"
)

func TestReadItems(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		`{"key":"a","value":"1"}` + "\n" + `{"key64":"//8=","value64":"AAE=","expires":5,"node":"x"}`: `"a"="1" "\xff\xff"="\x00\x01"@5`,
		"{\n  \"a\": \"1\"\n}\n{\"b\":\"2\"}":                                     `"a"="1" "b"="2"`,
		`{"value":"x"}`:                                                           `"value"="x"`,
		"\ufeff{\"a\":\"1\"}\r\n\ufeff{\"b\":\"\"}\r\n":                           `"a"="1" "b"=""`,
		`{"b":"}{\"","a":"\\"} {} {"c":"1"}`:                                      `"b"="}{\"" "a"="\\" "c"="1"`,
		`{"value":"","key":"k","version":"01a202b6-40f4-7000-af03-6a614a4431ec"}`: `"k"=""`,
		`{"\ud83d\ude00":"\\ud800"}`:                                              `"😀"="\\ud800"`,
		`{"key":"a","value":"` + "\ufffd" + `"}`:                                  `"a"="` + "\ufffd" + `"`,
	} {
		var got []string
		for item, err := range client.ReadItems(strings.NewReader(text)) {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			line := fmt.Sprintf("%q=%q", item.Key, item.Value)
			if item.Expires != 0 {
				line += fmt.Sprint("@", item.Expires)
			}
			got = append(got, line)
		}
		if all := strings.Join(got, " "); all != want && fmt.Sprint(len(got), " items") != want {
			t.Errorf("%s is read as %s, want %s", text, all, want)
		}
	}
}

func TestReadItems_Refuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1}`:          `line 1: the value of "a" is a number, not a text; --key FIELD stores whole objects`,
		`{"a":null}`:       `the value of "a" is null, not a text`,
		`{"a":true}`:       `the value of "a" is true or false, not a text`,
		`{"b":"x","a":{}}`: `the value of "a" is an object, not a text`,
		`{"a":["x"]}`:      `the value of "a" is an array, not a text`,
		`{"key":"a","value":"b","type":"string"}`:     `"type" is no field of a dump`,
		`{"key":"k2","value":"v","ttl":3600}`:         `"ttl" is no field of a dump`,
		`{"a":"1","key":"2"}`:                         `"a" is no field of a dump`,
		`{"key":"a","value":"b","Value":"c"}`:         `"Value" is no field of a dump`,
		`{"Key":"a","Value":"b"}`:                     `to store a key called Key write {"key":"Key","value":…}`,
		`{"key":"a"}`:                                 "it has a key, and no value",
		`{"key64":"YQ==","key":"a","value":"b"}`:      "it has key and key64",
		`{"key":"a","value":"b","value64":""}`:        "it has value and value64",
		`{"key":"a","value":null}`:                    `"value" is null, not a text`,
		`{"key":7,"value":"b"}`:                       `"key" is a number, not a text`,
		`{"key":"a","value":"b","expires":"soon"}`:    `expires is milliseconds since 1970, as a number, not "soon"`,
		`{"key":"a","value":"b","expires":-1}`:        "expires is milliseconds",
		`{"key":"a","value":"b","expires":1.5}`:       "expires is milliseconds",
		`{"key":"a","value":"b","expires":null}`:      "expires is milliseconds",
		`{"key":"a","value":"b","version":"1"}`:       `version "1" is none`,
		`{"key":"a","value":"b","node":1}`:            `"node" is a number`,
		`{"key":"a","value64":"%"}`:                   "value64 is not base64",
		`{"key":"a","deleted":true,"crc":"00000000"}`: "dht dump --data FOLDER prints a node's folder as one",
		`{"a":"1","a":"2"}`:                           `"a" is there twice`,
		`{"a":"1","\u0061":"2"}`:                      `"a" is there twice`,
		`{"key":"a","value":"1","value":"2"}`:         `"value" is there twice`,
		"{\"a\":\"1\"}\n\n {\"b\":\"x\ny\"}":          "line 3: a text is not closed",
		`{"a":"1"} {"b"`:                              "line 1: the file ends within the object that begins here",
		"{\"a\":\"1\"}\n{\"b\" \"2\"}":                "line 2: it is no JSON: look at byte 6 of the object",
		`{"a":"1"]`:                                   "it is no JSON",
		`{"a":"1"},`:                                  `begins with {, not with ","`,
		`hello`:                                       `begins with {, not with "h"`,
		"\x00\x00":                                    `begins with {, not with "\x00"`,
		`[{"a":"1"}]`:                                 "jq -c '.[]' FILE | dht load -",
		"\x1f\x8b\x08":                                "gunzip -c FILE | dht load -",
		"\xff\xfe{\x00":                               "iconv -f UTF-16 -t UTF-8 FILE",
		"\xfe\xff\x00{":                               "iconv -f UTF-16 -t UTF-8 FILE",
		"{\x00\"\x00":                                 "iconv -f UTF-16LE",
		`{"":"1"}`:                                    "a key is 1 to 1024 bytes",
		`{"key":"","value":"1"}`:                      "a key is 1 to 1024 bytes",
		"{\"u\xff\":\"1\"}":                           "not UTF-8",
		`{"a":"\ud800"}`:                              "half a surrogate pair",
		`{"a":"\ud800\u0041"}`:                        "half a surrogate pair",
		`{"\udc00\ud800":"x"}`:                        "half a surrogate pair",
		`{"a":"1","b":"` + strings.Repeat("x", events.MaxValue+1) + `"}`: `the value of "b" is 1040385 bytes long`,
	} {
		var items int
		var failed error
		for _, err := range client.ReadItems(strings.NewReader(text)) {
			if failed = err; err == nil {
				items++
			}
		}
		if !errors.Is(failed, events.ErrBadRequest) || !strings.Contains(failed.Error(), want) || strings.Contains(failed.Error(), "\n") {
			t.Errorf("%.99s: %v, want %s", text, failed, want)
		}
		if first := `{"a":"1"}`; items > 0 != (strings.HasPrefix(text, first)) {
			t.Errorf("%.99s: %d items are read of what is refused", text, items)
		}
	}
}

// endless is a text that is never closed.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	if e.read == 0 {
		copy(b, `{"a":"`)
	}
	e.read += len(b)
	return len(b), nil
}

func TestReadItems_IsBounded(t *testing.T) {
	in := &endless{}
	for _, err := range client.ReadItems(in) {
		if !errors.Is(err, events.ErrBadRequest) || !strings.Contains(err.Error(), "at most 16 MiB long") {
			t.Errorf("%v", err)
		}
	}
	if in.read > 17<<20 {
		t.Errorf("%d bytes were read", in.read)
	}
}

func TestReadItems_BrokenFile(t *testing.T) {
	torn := errors.New("disk gone")
	for _, err := range client.ReadItems(io.MultiReader(strings.NewReader("{\"a\":"), iotest.ErrReader(torn))) {
		if !errors.Is(err, torn) || errors.Is(err, events.ErrBadRequest) {
			t.Errorf("%v", err)
		}
	}
}

func TestReadObjects(t *testing.T) {
	for text, want := range map[string]string{
		"{\"id\":\"a\", \"n\":1}\r\n{\"n\":{\"id\":2},\"id\":7}": `"a"="{\"id\":\"a\", \"n\":1}" "7"="{\"n\":{\"id\":2},\"id\":7}"`,
		`{"id":"\ud83d\ude00","x":"\ud800"}`:                     `"😀"="{\"id\":\"\\ud83d\\ude00\",\"x\":\"\\ud800\"}"`,
		`{"a":"1"}`:                                              `!it has no "id", which is to be its key`,
		`{"ID":"1"}`:                                             `!it has no "id"`,
		`{"id":null}`:                                            `!"id" is to be its key, and is null`,
		`{"id":{"id":"1"}}`:                                      `!"id" is to be its key, and is an object`,
		`{"id":"1","id":"2"}`:                                    `!"id" is there twice`,
		`{"id":""}`:                                              `!a key is 1 to 1024 bytes`,
		`{"id":"\ud800"}`:                                        `!half a surrogate pair`,
		`[{"id":"1"}]`:                                           `!jq -c`,
		`{"id":"1","b":nope}`:                                    `!it is no JSON`,
	} {
		var got []string
		for item, err := range client.ReadObjects(strings.NewReader(text), "id") {
			if err != nil {
				got = append(got, "!"+err.Error())
				continue
			}
			got = append(got, fmt.Sprintf("%q=%q", item.Key, item.Value))
		}
		all := strings.Join(got, " ")
		if refused, ok := strings.CutPrefix(want, "!"); ok && len(got) == 1 && strings.Contains(all, refused) {
			continue
		}
		if all != want {
			t.Errorf("%s is read as %s, want %s", text, all, want)
		}
	}
}

// FuzzReadItems holds keys to their bounds, and what is read of a dictionary to
// what the standard library reads.
func FuzzReadItems(f *testing.F) {
	f.Add(`{"key":"a","value":"1"}`)
	f.Add(`{"a":"1","\ud83d\ude00":"2"}`)
	f.Add(`{ "a" : "}" , "b\"" : "\\" }`)
	f.Fuzz(func(t *testing.T, text string) {
		got, failed := map[string]string{}, false
		for item, err := range client.ReadItems(strings.NewReader(text)) {
			if err == nil && events.CheckKey(item.Key) != nil {
				t.Fatalf("%q yields the key %q", text, item.Key)
			}
			failed = failed || err != nil
			got[string(item.Key)] = string(item.Value)
		}
		var want map[string]string
		if failed || json.Unmarshal([]byte(text), &want) != nil || want["key"]+want["key64"] != "" {
			return
		}
		if !maps.Equal(got, want) {
			t.Fatalf("%q is read as %q, want %q", text, got, want)
		}
	})
}
