package cli

import (
	"context"
	"slices"
	"sync"
	"time"

	"dht/client"
)

// session is the connection that the lines of one shell share. It is made when
// it is first needed. Safe for concurrent use.
type session struct {
	global // as the shell was started

	mu        sync.Mutex     // guards what follows
	connected *client.Client // nil before, and after it was dropped
}

// reaches reports whether g asks for what the session is connected to.
func (s *session) reaches(g *global) bool {
	return s != nil && s.config == g.config && s.tcp == g.tcp && slices.Equal(s.servers, g.servers)
}

// share returns a client over the session's connection, to be closed.
func (s *session) share(ctx context.Context, timeout time.Duration) (*client.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected == nil {
		c, err := s.connect(ctx)
		if err != nil {
			return nil, err
		}
		s.connected = c
	}
	return s.connected.Share(timeout), nil
}

// drop closes the connection: the next one may reach another node.
func (s *session) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected != nil {
		_ = s.connected.Close()
		s.connected = nil
	}
}
