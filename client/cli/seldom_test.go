package cli

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestSeldom_ShowsAWarningOnceAMinute counts those that were kept back; another
// peer's, and news that are none, are shown.
func TestSeldom_ShowsAWarningOnceAMinute(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1000, 0)
	log := slog.New(newSeldom(slog.NewTextHandler(&out, nil), func() time.Time { return now }))
	shown := func() string {
		defer out.Reset()
		return out.String()
	}
	log.Warn("lost", "peer", "mac", "err", errors.New("first"))
	log.Warn("lost", "peer", "mac", "err", errors.New("second"))
	log.With("peer", "mac").Warn("lost", "err", errors.New("by another way"))
	log.Warn("lost", "peer", "linux")
	log.Info("ready")
	log.Info("ready")
	if got := shown(); strings.Count(got, "\n") != 4 || strings.Contains(got, "second") ||
		strings.Count(got, "ready") != 2 {
		t.Errorf("at first it shows\n%s", got)
	}
	now = now.Add(seldomEvery)
	log.Warn("lost", "peer", "mac", "err", errors.New("third"))
	if got := shown(); !strings.Contains(got, "third") || !strings.Contains(got, "repeated=2") {
		t.Errorf("a minute later it shows %q", got)
	}
}
