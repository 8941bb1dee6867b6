package store

import (
	"dht/events"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	dir := os.Getenv("ZZ")
	if dir == "" {
		return
	}
	s := time.Now()
	j, err := Open(dir, Options{Owner: Owner{Cluster: "three", Node: "linux", Map: events.MapID{Epoch: 1, Hash: 0xabc}}})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("open", time.Since(s))
	show := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Printf("arena used %d pages %d; heap alloc %d inuse %d idle %d released %d sys %d\n", j.index.arena.used>>20, len(j.index.arena.pages), m.HeapAlloc>>20, m.HeapInuse>>20, m.HeapIdle>>20, m.HeapReleased>>20, m.Sys>>20)
		out, _ := exec.Command("sh", "-c", fmt.Sprintf("grep -E 'VmRSS|RssAnon|RssFile' /proc/%d/status", os.Getpid())).Output()
		fmt.Println(string(out))
	}
	show()
	runtime.GC()
	show()
	j.Close()
}
