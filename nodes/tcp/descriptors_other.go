//go:build !unix

package tcp

// descriptors is how many files this process may have open, where there is such a
// limit.
func descriptors() (n uint64, ok bool) { return 0, false }
