//go:build !race

package tcp_test

// memoryFactor is what a test adds to what a process takes: nothing.
const memoryFactor = 1
