package resp

import (
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// ask sends a request that may take two seconds, and returns its reply.
func ask(p *Pipe) (reply Reply, err error) {
	done := make(chan struct{})
	p.Send(time.Now().Add(2*time.Second), func(r Reply, e error) {
		reply, err = r, e
		close(done)
	}, []byte("GET"), []byte("k"))
	<-done
	return reply, err
}

// TestPipe_SlowIsNotSilent lets a peer take six seconds for one reply, sending a
// part of it each half second; then it falls silent in the middle of another.
func TestPipe_SlowIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		pipe := NewPipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			pipe.Run(near)
		}()
		heard := make(chan struct{})
		go func() {
			defer close(heard)
			buf := make([]byte, 1024)
			for { // requests
				if _, err := far.Read(buf); err != nil {
					return
				}
				heard <- struct{}{}
			}
		}()
		go func() {
			<-heard
			_, _ = far.Write([]byte("$12\r\n"))
			for range 12 {
				time.Sleep(500 * time.Millisecond) // of the bubble's clock
				_, _ = far.Write([]byte("x"))
			}
			_, _ = far.Write([]byte("\r\n"))
			<-heard
			_, _ = far.Write([]byte("$12\r\nxxx"))
		}()
		begun := time.Now()
		if reply, err := ask(pipe); err != nil || string(reply.Text) != strings.Repeat("x", 12) || time.Since(begun) != 6*time.Second {
			t.Errorf("after %v: %q, %v", time.Since(begun), reply.Text, err)
		}
		begun = time.Now()
		if _, err := ask(pipe); !errors.Is(err, ErrOverdue) || time.Since(begun) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		<-ended
		far.Close()
		<-heard
	})
}

func TestOverdue(t *testing.T) {
	until := time.Unix(1000, 0)
	for _, test := range []struct{ came, want time.Duration }{
		{-time.Hour, 0}, {-time.Second, 0}, {-time.Second / 2, time.Second / 2}, {10 * time.Second, 11 * time.Second}, {time.Hour, mostLate},
	} {
		if got := overdue(until, until.Add(test.came)); got.Sub(until) != test.want {
			t.Errorf("bytes came %v after: %v late, want %v", test.came, got.Sub(until), test.want)
		}
	}
}
