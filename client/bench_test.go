package client_test

import (
	"fmt"
	"testing"
	"time"

	"dht/client"
)

// BenchmarkClient measures one connection with 64 callers against three nodes on
// joined servers, journals on disk, all in this process; values of 100 bytes.
func BenchmarkClient(b *testing.B) {
	c := newCluster(b, example(1, 1))
	cl := c.client(func(o *client.Options) { o.Timeout = 10 * time.Second })
	value := make([]byte, 100)
	keys := make([][]byte, 10_000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key:%012d", i)
	}
	run := func(name string, ask func(key []byte) error) {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(32)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if err := ask(keys[i%len(keys)]); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
		})
	}
	run("put", func(key []byte) error {
		_, err := cl.Put(b.Context(), key, value)
		return err
	})
	for _, key := range keys {
		c.put(cl, string(key), string(value))
	}
	run("get", func(key []byte) error {
		_, err := cl.Get(b.Context(), key)
		return err
	})
}
