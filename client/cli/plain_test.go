package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dht/client/cli/shell"
	"dht/client/cli/term"
)

// TestPlainly holds that no call of the system is named where we have words.
func TestPlainly(t *testing.T) {
	folder := t.TempDir()
	_, missing := os.Open(filepath.Join(folder, "none"))
	long := os.Mkdir(filepath.Join(folder, strings.Repeat("x", 300)), 0o700)
	_, address := net.Dial("tcp", "nowhere")
	_, foreign := net.Listen("tcp", "192.0.2.1:1")
	const noAddress = "nats://me:secret@host:x"
	parse := &url.Error{Op: "parse", URL: noAddress, Err: errors.New("invalid port")}
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	for err, want := range map[error]string{
		missing: "there is no " + filepath.Join(folder, "none"),
		long:    "no file has a name as long as ",
		address: `"nowhere" is not of the form host:port`,
		foreign: "this machine has no such address, 192.0.2.1:1",
		parse:   "its address is not of the form nats://host:port",
		&net.OpError{Op: "dial", Net: "tcp", Addr: addr, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}: "nobody listens on 127.0.0.1:1",
		&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}:                  "the other side has closed the connection",
		&net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}:                                          "it does not answer in time",
		&net.OpError{Op: "listen", Net: "tcp", Addr: addr, Err: os.NewSyscallError("bind", syscall.EACCES)}:        "you may not listen on 127.0.0.1:1",
		&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Name: "nohost", Err: "no such host"}}:              `there is no host called "nohost"`,
		&fs.PathError{Op: "lock", Path: "x/lock", Err: syscall.ENOLCK}:                                             "x/lock is on a disk that cannot lock it",
		&fs.PathError{Op: "mkdir", Path: "x", Err: syscall.EROFS}:                                                  "x is on a disk that is read-only",
		errors.New("nats: Authorization Violation"):                                                                "it wants a user that it knows",
	} {
		got := plainly(fmt.Errorf("start: %w", errors.Join(err)))
		if !strings.HasPrefix(got, "start: "+want) || strings.Contains(got, "secret") {
			t.Errorf("%v is said as %q, want %q", err, got, want)
		}
	}
	if got := plainly(context.Canceled); got != "context canceled" {
		t.Errorf("what needs no words is said as %q", got)
	}
}

func TestNoFlag(t *testing.T) {
	a := &app{out: term.New(&strings.Builder{}), err: term.New(&strings.Builder{}), global: defaults()}
	for line, want := range map[string]string{
		"put temperature -5":    "dht put temperature -- -5",
		"put -q temperature -5": "dht put -q temperature -- -5",
		"put -3 -5.5":           "dht put -- -3 -5.5",
		"put 'low est' -5":      "dht put 'low est' -- -5",
		"put t -5 --ttl 1h":     "dht put … -- -5",
		"get -1e3":              "dht get -- -1e3",
		"put k -uiet":           "dht put k -- -uiet",
		"delete a -2":           "dht delete a -- -2",
		"--timeout 1s put t -5": "dht --timeout 1s put t -- -5",
	} {
		words, _, _ := shell.Split(line)
		var args []string
		for _, w := range words {
			args = append(args, w.Text)
		}
		_, err := a.execute(t.Context(), a.root(a.groups()), args)
		if err == nil || !strings.HasSuffix(err.Error(), " is no flag; as a key or value write it last, behind --: "+want) {
			t.Errorf("dht %s says %v, want %s", line, err, want)
		}
	}
}
