package goclients

import (
	"net"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"dht/nodes/tcp/resp"
)

// BenchmarkPeer compares what may carry requests to a peer, at 64 callers of one
// connection: resp.Pipe, which nodes use, and rueidis.
//
//	go test -run '^$' -bench Peer -count 5
func BenchmarkPeer(b *testing.B) {
	addr, get := start(b).addr("linux"), `{"key":"l1"}`
	b.Run("pipe", func(b *testing.B) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		pipe := resp.NewPipe()
		done := make(chan struct{})
		go func() { defer close(done); pipe.Run(conn) }()
		callers(b, func() (ask func()) {
			replies := make(chan resp.Reply, 1)
			take := func(r resp.Reply, _ error) { replies <- r }
			return func() {
				pipe.Send(time.Now().Add(time.Minute), take, []byte("DHT"), []byte("get"), []byte(get))
				if r := <-replies; r.Kind != '$' {
					b.Errorf("%c%s", r.Kind, r.Text)
				}
			}
		})
		pipe.Fail(net.ErrClosed)
		<-done
	})
	b.Run("rueidis", func(b *testing.B) {
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true,
			ForceSingleClient: true, PipelineMultiplex: -1, AlwaysPipelining: true})
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		callers(b, func() (ask func()) {
			return func() {
				ask := client.B().Arbitrary("DHT", "get", get).Build()
				if _, err := client.Do(b.Context(), ask).AsBytes(); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// callers asks from many goroutines at once, each as caller says.
func callers(b *testing.B, caller func() (ask func())) {
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for ask := caller(); pb.Next(); {
			ask()
		}
	})
}
