package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gofrs/flock"

	"dht/events"
)

// Lock takes an advisory lock that the system gives up with the process.
func (osFS) Lock(name string) (Handle, error) {
	l := flock.New(name, flock.SetPermissions(fileMode), flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow))
	ok, err := l.TryLock()
	if err != nil {
		return nil, sayLink(name, &fs.PathError{Op: "lock", Path: name, Err: err})
	}
	if !ok {
		return nil, fmt.Errorf("%w: another process holds %s", events.ErrLocked, name)
	}
	id, err := identify(l)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return osLock{l, id}, nil
}

type osLock struct {
	*flock.Flock
	identity
}
