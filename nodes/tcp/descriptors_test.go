//go:build unix

package tcp_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDescriptors_IdleClients gives a node few descriptors and many idle clients:
// those that are too many are told so, and the node goes on storing, opens its
// next file, and reaches and is reached by others.
func TestDescriptors_IdleClients(t *testing.T) {
	if testing.Short() {
		t.Skip("needs another program")
	}
	addr, none := freeAddr(t), freeAddr(t)
	cmd := exec.Command("sh", "-c", `ulimit -n 64 && exec "$0" -test.run '^$'`, os.Args[0])
	cmd.Env = append(os.Environ(), "DHT_TEST_NODE="+strings.Join([]string{"owner", addr, none, filepath.Join(t.TempDir(), "owner")}, " "))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the node ended with %v", err)
		}
	})
	awaitListener(t, addr)
	v := visit(t, addr)
	v.want("PING", "+PONG\r\n")
	for range 200 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	late := visit(t, addr)
	if got := late.reply(); got != "-ERR max number of clients reached\r\n" {
		t.Errorf("one too many is told %q", got)
	}
	if _, err := late.in.ReadByte(); err == nil {
		t.Error("one too many is not closed")
	}
	if files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", cmd.Process.Pid)); err == nil && len(files) > 48 {
		t.Errorf("of 64 descriptors %d are taken", len(files))
	}
	v.want("SET k v", "+OK\r\n")
	v.want("GET k", "$1\r\nv\r\n")
}
