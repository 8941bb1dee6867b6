package tcp

import (
	"testing"
	"time"
)

func TestSeldom_OnceAMinuteWithACount(t *testing.T) {
	var s seldom
	at := time.Unix(1000, 0)
	said := map[int]int{} // by second
	for second := range 150 {
		if times, say := s.say(at.Add(time.Duration(second) * time.Second)); say {
			said[second] = times
		}
	}
	if len(said) != 3 || said[0] != 1 || said[60] != 60 || said[120] != 60 {
		t.Errorf("said %v", said)
	}
}

func TestClientsOf_KeepsSomeBack(t *testing.T) {
	for descriptors, want := range map[uint64]int{64: 32, 256: 128, 1024: 704, 20_000: 14_936, 1 << 40: 1 << 20, 10: 5} {
		if got := clientsOf(descriptors); got != want {
			t.Errorf("of %d descriptors clients get %d, want %d", descriptors, got, want)
		}
	}
}
