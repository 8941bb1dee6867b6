//go:build unix

package index

import (
	"fmt"
	"syscall"
)

// newPage takes a page from the system. Only what is touched of it costs
// memory.
func newPage() ([]byte, error) {
	p, err := syscall.Mmap(-1, 0, pageSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("take memory from the system: %w", err)
	}
	return p, nil
}

func freePage(p []byte) error {
	if err := syscall.Munmap(p); err != nil {
		return fmt.Errorf("give memory back to the system: %w", err)
	}
	return nil
}
