package store

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/gofrs/flock"

	"dht/events"
)

// Lock takes an advisory lock that the system gives up with the process.
func (osFS) Lock(name string) (io.Closer, error) {
	l := flock.New(name, flock.SetPermissions(fileMode))
	ok, err := l.TryLock()
	if err != nil {
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	if !ok {
		return nil, fmt.Errorf("%w: another process holds %s", events.ErrLocked, name)
	}
	return l, nil
}
