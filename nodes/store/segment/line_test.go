package segment_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"dht/nodes/store/segment"
)

// FuzzLine reads any bytes as a line: what is written for what was accepted is
// JSON, and reads the same.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		`{"key":"greeting","version":"01a3185d-3f76-700e-8842-d8243616cdb4","value":"hello \"you\"","synced":0,"crc":"6e1c2a9c"}`,
		`{"key64":"//4=","version":"01a3185d-3f76-700e-8842-d8243616cdb4","expires":1790000000000,"value64":"AAE=","synced":120,"crc":"6dba17ec"}`,
		`{"key":"greeting","version":"01a3185d-3f76-700e-8842-d8243616cdb4","deleted":true,"synced":257,"crc":"70fe9ca7"}`,
	} {
		if err := segment.Parse([]byte(seed), &segment.Line{}); err != nil {
			f.Fatalf("seed %s: %v", seed, err)
		}
		f.Add([]byte(seed[:len(seed)-segment.CRCTail]))
	}
	f.Add([]byte(`{"segment":1,"through":4,"at":9,"newest":"01a3185d-3f76-700e-8842-d8243616cdb4"`))
	f.Add([]byte(`{"sealed":1234,"through":1`))
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := segment.WithCRC(bytes.Clone(body)) // else hardly any would be looked at
		again, err := segment.Reencode(raw)
		if err != nil {
			return
		}
		if !json.Valid(again) {
			t.Fatalf("%q is written as %q, which is no JSON", raw, again)
		}
		same, err := segment.Reencode(bytes.TrimSuffix(again, []byte("\n")))
		if err != nil || !bytes.Equal(same, again) {
			t.Fatalf("%q is written as %q, then as %q, %v", raw, again, same, err)
		}
	})
}
