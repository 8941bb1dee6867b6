package store_test

import (
	"os"
	"testing"
)

func BenchmarkZZFill(b *testing.B) {
	if d := os.Getenv("ZZ"); d != "" {
		fillMillion(b, d)
	}
}
