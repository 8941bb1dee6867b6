package cli_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"dht/client"
	"dht/events"
)

// TestKillNine kills a real node process under load, over and over, at random
// moments: no write that was acknowledged is lost, no start fails. DHT_KILLS
// says how often, 20 times when it is not set.
func TestKillNine(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	kills := 20
	if text := os.Getenv("DHT_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	k := newKiller(t)
	for round := range kills {
		k.start()
		k.verify(round)
		k.loadAndKill(round)
	}
	k.start()
	k.verify(kills)
	t.Logf("%d kills, %d acknowledged writes of %d keys, none lost", kills, k.writes, len(k.acked))
	k.kill()
}

// killer runs a cluster of one node, and remembers what it acknowledged.
type killer struct {
	t      *testing.T
	cmd    *exec.Cmd
	client *client.Client
	server string
	config string
	self   string

	mu      sync.Mutex     // guards what follows
	acked   map[string]int // newest acknowledged value of each key
	pending map[string]int // newest value sent: it may stand as well
	writes  int
}

const (
	killKeys    = 13 * killWriters // so that one writer owns each key
	killWriters = 16
)

func newKiller(t *testing.T) *killer {
	t.Helper()
	folder := t.TempDir()
	ports, err := freePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	k := &killer{t: t, acked: map[string]int{}, pending: map[string]int{},
		server: fmt.Sprint("nats://127.0.0.1:", ports[0]),
		config: filepath.Join(folder, "one.toml"), self: filepath.Join(folder, "dht")}
	text := fmt.Sprintf("name = \"one\"\nepoch = 1\n[[node]]\nname = \"one\"\nrule = \"otherwise\"\nbus = \"127.0.0.1:%d\"\ndata = \"data\"\n", ports[0])
	if err := os.WriteFile(k.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err == nil {
		err = os.Symlink(binary, k.self)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *killer) start() {
	k.t.Helper()
	k.cmd = exec.Command(k.self, "-c", k.config, "node", "one")
	if err := k.cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	for limit := time.Now().Add(20 * time.Second); ; {
		c, err := client.Connect(client.Options{Servers: []string{k.server}, Timeout: 5 * time.Second})
		if err == nil {
			if _, err = c.Status(k.t.Context()); err == nil {
				k.client = c
				return
			}
			c.Close()
		}
		if time.Now().After(limit) {
			k.t.Fatalf("the node does not start: %v", err)
		}
	}
}

func (k *killer) kill() {
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait()
	k.client.Close()
}

// verify reads every key: it has the newest acknowledged value, or one that was
// sent after that.
func (k *killer) verify(round int) {
	k.t.Helper()
	for key, acked := range k.acked {
		r, err := k.client.Get(k.t.Context(), []byte(key))
		if err != nil {
			k.t.Fatalf("round %d: get %s, acknowledged as %d: %v", round, key, acked, err)
		}
		got, err := strconv.Atoi(string(r.Value))
		if err != nil || got < acked || got > k.pending[key] {
			k.t.Fatalf("round %d: %s is %q, acknowledged was %d, sent %d", round, key, r.Value, acked, k.pending[key])
		}
		k.acked[key] = got
	}
}

// loadAndKill writes from many callers, and kills the node after a random number
// of acknowledgements.
func (k *killer) loadAndKill(round int) {
	enough := k.writes + 1 + rand.IntN(2000)
	ctx, cancel := context.WithCancel(k.t.Context())
	defer cancel()
	reached := make(chan struct{})
	var once sync.Once
	var writers sync.WaitGroup
	for w := range killWriters {
		writers.Go(func() {
			for i := w; ctx.Err() == nil; i += killWriters {
				if k.put(ctx, fmt.Sprint("key ", i%killKeys)) >= enough {
					once.Do(func() { close(reached) })
				}
			}
		})
	}
	select {
	case <-reached:
	case <-time.After(30 * time.Second):
		k.t.Errorf("round %d: the node answers too few writes", round)
	}
	_ = k.cmd.Process.Kill() // SIGKILL, with writes under way
	cancel()
	writers.Wait()
	k.kill()
}

// put writes the key's next value and returns how many writes were acknowledged.
// One writer owns each key, so its values only rise.
func (k *killer) put(ctx context.Context, key string) int {
	k.mu.Lock()
	k.pending[key]++
	value := k.pending[key]
	k.mu.Unlock()
	_, err := k.client.Put(ctx, []byte(key), []byte(strconv.Itoa(value)))
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.acked[key] = value
		k.writes++
	} else if ctx.Err() == nil && !errors.Is(err, events.ErrUnknown) && !errors.Is(err, events.ErrUnreachable) {
		k.t.Errorf("put %s: %v", key, err)
	}
	return k.writes
}
