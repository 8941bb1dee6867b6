package client_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"dht/client"
	"dht/events"
)

func TestReadItems(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		`{"key":"a","value":"1"}` + "\n" + `{"key64":"//8=","value64":"AAE=","expires":5,"node":"x"}`: `"a"="1" "\xff\xff"="\x00\x01"@5`,
		"{\n  \"a\": \"1\"\n}\n{\"b\":\"2\"}":    `"a"="1" "b"="2"`,
		`{"key":"only a key"}`:                   `"key"="only a key"`,
		`{"key":"a","value":"1","more":"2"}`:     "3 items",
		`{"\ud83d\ude00":"\\ud800"}`:             `"😀"="\\ud800"`,
		`{"key":"a","value":"` + "\ufffd" + `"}`: `"a"="` + "\ufffd" + `"`,
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
		`[1]`:                       "object 1: ",
		`{"a":1}`:                   `object 1: the value of "a" is not a text`,
		`{"a":"1"} {"b`:             "object 2: ",
		`{"":"1"}`:                  "a key is 1 to 1024 bytes",
		`{"key":"","value":"1"}`:    "a key is 1 to 1024 bytes",
		"{\"u\xff\":\"1\"}":         "not UTF-8",
		`{"a":"\ud800"}`:            "half a surrogate pair",
		`{"a":"\ud800\u0041"}`:      "half a surrogate pair",
		`{"\udc00\ud800":"x"}`:      "half a surrogate pair",
		`{"key":"a","value64":"%"}`: "object 1: ",
	} {
		var failed error
		for _, err := range client.ReadItems(strings.NewReader(text)) {
			if err != nil {
				failed = err
			}
		}
		if !errors.Is(failed, events.ErrBadRequest) || !strings.Contains(failed.Error(), want) {
			t.Errorf("%s: %v, want %s", text, failed, want)
		}
	}
}

func FuzzReadItems(f *testing.F) {
	f.Add(`{"key":"a","value":"1"}`)
	f.Add(`{"a":"1","\ud83d\ude00":"2"}`)
	f.Fuzz(func(t *testing.T, text string) {
		for item, err := range client.ReadItems(strings.NewReader(text)) {
			if err == nil && events.CheckKey(item.Key) != nil {
				t.Fatalf("%q yields the key %q", text, item.Key)
			}
		}
	})
}
