package tcp_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"dht/nodes/nodetest"
	"dht/nodes/tcp"
)

// inMemory is a listener whose connections are made by the test.
type inMemory chan net.Conn

func (l inMemory) Accept() (net.Conn, error) {
	conn, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l inMemory) Close() error   { close(l); return nil }
func (l inMemory) Addr() net.Addr { return &net.TCPAddr{} }

// FuzzServer sends anything to a node: it must answer or hang up, and go on
// serving others.
func FuzzServer(f *testing.F) {
	script, err := os.ReadFile("testdata/commands.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(script) {
		f.Add(append(bytes.TrimSpace(line), "\r\n"...))
	}
	f.Add([]byte("*3\r\n$3\r\nDHT\r\n$3\r\nput\r\n$23\r\n{\"key\":\"l1\",\"value\":1}\r\n"))
	f.Add([]byte("DHT update '{\"key\":\"l1\",\"update\":\"add\",\"value\":\"1\"}'\r\nDHT keys\r\nDHT info\r\nDHT NODE linux get '{}'\r\n"))
	c := nodetest.NewCluster(f, nodetest.Three(1, 1))
	listener := make(inMemory)
	server := tcp.New(listener, tcp.Options{AllowFlush: true, Timeout: 100 * time.Millisecond})
	if err := server.Serve(f.Context(), c.Nodes["linux"]); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { server.Close() })
	f.Fuzz(func(t *testing.T, in []byte) {
		talk(t, listener, in)
		if got := talk(t, listener, []byte("SET l1 v\r\nGET l1\r\nDEL l1\r\n")); string(got) != "+OK\r\n$1\r\nv\r\n:1\r\n" {
			t.Fatalf("after %q the node answers %q", in, got)
		}
	})
}

// talk sends in over a connection of its own and returns everything that is
// answered until QUIT.
func talk(t *testing.T, l inMemory, in []byte) []byte {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	_ = here.SetDeadline(time.Now().Add(10 * time.Second))
	l <- there
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = here.Write(append(in, "\r\nQUIT\r\n"...))
		_, _ = here.Write(bytes.Repeat([]byte("\r\nQUIT\r\n"), 1000)) // whatever in has promised
	}()
	var got []byte
	buf := make([]byte, 4<<10)
	for {
		n, err := here.Read(buf)
		got = append(got, buf[:n]...)
		if err == io.EOF || err != nil {
			break
		}
	}
	here.Close()
	<-done
	return bytes.TrimSuffix(got, []byte("+OK\r\n"))
}
