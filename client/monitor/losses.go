package monitor

import (
	"maps"
	"slices"
	"time"
)

// lossEvery is how often losses are shown.
const lossEvery = time.Second

// losses count what no line is shown of.
type losses struct {
	unfollowed  int64            // entries that found no room
	unpublished map[string]int64 // answers, by the node that did not publish them
	shown       time.Time
}

func newLosses() losses { return losses{unpublished: map[string]int64{}} }

// show shows now and then what was lost since the last time.
func (l *losses) show(now time.Time, show func(Line)) {
	if now.Sub(l.shown) < lossEvery {
		return
	}
	l.shown = now
	for _, node := range slices.Sorted(maps.Keys(l.unpublished)) {
		show(Line{Time: now, Lost: l.unpublished[node], Detail: node + " answered more than it publishes"})
	}
	clear(l.unpublished)
	if l.unfollowed > 0 {
		show(Line{Time: now, Lost: l.unfollowed, Detail: "more at once than a monitor can follow"})
		l.unfollowed = 0
	}
}
