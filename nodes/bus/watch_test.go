package bus

import (
	"sync/atomic"
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
				w.begin(10, 5*time.Second, time.Now())
			}
			time.Sleep(step.after) // of the bubble's clock
			synctest.Wait()
			if w.on.Load() != step.on {
				t.Fatalf("after %+v it is %v", step, w.on.Load())
			}
		}
		w.begin(10, time.Second, time.Now())
		w.stop()
		if w.on.Load() {
			t.Error("it is on after its end")
		}
	})
}

// Of several who watch the one who wants most counts, as long as he goes on; and
// what is not published is said to be lost. A second's worth was saved up for a burst.
func TestWatch_AdmitsSoManyASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var losses atomic.Int64
		w := watch{lost: func(n int64) { losses.Add(n) }}
		defer w.stop()
		second := func(n int) (admitted int) {
			for range 10 {
				admitted += w.admit(n, time.Now())
				time.Sleep(100 * time.Millisecond)
			}
			return admitted
		}
		for _, step := range []struct{ rate, admitted int }{{20, 20 + 18}, {500, 500 + 450}, {20, 500 + 450}} {
			losses.Store(0)
			w.begin(step.rate, 5*time.Second, time.Now())
			if admitted := second(1000); admitted != step.admitted {
				t.Errorf("after %d a second were asked for, %d of 10000 are admitted", step.rate, admitted)
			}
			time.Sleep(time.Second) // of the bubble's clock, as all of them here
			synctest.Wait()
			if n := int(losses.Load()); n != 10_000-step.admitted {
				t.Errorf("%d answers are said to be lost, want %d", n, 10_000-step.admitted)
			}
		}
		time.Sleep(5 * time.Second)
		w.begin(20, 5*time.Second, time.Now())
		if admitted := second(1000); admitted != 20+18 {
			t.Errorf("after he who wanted more has gone, %d are admitted", admitted)
		}
		time.Sleep(time.Second)
		losses.Store(0)
		if admitted := second(1); admitted != 10 || losses.Load() != 0 {
			t.Errorf("of ten answers in a second %d are admitted, and %d are said to be lost", admitted, losses.Load())
		}
	})
}

// What is asked for a second is given in tenths, without loss where a tenth's share
// cannot be written exactly as a binary fraction.
func TestWatch_GivesWholeShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, perSecond := range []int{10, 90, 170, 350, 670, 1900, 99_990, 100_000} {
			w := watch{lost: func(int64) {}}
			w.begin(perSecond, time.Hour, time.Now())
			w.admit(perSecond, time.Now())
			for i := range 1000 {
				tenths := i%10 + 1
				time.Sleep(time.Duration(tenths) * 100 * time.Millisecond) // of the bubble's clock
				if got := w.admit(1_000_000, time.Now()); got != tenths*perSecond/10 {
					t.Fatalf("of %d a second %d tenths give %d", perSecond, tenths, got)
				}
			}
			w.stop()
		}
	})
}
