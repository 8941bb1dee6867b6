package bus

import (
	"testing"
	"testing/synctest"
	"time"
)

// A watch ends by itself, and lasts as long as somebody asks again in time.
func TestWatch_EndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watch
		for _, step := range []struct {
			begin bool
			after time.Duration
			on    bool
		}{
			{false, 0, false}, {true, 4 * time.Second, true}, {true, 4 * time.Second, true},
			{false, 2 * time.Second, false}, {true, 0, true}, {false, 6 * time.Second, false},
		} {
			if step.begin {
				w.begin(5 * time.Second)
			}
			time.Sleep(step.after) // of the bubble's clock
			synctest.Wait()
			if w.on.Load() != step.on {
				t.Fatalf("after %+v it is %v", step, w.on.Load())
			}
		}
		w.begin(time.Second)
		w.end()
		if w.on.Load() {
			t.Error("it is on after its end")
		}
	})
}
