package tcp

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// sockets returns both ends of a connection, the first one quick.
func sockets(t *testing.T) (near, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	far, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	near, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	near = quick(near)
	t.Cleanup(func() { near.Close() })
	return near, far
}

// TestQuick_Echo sends more than a socket holds, in both directions at once: every
// byte comes, in order, and then the end.
func TestQuick_Echo(t *testing.T) {
	near, far := sockets(t)
	sent := make([]byte, 20<<20)
	if _, err := rand.Read(sent); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		if n, err := io.Copy(near, struct{ io.Reader }{near}); err != nil || n != int64(len(sent)) {
			t.Errorf("echoed %d bytes, %v", n, err)
		}
		if n, err := near.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("behind the end came %d bytes, %v", n, err)
		}
	})
	group.Go(func() {
		if _, err := far.Write(sent); err != nil {
			t.Error(err)
		}
		if err := far.(*net.TCPConn).CloseWrite(); err != nil {
			t.Error(err)
		}
	})
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("what came back differs, %v", err)
	}
	group.Wait()
}

// TestQuick_WritersTakeTurns writes from several goroutines: no message is torn.
func TestQuick_WritersTakeTurns(t *testing.T) {
	const writers, size, times = 8, 100_000, 20
	near, far := sockets(t)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for range times {
				if n, err := near.Write(bytes.Repeat([]byte{byte(w)}, size)); n != size || err != nil {
					t.Errorf("wrote %d bytes, %v", n, err)
				}
			}
		})
	}
	for range writers * times {
		message := make([]byte, size)
		if _, err := io.ReadFull(far, message); err != nil {
			t.Fatal(err)
		}
		if bytes.Count(message, message[:1]) != size {
			t.Fatal("a message is torn")
		}
	}
	group.Wait()
}

// TestQuick_Deadlines ends what waits, and what begins too late.
func TestQuick_Deadlines(t *testing.T) {
	near, _ := sockets(t)
	for _, until := range []time.Time{time.Now().Add(20 * time.Millisecond), time.Unix(1, 0)} {
		if err := near.SetDeadline(until); err != nil {
			t.Fatal(err)
		}
		if n, err := near.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read %d bytes, %v", n, err)
		}
		if n, err := near.Write(make([]byte, 64<<20)); n == 64<<20 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d bytes, %v", n, err)
		}
	}
}

// TestQuick_Close ends what waits on either side.
func TestQuick_Close(t *testing.T) {
	near, far := sockets(t)
	read := make(chan error, 1)
	go func() {
		_, err := near.Read(make([]byte, 1))
		read <- err
	}()
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write: %v", err)
	}
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the other end reads: %v", err)
	}
}

// TestQuick_Gone writes to a client that has gone: an error, and no signal.
func TestQuick_Gone(t *testing.T) {
	near, far := sockets(t)
	if err := far.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("read: %v, want a reset connection", err)
	}
	if n, err := near.Write([]byte("x")); n != 0 || err == nil {
		t.Errorf("wrote %d bytes, %v", n, err)
	}
}
