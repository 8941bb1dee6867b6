package broker

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTooDeaf(t *testing.T) {
	const mb = 1 << 20
	const long, brief = patience, patience - 1
	for name, c := range map[string]struct {
		readers map[uint64]reader
		want    []uint64
	}{
		"nobody":                 {nil, nil},
		"still, under the bound": {map[uint64]reader{1: {maxPendingOfAll, 0, long}}, nil},
		"still, over it": {map[uint64]reader{
			1: {30 * mb, 0, long}, 2: {31 * mb, 0, long}, 3: {4 * mb, 0, long}}, []uint64{2, 1, 3}},
		"as many as bring it down": {map[uint64]reader{
			1: {mb, 0, long}, 2: {40 * mb, 0, long}, 3: {30 * mb, 0, long}}, []uint64{2, 3}},
		"who reads stays": {map[uint64]reader{
			1: {31 * mb, 0, brief}, 2: {31 * mb, 0, 0}, 3: {4 * mb, 0, long}}, []uint64{3}},
		"all read, over the bound": {map[uint64]reader{
			1: {31 * mb, 0, brief}, 2: {31 * mb, 0, 0}, 3: {31 * mb, 0, 0}}, nil},
		"all read, far over it": {map[uint64]reader{
			1: {31 * mb, 0, 0}, 2: {32 * mb, 0, 0}, 3: {31 * mb, 0, 0}, 4: {31 * mb, 0, 0},
			5: {31 * mb, 0, 0}}, []uint64{2}},
		"who reads goes after who is still": {map[uint64]reader{
			1: {32 * mb, 0, 0}, 2: {32 * mb, 0, 0}, 3: {32 * mb, 0, 0}, 4: {32 * mb, 0, 0},
			5: {31 * mb, 0, 0}, 6: {mb, 0, long}}, []uint64{6, 1}},
	} {
		if got := tooDeaf(c.readers); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestFollow(t *testing.T) {
	before := map[uint64]reader{
		1: {pending: 10, taken: 100, still: 1},
		2: {pending: 10, taken: 100, still: 1},
		3: {pending: 10, taken: 100, still: 1},
	}
	readers := map[uint64]reader{
		1: {pending: 20, taken: 100}, // more waits, and it has taken nothing
		2: {pending: 20, taken: 101},
		3: {pending: 20, taken: 90}, // more waits with what wraps it
		4: {pending: 20, taken: 100},
	}
	follow(before, readers)
	for id, want := range map[uint64]int{1: 2, 2: 0, 3: 2, 4: 0} {
		if got := readers[id].still; got != want {
			t.Errorf("reader %d stands still for %d looks, want %d", id, got, want)
		}
	}
}

// TestReadersOf has one client with a socket and one without not read: the second
// is the node itself, and no victim.
func TestReadersOf(t *testing.T) {
	b, err := Open(t.Context(), Options{Name: "x", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	within, err := b.server.InProcessConn()
	if err != nil {
		t.Fatal(err)
	}
	outside, err := net.Dial("tcp", strings.TrimPrefix(b.URL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range []net.Conn{within, outside} {
		defer conn.Close()
		if _, err := conn.Read(make([]byte, 4096)); err != nil { // who the server is
			t.Fatal(err)
		}
		if _, err := fmt.Fprint(conn, "CONNECT {\"verbose\":false}\r\nSUB loud 1\r\nPING\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, len("PONG\r\n"))); err != nil {
			t.Fatal(err)
		}
	}
	message := fmt.Sprintf("PUB loud %d\r\n%s\r\n", 1<<20, make([]byte, 1<<20))
	for range 12 {
		if _, err := io.WriteString(outside, message); err != nil {
			t.Fatal(err)
		}
	}
	limit := time.Now().Add(30 * time.Second)
	for len(readersOf(b.server)) == 0 {
		if time.Now().After(limit) {
			t.Fatal("nothing waits")
		}
	}
	if got := readersOf(b.server); len(got) != 1 {
		t.Errorf("%v, want the one with a socket", got)
	}
}
