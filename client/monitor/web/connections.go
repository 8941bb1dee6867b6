package web

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections are those of a server, never more than most. What a newcomer asks
// for is not known before it is in, and it may be whether the process lives: so
// the one that has kept the server waiting longest makes room.
type connections struct {
	most int

	mu      sync.Mutex // guards what follows
	open    map[net.Conn]*connection
	atWork  int
	closing bool
}

// connection is what is known of one. Its fields are guarded by the mutex of the
// connections.
type connection struct {
	all   *connections
	since time.Time // it is in this state
	asked bool      // it has asked for something
	busy  bool      // the server is at work for it, rather than waiting for it
	holds bool      // memory, while the server waits for it
}

const (
	mostConns  = 1024
	leastConns = 8
	filesShare = 8 // one in so many of the process's files may be such a connection
	spareShare = 8 // one in so many connections is for health and metrics alone
)

func newConnections(files uint64) *connections {
	most := min(mostConns, max(leastConns, files/filesShare))
	return &connections{most: int(most), open: map[net.Conn]*connection{}}
}

type connectionKey struct{}

// enter takes a new connection, and lets its requests find it. One that is closed
// at once is known as well: the server goes on to ask for it.
func (c *connections) enter(ctx context.Context, conn net.Conn) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= c.most && !c.makeRoom() || c.closing {
		_ = conn.Close()
	}
	known := &connection{all: c, since: time.Now()}
	c.open[conn] = known
	return context.WithValue(ctx, connectionKey{}, known)
}

func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

// watch is called with each change of a connection.
func (c *connections) watch(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.open[conn]
	switch {
	case known == nil: // it made room
	case state == http.StateClosed, state == http.StateHijacked:
		delete(c.open, conn)
	case state == http.StateActive, state == http.StateIdle:
		known.asked, known.since = true, time.Now()
	}
}

// makeRoom closes the connection that has kept the server waiting longest. It is
// called with mu held.
func (c *connections) makeRoom() bool {
	var oldest net.Conn
	for conn, known := range c.open {
		if !known.busy && (oldest == nil || known.since.Before(c.open[oldest].since)) {
			oldest = conn
		}
	}
	if oldest == nil {
		return false
	}
	_ = oldest.Close()
	delete(c.open, oldest)
	return true
}

// spare makes room for one that could not be accepted.
func (c *connections) spare() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.makeRoom()
}

// close takes no more connections, and ends those that browsers open ahead of
// need: [http.Server.Shutdown] would wait for them.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	for conn, known := range c.open {
		if !known.asked {
			_ = conn.Close()
		}
	}
}

// work says that the server is at work for the connection from now on; false
// that it is at work for too many others. Health and metrics are always admitted.
func (c *connection) work(always bool) bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	room := c.all.most - max(1, c.all.most/spareShare)
	if !always && c.all.atWork >= room {
		return false
	}
	if !c.busy {
		c.busy, c.holds = true, false
		c.all.atWork++
	}
	return true
}

// rest says that the server waits for the client from now on.
func (c *connection) rest() { c.wait(false) }

// moves says that the client, for whom memory is held, has taken or given some of
// what it is waited for, and is waited for again.
func (c *connection) moves() { c.wait(true) }

func (c *connection) wait(holds bool) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.busy {
		c.all.atWork--
	}
	c.busy, c.holds, c.since = false, holds, time.Now()
}

// stalledFor is how long a client for whom memory is held may do nothing while
// others want some.
const stalledFor = time.Second

// relieve closes the connections of those who hold memory and do nothing.
func (c *connections) relieve() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, known := range c.open {
		if known.holds && time.Since(known.since) > stalledFor {
			_ = conn.Close()
			delete(c.open, conn)
		}
	}
}
