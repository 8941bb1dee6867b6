package cli

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	seldomEvery = time.Minute
	mostSeldom  = 1024 // warnings that are remembered: what is asked in anger must not fill the memory
)

// seldom is a log handler that shows the same warning once a minute, with a count
// of those it has kept back. Two are the same when they differ in their error
// alone, which may name another port each time.
type seldom struct {
	slog.Handler
	now   func() time.Time
	attrs string // that all records have
	state *seen
}

// seen is what handlers of one log share.
type seen struct {
	mu    sync.Mutex // guards what follows
	shown map[string]*repeats
}

type repeats struct {
	last time.Time // it was shown
	kept int       // since then
}

func newSeldom(h slog.Handler, now func() time.Time) *seldom {
	return &seldom{Handler: h, now: now, state: &seen{shown: map[string]*repeats{}}}
}

func (s *seldom) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return s.Handler.Handle(ctx, r)
	}
	kept, show := s.state.admit(s.name(r), s.now())
	if !show {
		return nil
	}
	if kept > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("repeated", kept))
	}
	return s.Handler.Handle(ctx, r)
}

func (s *seldom) name(r slog.Record) string {
	name := strings.Builder{}
	name.WriteString(r.Message + s.attrs)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "err" {
			name.WriteString("\x00" + a.String())
		}
		return true
	})
	return name.String()
}

// admit reports whether a warning is shown now, and how many were kept back.
func (s *seen) admit(name string, now time.Time) (kept int, show bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.shown[name]
	if known != nil && now.Sub(known.last) < seldomEvery {
		known.kept++
		return 0, false
	}
	if known != nil {
		kept = known.kept
	}
	if len(s.shown) >= mostSeldom {
		clear(s.shown)
	}
	s.shown[name] = &repeats{last: now}
	return kept, true
}

func (s *seldom) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *s
	with.Handler = s.Handler.WithAttrs(attrs)
	for _, a := range attrs {
		with.attrs += "\x00" + a.String()
	}
	return &with
}

func (s *seldom) WithGroup(name string) slog.Handler {
	with := *s
	with.Handler = s.Handler.WithGroup(name)
	with.attrs += "\x00" + name
	return &with
}
