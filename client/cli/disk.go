package cli

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"dht/events"
)

// disk knows whether a node's disk is full: the last write was refused for it,
// and a probe still is. Without the probe a node that nobody writes to because it
// is read-only would never be ready again.
type disk struct {
	full  atomic.Bool
	probe func() error // writes a little
	now   func() time.Time

	mu     sync.Mutex // guards what follows
	probed time.Time
	found  error
}

const probeAgain = time.Second

func newDisk(folder string) *disk {
	return &disk{probe: func() error { return tryToWrite(folder) }, now: time.Now}
}

// observe is told of every answer of the node.
func (d *disk) observe(op events.Op, answers []events.Answer) {
	if !op.Writes() {
		return
	}
	for i := range answers {
		switch s := answers[i].Status; {
		case s == events.StatusReadOnly:
			d.full.Store(true)
		case (s == events.StatusStored || s == events.StatusDeleted) && d.full.Load():
			d.full.Store(false)
		}
	}
}

// err is why nothing can be written now.
func (d *disk) err() error {
	if !d.full.Load() {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := d.now(); now.Sub(d.probed) >= probeAgain {
		d.probed, d.found = now, d.probe()
	}
	if d.found != nil {
		return fmt.Errorf("%w, and only reads are answered: make room (%v)", events.ErrReadOnly, d.found)
	}
	return nil
}

// probeBytes is more than a small record takes, so that a node does not call
// itself ready for the last few bytes of a disk.
const probeBytes = 256 << 10

func tryToWrite(folder string) (err error) {
	f, err := os.CreateTemp(folder, "probe-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(make([]byte, probeBytes)); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
