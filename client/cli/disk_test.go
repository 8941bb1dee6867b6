package cli

import (
	"errors"
	"maps"
	"os"
	"syscall"
	"testing"
	"time"

	"dht/configs"
	"dht/events"
)

func TestDisk(t *testing.T) {
	now, trouble, probes := time.Now(), error(syscall.ENOSPC), 0
	d := &disk{probe: func() error { probes++; return trouble }, now: func() time.Time { return now }}
	wrote := func(s events.Status) {
		d.observe(events.OpPut, []events.Answer{{Status: events.StatusNotStored}, {Status: s}})
	}
	want := func(what string, full bool) {
		t.Helper()
		if err := d.err(); errors.Is(err, events.ErrReadOnly) != full || (err != nil) != full {
			t.Errorf("%s: %v", what, err)
		}
	}
	want("at first", false)
	d.observe(events.OpGet, []events.Answer{{Status: events.StatusReadOnly}}) // as no get is answered
	want("after a get", false)
	if probes > 0 {
		t.Errorf("%d probes before anything was refused", probes)
	}
	wrote(events.StatusReadOnly)
	want("after a write was refused", true)
	trouble = nil
	want("within a second of the last probe", true)
	now = now.Add(probeAgain)
	want("when there is room, though nobody writes", false)
	trouble, now = syscall.ENOSPC, now.Add(probeAgain)
	want("when there is none again", true)
	wrote(events.StatusStored)
	want("after a write was done", false)
	if probes != 3 {
		t.Errorf("%d probes", probes)
	}
}

func TestDisk_Probe(t *testing.T) {
	folder := t.TempDir()
	d := newDisk(folder)
	d.full.Store(true)
	if err := d.err(); err != nil {
		t.Errorf("a folder with room: %v", err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("the probe leaves %v, %v", left, err)
	}
	d = newDisk(folder + "/gone")
	d.full.Store(true)
	if err := d.err(); !errors.Is(err, events.ErrReadOnly) {
		t.Errorf("a folder that is gone: %v", err)
	}
}

// Only what a browser can go to is offered as a page.
func TestPages(t *testing.T) {
	c := &configs.Config{Nodes: []configs.Node{{Name: "linux", HTTP: "127.0.0.1:8401"}, {Name: "mac", HTTP: "mac.lan:80"},
		{Name: "six", HTTP: "[::1]:8403"}, {Name: "any", HTTP: "0.0.0.0:8404"}, {Name: "all", HTTP: ":8405"}, {Name: "later", HTTP: "127.0.0.1:0"}, {Name: "none"}}}
	want := map[string]string{"linux": "http://127.0.0.1:8401/", "mac": "http://mac.lan:80/", "six": "http://[::1]:8403/"}
	if got := pages(c); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
