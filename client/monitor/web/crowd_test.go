package web_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dht/events"
)

// crowd opens as many connections as there may be, and some more, and sends what
// each of them says. They are left open.
func (p *page) crowd(says string) (conns []net.Conn) {
	p.t.Helper()
	for range 1100 {
		conn, err := net.Dial("tcp", p.addr())
		must(p.t, err)
		p.t.Cleanup(func() { conn.Close() })
		_, _ = io.WriteString(conn, says) // some are closed by now
		conns = append(conns, conn)
	}
	return conns
}

// answers asks over connections of their own, as supervisors do.
func (p *page) answers(paths ...string) {
	p.t.Helper()
	for _, path := range paths {
		conn, err := net.Dial("tcp", p.addr())
		must(p.t, err)
		must(p.t, conn.SetDeadline(time.Now().Add(30*time.Second)))
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
		line, err := bufio.NewReader(conn).ReadString('\n')
		if !strings.Contains(line, " 200 ") {
			p.t.Errorf("%s: %q, %v", path, line, err)
		}
		conn.Close()
	}
}

// Whatever a crowd does with its connections, whether the process lives can be
// seen, and mostly all else.
func TestServer_Crowd(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	for name, says := range map[string]string{
		"says nothing":       "",
		"begins a request":   "GET /v1/keys/lamp HTTP/1.1\r\nHost:",
		"asked and stays":    "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"sends no value":     "PUT /v1/keys/lamp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n",
		"sends a bit of it":  "PUT /v1/keys/lamp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc",
		"sends a bad body":   "DELETE /v1/keys/lamp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n",
		"sends it in chunks": "PUT /v1/keys/lamp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := newCluster(t).page()
			p.ask("PUT", "/v1/keys/lamp", []byte("on"))
			p.crowd(says)
			p.answers("/healthz", "/readyz", "/metrics", "/v1/keys/lamp", "/v1/status")
		})
	}
}

// Requests that are being answered give way to nobody; health and metrics are
// answered all the same.
func TestServer_AllAtWork(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	c := newCluster(t)
	p := c.page()
	events := p.crowd("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	served := 0
	for _, conn := range events {
		must(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		if line, _ := bufio.NewReader(conn).ReadString('\n'); strings.Contains(line, " 200 ") {
			served++
		}
	}
	if served == 0 || served > 100 {
		t.Errorf("%d of a crowd look on", served)
	}
	p.ask("GET", "/v1/keys/mirror", nil)
	c.stop("mac") // for which requests wait from now on
	p.crowd("GET /v1/keys/mirror HTTP/1.1\r\nHost: localhost\r\n\r\n")
	p.answers("/healthz", "/readyz", "/metrics")
}

// The one that has waited longest makes room, and nobody else.
func TestServer_OldestMakesRoom(t *testing.T) {
	p := listen(t)
	conns := p.crowd("")
	p.answers("/healthz")
	closed := func(conn net.Conn) bool {
		must(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
		_, err := conn.Read(make([]byte, 1))
		return err == io.EOF || err != nil && !err.(net.Error).Timeout()
	}
	if !closed(conns[0]) {
		t.Error("the oldest stays")
	}
	if closed(conns[len(conns)-1]) {
		t.Error("the newest is closed")
	}
}

// Those who ask for large values and take nothing do not keep others from theirs.
func TestKeys_DeafReaders(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	p := newCluster(t).page()
	most := bytes.Repeat([]byte("v"), events.MaxValue)
	p.ask("PUT", "/v1/keys/lamp", most)
	for range 300 {
		conn, err := net.Dial("tcp", p.addr())
		must(t, err)
		defer conn.Close()
		must(t, conn.(*net.TCPConn).SetReadBuffer(4096))
		for range 20 { // so much that no socket has room for it
			fmt.Fprint(conn, "GET /v1/keys/lamp HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
	}
	p.answers("/healthz", "/metrics")
	until(t, "they hold all there is", func() bool { // in turn, each is cut off within a second or two
		g := p.ask("GET", "/v1/keys/lamp", nil)
		return g.status == http.StatusOK && bytes.Equal(g.body, most)
	})
}

// A value that comes too slowly is not waited for, however it dribbles in.
func TestKeys_SlowValue(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	p := newCluster(t).page()
	conn, err := net.Dial("tcp", p.addr())
	must(t, err)
	defer conn.Close()
	fmt.Fprint(conn, "PUT /v1/keys/lamp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = io.WriteString(conn, "v")
			case <-stop:
				return
			}
		}
	}()
	must(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if !strings.Contains(line, " 408 ") {
		t.Errorf("%q, %v", line, err)
	}
	if g := p.ask("GET", "/v1/keys/lamp", nil); g.status != http.StatusNotFound {
		t.Errorf("what came is stored: %d", g.status)
	}
}

// All values that are on their way in may take so much memory together; whoever
// comes late waits, then is refused, and nothing of it is stored.
func TestKeys_ManyLargeValues(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	p := newCluster(t).page()
	most := strings.Repeat("v", events.MaxValue-1)
	var conns []net.Conn
	for range 80 { // 64 of them fill what there is
		conn, err := net.Dial("tcp", p.addr())
		must(t, err)
		defer conn.Close()
		conns = append(conns, conn)
		go func() {
			_, _ = fmt.Fprintf(conn, "PUT /v1/keys/lamp HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(most)+1, most)
		}()
	}
	var wait sync.WaitGroup
	var away atomic.Int64
	for _, conn := range conns {
		wait.Go(func() {
			if _, err := bufio.NewReader(conn).ReadString('\n'); !errors.Is(err, net.ErrClosed) {
				away.Add(1) // refused, or cut off while it was still sending
			}
		})
	}
	p.answers("/healthz", "/v1/status", "/v1/keys")
	until(t, "all have room", func() bool { return away.Load() >= 80-64 })
	for _, conn := range conns { // whoever has room waits for its last byte
		conn.Close()
	}
	wait.Wait()
	until(t, "there is no room again", func() bool { return p.ask("PUT", "/v1/keys/lamp", []byte(most)).status == http.StatusOK })
}
