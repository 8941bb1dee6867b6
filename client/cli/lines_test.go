package cli

import (
	"strings"
	"testing"

	"dht/client/cli/term"
	"dht/client/monitor"
)

// TestLines_NotShownIsNotLost holds that what a monitor leaves out does not read
// as if keys were gone.
func TestLines_NotShownIsNotLost(t *testing.T) {
	line := lines{term.New(&strings.Builder{})}.line(monitor.Line{Lost: 9615, Detail: "this monitor is too slow"}, 0)
	if !strings.HasSuffix(line, " 9615 messages not shown: this monitor is too slow") || strings.Contains(line, "lost") {
		t.Errorf("it says %q", line)
	}
}
