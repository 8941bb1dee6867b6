package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dht/events"
	"dht/nodes/store"
	"dht/nodes/store/storetest"
)

// must panics on errors of what a test does to its own files.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func rewrite(name string, change func([]byte) []byte) {
	b, err := os.ReadFile(name)
	must(err)
	must(os.WriteFile(name, change(b), 0o600))
}

// TestMoved has its files taken away or changed by another program: the next write
// is refused by name, and so are all that follow; it is said once; reads go on; and
// nothing is put into what has the folder's name now.
func TestMoved(t *testing.T) {
	for name, act := range map[string]func(dir, segment string){
		"removed": func(dir, _ string) { must(os.RemoveAll(dir)) },
		"moved":   func(dir, _ string) { must(os.Rename(dir, dir+".old")) },
		"remade":  func(dir, _ string) { must(os.Rename(dir, dir+".old")); must(os.Mkdir(dir, 0o700)) },
		"copied": func(dir, _ string) {
			must(os.Rename(dir, dir+".old"))
			must(os.CopyFS(dir, os.DirFS(dir+".old")))
		},
		"parent moved":      func(dir, _ string) { must(os.Rename(filepath.Dir(dir), filepath.Dir(dir)+".old")) },
		"lock removed":      func(dir, _ string) { must(os.Remove(filepath.Join(dir, "lock"))) },
		"segment removed":   func(_, s string) { must(os.Remove(s)) },
		"segment moved":     func(_, s string) { must(os.Rename(s, s+".old")) },
		"segment emptied":   func(_, s string) { must(os.Truncate(s, 0)) },
		"segment cut short": func(_, s string) { must(os.Truncate(s, 100)) },
		"segment edited in place": func(_, s string) {
			rewrite(s, func(b []byte) []byte { return append([]byte("x\n"), b...) })
		},
		"segment replaced": func(_, s string) {
			b, err := os.ReadFile(s)
			must(errors.Join(err, os.Remove(s), os.WriteFile(s, b, 0o600)))
		},
	} {
		t.Run(name, func(t *testing.T) { testMoved(t, act) })
	}
}

func testMoved(t *testing.T, act func(dir, segment string)) {
	dir := filepath.Join(t.TempDir(), "above", "data")
	var mu sync.Mutex
	var told []string
	j := open(t, dir, store.Options{Notify: func(e events.Event) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, e.Detail)
	}}.LookAlways())
	h := storetest.NewHarness(t, j)
	want := h.Put("before", "v")
	act(dir, filepath.Join(dir, "00000001.jsonl"))
	there := list(dir)
	for range 3 {
		err := h.Apply(storetest.Write(events.Record{Key: []byte("after"), Version: h.Clock.Next(), Value: []byte("v")}))
		if !errors.Is(err, events.ErrStopped) || !strings.Contains(err.Error(), "stopped") || !strings.Contains(err.Error(), dir) {
			t.Fatalf("apply: %v, want %v", err, events.ErrStopped)
		}
	}
	if err := j.Ready(); !errors.Is(err, events.ErrStopped) {
		t.Fatalf("ready: %v, want %v", err, events.ErrStopped)
	}
	h.Want(want)
	h.WantUnknown("after")
	select {
	case <-j.Failed():
		t.Fatal("the process is asked to end: with it would go what is left")
	default:
	}
	if err := j.Close(); err == nil || !strings.Contains(err.Error(), dir) {
		t.Fatalf("close: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 1 || !strings.Contains(told[0], dir) {
		t.Fatalf("told %q", told)
	}
	if now := list(dir); now != there {
		t.Fatalf("the folder of that name had %q, and now %q", there, now)
	}
}

// list is every file of a folder, with its time. Where only a segment was changed,
// node.json may say how far the journal reached.
func list(dir string) (text string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() == "node.json" {
			continue
		}
		info, err := e.Info()
		must(err)
		text += e.Name() + " " + info.ModTime().String() + "\n"
	}
	return text
}

// TestMoved_Ready notices without a write, and lets nobody else in before.
func TestMoved_Ready(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	j := open(t, dir, store.Options{}.LookAlways())
	if err := j.Ready(); err != nil {
		t.Fatal(err)
	}
	must(os.Rename(dir, dir+".old"))
	second := open(t, dir, store.Options{}.LookAlways()) // nothing keeps it from the remade folder
	if err := j.Ready(); !errors.Is(err, events.ErrStopped) {
		t.Fatalf("ready: %v", err)
	}
	h := storetest.NewHarness(t, second)
	want := h.Put("k", "v")
	must(errors.Join(os.RemoveAll(dir+".old"), second.Ready()))
	if err := j.Close(); err == nil {
		t.Fatal("closed as if nothing were the matter")
	}
	h.Want(want)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestMoved_ReadySegment notices without a write that the active segment is gone, and
// the next start misses it, whichever it was.
func TestMoved_ReadySegment(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, store.Options{Sealed: 4096}.LookAlways())
	h := storetest.NewHarness(t, j)
	last := filepath.Join(dir, "00000002.jsonl")
	for i := 0; !exists(last); i++ {
		h.Put("fill/"+string(rune('a'+i)), strings.Repeat("x", 500))
	}
	h.Put("fill/a", "new")
	if err := j.Ready(); err != nil {
		t.Fatal(err)
	}
	must(os.Remove(last))
	if err := j.Ready(); !errors.Is(err, events.ErrStopped) || !strings.Contains(err.Error(), last) {
		t.Fatalf("ready: %v, want %v", err, events.ErrStopped)
	}
	if err := j.Close(); err == nil {
		t.Fatal("closed as if nothing were the matter")
	}
	again := open(t, dir, store.Options{}.LookAlways())
	if r, err := again.Get([]byte("fill/a")); !errors.Is(err, events.ErrCorrupt) {
		t.Fatalf("an older value, %q, %v", r.Value[:min(10, len(r.Value))], err)
	}
}

