//go:build race

package store_test

// thin is how many damaged journals are passed over for one that is tried: the
// race detector, which makes them slow, has nothing to see there. Without it
// every one is tried.
const thin = 8
