package host

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dht/configs"
)

// freeAddress is one on which nobody listens at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// While a node's disk is full it says that it is not ready, and why; once there
// is room it is ready again, though nobody has written meanwhile.
func TestNode_FullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	folder := t.TempDir()
	if err := syscall.Mount("none", folder, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	defer syscall.Unmount(folder, 0)
	c, err := configs.Parse("test", fmt.Appendf(nil,
		"name = \"one\"\nepoch = 1\n[[node]]\nname = \"linux\"\nrule = \"otherwise\"\n"+
			"bus = %q\nhttp = %q\ndata = %q\n", freeAddress(t), freeAddress(t), filepath.Join(folder, "linux")))
	if err != nil {
		t.Fatal(err)
	}
	node, err := Open(context.Background(), Options{Config: c, Node: c.Nodes[0]})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	ask := func(method, path, body string) (status int, answer string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, node.PageURL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	defer http.DefaultClient.CloseIdleConnections()
	if status, text := ask("GET", "readyz", ""); status != 200 {
		t.Fatalf("before: %d %s", status, text)
	}
	filler := filepath.Join(folder, "filler")
	if err := os.WriteFile(filler, make([]byte, 4<<20), 0o600); err == nil {
		t.Error("the disk is not full")
	}
	for i, status := 0, 200; status == 200; i++ {
		var text string
		if status, text = ask("PUT", fmt.Sprint("v1/keys/", i), strings.Repeat("v", 100_000)); status != 200 &&
			(status != 503 || !strings.Contains(text, "readonly")) {
			t.Fatalf("a put on a full disk: %d %s", status, text)
		}
	}
	if status, text := ask("GET", "readyz", ""); status != 503 || !strings.Contains(text, "read-only") {
		t.Errorf("on a full disk: %d %s", status, text)
	}
	if status, text := ask("GET", "v1/status", ""); status != 200 ||
		!strings.Contains(text, `"unready":"node is read-only`) {
		t.Errorf("the node says of itself: %d %s", status, text)
	}
	if status, text := ask("GET", "healthz", ""); status != 200 {
		t.Errorf("it lives: %d %s", status, text)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for tries := 0; ; tries++ {
		<-again.C
		if status, text := ask("GET", "readyz", ""); status == 200 {
			break
		} else if tries == 1000 {
			t.Fatalf("with room again: %d %s", status, text)
		}
	}
	if status, text := ask("PUT", "v1/keys/k", "v"); status != 200 {
		t.Errorf("a put with room again: %d %s", status, text)
	}
}
