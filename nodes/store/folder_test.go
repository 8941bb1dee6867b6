package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

func TestOpen_Locked(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, store.Options{})
	_, err := store.Open(dir, store.Options{Owner: owner})
	if !errors.Is(err, events.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("second open: %v", err)
	}
	if _, err := store.Check(dir, store.Options{}); !errors.Is(err, events.ErrLocked) {
		t.Fatalf("check while open: %v", err)
	}
}

func TestOpen_WrongFolder(t *testing.T) {
	dir := t.TempDir()
	second := store.Owner{Cluster: "three", Node: "linux", Map: events.MapID{Epoch: 2, Hash: 0xdef}}
	open(t, dir, store.Options{}).Close()
	j := open(t, dir, store.Options{Owner: second})
	if got := j.Earlier(); len(got) != 1 || got[0] != owner.Map {
		t.Fatalf("earlier maps: %v", got)
	}
	j.Close()
	for _, c := range []struct {
		name  string
		owner store.Owner
	}{
		{"another cluster", store.Owner{Cluster: "four", Node: "linux", Map: second.Map}},
		{"another node", store.Owner{Cluster: "three", Node: "mac", Map: second.Map}},
		{"an older epoch", owner},
		{"another hash", store.Owner{Cluster: "three", Node: "linux", Map: events.MapID{Epoch: 2, Hash: 1}}},
	} {
		_, err := store.Open(dir, store.Options{Owner: c.owner})
		if !errors.Is(err, events.ErrWrongFolder) {
			t.Fatalf("%s: got %v", c.name, err)
		}
		for _, part := range []string{dir, second.String(), c.owner.String()} {
			if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %q does not say %q in one line", c.name, err, part)
			}
		}
	}
	if got := open(t, dir, store.Options{Owner: second}).Earlier(); len(got) != 1 {
		t.Fatalf("earlier maps after a restart: %v", got)
	}
}

func TestOpen_NobodysRecords(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, store.Options{}).Close()
	if err := os.Remove(filepath.Join(dir, "node.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(dir, store.Options{Owner: owner}); !errors.Is(err, events.ErrCorrupt) {
		t.Fatalf("open without node.json: %v", err)
	}
	if _, err := store.Check(dir, store.Options{}); !errors.Is(err, events.ErrWrongFolder) {
		t.Fatalf("check without node.json: %v", err)
	}
}

func TestOpen_Modes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	open(t, dir, store.Options{}).Close()
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("folder: %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

// TestLines pins what the files look like, and that nothing but lines is left
// after a close.
func TestLines(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, store.Options{})
	h := storetest.NewHarness(t, j)
	version, _ := events.ParseVersion([]byte("01a3185d-3f76-700e-8842-d8243616cdb4"))
	for _, r := range []events.Record{
		{Key: []byte("greeting"), Value: []byte("hello \"you\""), Version: version},
		{Key: []byte{0xff, 0xfe}, Value: []byte{0, 1}, Version: version, Expires: 1790000000000},
		{Key: []byte("greeting"), Version: version, Deleted: true},
		{Key: []byte("greeting")},
	} {
		if err := h.Apply(storetest.Write(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "00000001.jsonl"))
	want := `{"key":"greeting","version":"01a3185d-3f76-700e-8842-d8243616cdb4","value":"hello \"you\"","synced":0,"crc":"6e1c2a9c"}
{"key64":"//4=","version":"01a3185d-3f76-700e-8842-d8243616cdb4","expires":1790000000000,"value64":"AAE=","synced":120,"crc":"6dba17ec"}
{"key":"greeting","version":"01a3185d-3f76-700e-8842-d8243616cdb4","deleted":true,"synced":257,"crc":"70fe9ca7"}
{"key":"greeting","version":"01a3185d-3f76-700e-8842-d8243616cdb4","dropped":true,"synced":370,"crc":"59678401"}
`
	if err != nil || string(got) != want {
		t.Fatalf("got\n%swant\n%s%v", got, want, err)
	}
}

// TestRest leaves a journal alone for a while: its file is then clean lines.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(t, 2)
		m.Put("k", "v")
		if got := m.disk.Content(firstSegment); !bytes.HasSuffix(got, []byte{0}) {
			t.Fatal("nothing is filled in ahead of the lines")
		}
		time.Sleep(2 * time.Second) // of the bubble's clock
		synctest.Wait()
		if got := m.disk.Content(firstSegment); !bytes.HasSuffix(got, []byte("}\n")) {
			t.Fatalf("at rest the segment ends in %q", got[len(got)-10:])
		}
		m.Want(m.Put("k", "w"))
		if err := m.journal.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