// TestMoved_Sealed changes sealed segments: no merge goes over that.
func TestMoved_Sealed(t *testing.T) {
	for name, act := range map[string]func(segment string){
		"removed":   func(s string) { must(os.Remove(s)) },
		"cut short": func(s string) { must(os.Truncate(s, 100)) },
		"replaced":  func(s string) { must(os.Rename(s, s+".old")); must(os.WriteFile(s, []byte("x\n"), 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir, store.Options{Sealed: 4096}.LookAlways())
			h := storetest.NewHarness(t, j)
			stays := h.Put("stays", "v")
			segment := filepath.Join(dir, "00000001.jsonl")
			for i := 0; !exists(filepath.Join(dir, "00000002.jsonl")); i++ {
				h.Put("fill/"+string(rune('a'+i)), strings.Repeat("x", 500))
			}
			act(segment)
			after := list(dir)
			var err error
			for i := 0; err == nil && i < 10_000; i++ {
				err = h.Apply(storetest.Write(events.Record{Key: []byte("k"), Version: h.Clock.Next(), Value: []byte(strings.Repeat("x", 500))}))
			}
			if !errors.Is(err, events.ErrStopped) || !strings.Contains(err.Error(), segment) {
				t.Fatalf("got %v with %s", err, after)
			}
			h.Want(stays)
		})
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// TestOpen_Links has links in a data folder: what they lead to is neither written
// nor taken for the node's own.
func TestOpen_Links(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	must(os.WriteFile(victim, []byte("keep"), 0o644))
	for _, name := range []string{"node.json.new", "00000001.new", "00000002.new", "node.json", "lock", "00000001.jsonl", "00000001.jsonl.new"} {
		dir := t.TempDir()
		if name == "00000001.jsonl" {
			open(t, dir, store.Options{}.LookAlways()).Close()
			must(os.Remove(filepath.Join(dir, name)))
		}
		must(os.Symlink(victim, filepath.Join(dir, name)))
		j, err := store.Open(dir, store.Options{Owner: owner})
		if err == nil {
			storetest.NewHarness(t, j).Put("k", "v")
			err = j.Close()
		}
		if temporary := strings.HasSuffix(name, ".new"); temporary != (err == nil) || !temporary && !strings.Contains(err.Error(), "is a link") {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(victim); err != nil || string(b) != "keep" {
			t.Fatalf("%s: the link was followed: %q, %v", name, b, err)
		}
	}
}

// TestMoved_Restart starts again after a segment lost lines under a running journal,
// which had noticed: what is gone is corrupt then, neither absent nor an older value.
func TestMoved_Restart(t *testing.T) {
	for name, keep := range map[string]int{"emptied": 0, "a line is left": 1, "all but one line": 2} {
		dir := t.TempDir()
		j := open(t, dir, store.Options{}.LookAlways())
		h := storetest.NewHarness(t, j)
		h.Put("k", "old")
		h.Put("k", "new")
		h.Put("other", "v")
		rewrite(filepath.Join(dir, "00000001.jsonl"), func(b []byte) []byte { return b[:end(b, keep)] })
		if err := h.Apply(storetest.Write(events.Record{Key: []byte("after"), Version: h.Clock.Next()})); !errors.Is(err, events.ErrStopped) {
			t.Fatalf("%s: %v, want %v", name, err, events.ErrStopped)
		}
		killed := t.TempDir() // as a kill now would leave it
		must(os.CopyFS(filepath.Join(killed, "data"), os.DirFS(dir)))
		if err := j.Close(); err == nil {
			t.Fatalf("%s: closed as if nothing were the matter", name)
		}
		for _, dir := range []string{dir, filepath.Join(killed, "data")} {
			again := open(t, dir, store.Options{}.LookAlways())
			for _, key := range []string{"k", "other"} {
				if r, err := again.Get([]byte(key)); !errors.Is(err, events.ErrCorrupt) && string(r.Value) != "new" {
					t.Errorf("%s: %s is %q, %v, want %v", name, key, r.Value, err, events.ErrCorrupt)
				}
			}
		}
	}
}

// end is where the first n lines of b end.
func end(b []byte, n int) (at int) {
	for line := range bytes.Lines(b) {
		if n == 0 {
			break
		}
		at, n = at+len(line), n-1
	}
	return at
}
