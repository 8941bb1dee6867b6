package tcp_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"dht/nodes/nodetest"
	"dht/nodes/tcp"
)

// With -redis ADDR the replies of a fresh redis-server 7.0, started with
// --appendonly yes, become those that are expected.
var redisAddr = flag.String("redis", "", "record the replies of the Redis at this `address`")

// visitor is a client that sends bytes and reads raw replies.
type visitor struct {
	testing.TB
	net.Conn
	in *bufio.Reader
}

func visit(tb testing.TB, addr string) *visitor {
	tb.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // for a machine that is busy
	return &visitor{tb, conn, bufio.NewReader(conn)}
}

func (v *visitor) send(text string) {
	v.Helper()
	if _, err := io.WriteString(v.Conn, text); err != nil {
		v.Fatal(err)
	}
}

// reply reads one reply of any kind, as it came.
func (v *visitor) reply() string {
	v.Helper()
	line, err := v.in.ReadString('\n')
	if err != nil {
		v.Fatalf("read a reply: %v after %q", err, line)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch line[0] {
	case '$', '=':
		if n < 0 {
			return line
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(v.in, b); err != nil {
			v.Fatal(err)
		}
		return line + string(b)
	case '%':
		n *= 2
		fallthrough
	case '*', '~':
		for range n {
			line += v.reply()
		}
	}
	return line
}

// ask sends an inline command and returns its reply.
func (v *visitor) ask(command string) string {
	v.Helper()
	v.send(command + "\r\n")
	return v.reply()
}

func (v *visitor) want(command, reply string) {
	v.Helper()
	if got := v.ask(command); got != reply {
		v.Errorf("%s is answered %q, want %q", command, got, reply)
	}
}

// cluster starts three nodes; see [nodetest.Three] for who owns what.
func cluster(tb testing.TB) *servers {
	tb.Helper()
	return serve(tb, nodetest.NewCluster(tb, nodetest.Three(1, 1)), tcp.Options{Timeout: 20 * time.Second})
}

func TestServer_AnswersAsRedis(t *testing.T) {
	script, err := os.ReadFile("testdata/commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, proto := range []string{"2", "3"} {
		golden := "testdata/replies" + proto + ".txt"
		if *redisAddr != "" {
			v := visit(t, *redisAddr)
			v.ask("FLUSHALL")
			if err := os.WriteFile(golden, []byte(strings.Join(v.replay(proto, script), "\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(want), "\n")
		for i, got := range visit(t, cluster(t).addr("linux")).replay(proto, script) {
			if got != lines[i] {
				t.Errorf("RESP%s: %s\nRedis: %s", proto, got, lines[i])
			}
		}
	}
}

// replay sends a script and returns a line for each command.
func (v *visitor) replay(proto string, script []byte) (lines []string) {
	v.ask("HELLO " + proto)
	for line := range bytes.Lines(script) {
		if line := strings.TrimSpace(string(line)); line != "" && line[0] != '#' {
			lines = append(lines, fmt.Sprintf("%-40s %q", line, v.ask(line)))
		}
	}
	return lines
}
