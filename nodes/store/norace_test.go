//go:build !race

package store_test

// thin is how many damaged journals are passed over for one that is tried: none.
const thin = 1
