package segment

import (
	"fmt"
	"strconv"
	"strings"
)

// Suffix is how the names of segments end.
const Suffix = ".jsonl"

// Name is the name of segment n.
func Name(n uint32) string { return fmt.Sprintf("%08d%s", n, Suffix) }

// ParseName is the number of the segment with that name.
func ParseName(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, Suffix)
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), ok && err == nil && len(digits) >= 8
}
