package segment_test

import (
	"testing"

	"dht/nodes/store/segment"
)

// TestLine_Form holds which lines are read, of those whose checksum is right, and
// how they are written.
func TestLine_Form(t *testing.T) {
	const version = `,"version":"01a3185d-3f76-700e-8842-d8243616cdb4"`
	value := func(text string) string { return `{"key":"a"` + version + `,` + text }
	key := func(text string) string { return `{` + text + version + `,"value":""` }
	for _, tt := range []struct {
		body    string
		written string // "": as it was read; "-": refused
	}{
		{value(`"value":"quote\" back\\ \n\r\t / é 😀` + "\u2028\x7f\""), ""},
		{value(`"value":""`), ""},
		{value(`"value64":"AAE="`), ""},
		{value(`"value64":""`), value(`"value":""`)},
		{value(`"value64":"YQ=="`), value(`"value":"a"`)},
		{value(`"value64":"Y\nQ=\r="`), value(`"value":"a"`)},
		{value(`"expires":1790000000000,"value":"v","synced":120`), ""},
		{value(`"expires":-1,"value":"v"`), ""},
		{value(`"expires":0,"value":"v"`), value(`"value":"v"`)},
		{value(`"expires":007,"value":"v"`), value(`"expires":7,"value":"v"`)},
		{value(`"expires":-9223372036854775808,"value":"v"`), ""},
		{`{"key":"a"` + version + `,"deleted":true,"synced":0`, ""},
		{`{"key":"a"` + version + `,"dropped":true`, ""},
		{key(`"key64":"//8="`), ""},
		{`{"sealed":1234,"through":1`, ""},
		{`{"segment":1,"through":4,"at":9,"newest":"01a3185d-3f76-700e-8842-d8243616cdb4"`, ""},

		// A checksum vouches for these: what they hold is kept, and written as base64.
		{value("\"value\":\"\xff\""), value(`"value64":"/w=="`)},
		{value("\"value\":\"\x00\""), value(`"value64":"AA=="`)},
		{value("\"value\":\"\\n\xff\""), value(`"value64":"Cv8="`)},

		{value(`"value":"\/"`), "-"},
		{value(`"value":"\b"`), "-"},
		{value(`"value":"\f"`), "-"},
		{value(`"value":"\u0041"`), "-"},
		{value(`"value":"\x"`), "-"},
		{value(`"value":"a`), "-"},
		{value(`"value":"a\"`), "-"},
		{value(`"value":"\`), "-"},
		{value(`"value64":"YQ"`), "-"},
		{value(`"value64":"-_8="`), "-"},
		{value(`"value":1`), "-"},
		{value(`"value":null`), "-"},
		{value(` "value":""`), "-"},
		{value(`"value": ""`), "-"},
		{value(`"value":"","value":""`), "-"},
		{value(`"value":"","expires":1`), "-"},
		{value(`"expires":,"value":""`), "-"},
		{value(`"expires":1.5,"value":""`), "-"},
		{value(`"expires":+1,"value":""`), "-"},
		{value(`"expires":1-1,"value":""`), "-"},
		{value(`"expires":9223372036854775808,"value":""`), "-"},
		{value(`"deleted":false`), "-"},
		{key(`"key":""`), "-"},
		{key(`"Key":"a"`), "-"},
		{`{"sealed":1,"through":4294967296`, "-"},
		{`{"sealed":1,"through":-1`, "-"},
		{``, "-"},
	} {
		again, err := segment.Reencode(segment.WithCRC([]byte(tt.body)))
		if tt.written == "" {
			tt.written = tt.body
		}
		switch {
		case tt.written == "-" && err == nil:
			t.Errorf("%q is read, and written as %q", tt.body, again)
		case tt.written != "-" && string(again) != string(segment.WithCRC([]byte(tt.written)))+"\n":
			t.Errorf("%q is written as %q, %v", tt.body, again, err)
		}
	}
}

// BenchmarkLine reads the line of a value of 100 bytes, and writes it.
func BenchmarkLine(b *testing.B) {
	body := `{"key":"0123456789abcdef","version":"01a3185d-3f76-700e-8842-d8243616cdb4","value":"`
	for range 100 {
		body += "v"
	}
	raw := segment.WithCRC([]byte(body + `"`))
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if err := segment.ParseLine(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("both", func(b *testing.B) {
		for b.Loop() {
			if _, err := segment.Reencode(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}
