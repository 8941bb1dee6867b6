//go:build unix

package index

import (
	"fmt"
	"syscall"
)

// newPage takes a page from the system. Only what is touched of it costs
// memory.
func newPage() []byte {
	p, err := syscall.Mmap(-1, 0, pageSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(fmt.Sprintf("store: out of memory: %v", err))
	}
	return p
}

func freePage(p []byte) {
	if err := syscall.Munmap(p); err != nil {
		panic(fmt.Sprintf("store: give memory back: %v", err))
	}
}
