package cli

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

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
