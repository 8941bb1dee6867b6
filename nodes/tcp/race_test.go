//go:build race

package tcp_test

// memoryFactor is what the race detector adds to what a process takes.
const memoryFactor = 4
