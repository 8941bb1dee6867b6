package members

import "time"

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 15 * time.Second // a phone's radio should sleep
)

// Backoff is how long to wait before one more try, after so many tries in a row: the
// pause doubles each time. It serves whoever asks or dials other nodes again and
// again.
func Backoff(tries int) time.Duration {
	const doublings = 8 // by then it is the longest
	return min(firstPause<<min(max(tries-1, 0), doublings), longestPause)
}
