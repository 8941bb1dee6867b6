package tcp_test

import (
	"net"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/nodetest"
	"dht/nodes/tcp"
	"dht/nodes/tcp/resp"
)

// BenchmarkPeer is what carries requests to a peer, at 64 callers of one connection.
// .ci/go-clients compares it with rueidis.
//
//	go test ./nodes/tcp -run '^$' -bench Peer -count 5
func BenchmarkPeer(b *testing.B) {
	s := serve(b, nodetest.NewCluster(b, nodetest.Three(1, 1)), tcp.Options{})
	message := events.AppendRequests(nil, events.Request{Key: []byte("l1"), Value: make([]byte, 100)})
	if _, err := s.Ask(b.Context(), "linux", events.OpPut, message); err != nil {
		b.Fatal(err)
	}
	get := events.AppendRequests(nil, events.Request{Key: []byte("l1")})
	conn, err := net.Dial("tcp", s.addr("linux"))
	if err != nil {
		b.Fatal(err)
	}
	pipe := resp.NewPipe()
	done := make(chan struct{})
	go func() { defer close(done); pipe.Run(conn) }()
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		replies := make(chan resp.Reply, 1)
		take := func(r resp.Reply, _ error) { replies <- r }
		for pb.Next() {
			pipe.Send(time.Now().Add(time.Minute), take, []byte("DHT"), []byte("get"), get)
			if r := <-replies; r.Kind != '$' {
				b.Errorf("%c%s", r.Kind, r.Text)
			}
		}
	})
	pipe.Fail(net.ErrClosed)
	<-done
}
