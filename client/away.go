package client

import "sync"

// away remembers which nodes were waited for in vain, so that whoever is down is
// not waited for each time.
type away struct {
	mu    sync.Mutex // guards nodes
	nodes map[string]bool
}

// all reports whether every one of names is away.
func (a *away) all(names []string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range names {
		if !a.nodes[name] {
			return false
		}
	}
	return true
}

// note takes who is silent now; all others are back.
func (a *away) note(silent []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.nodes)
	for _, name := range silent {
		a.nodes[name] = true
	}
}
