package tcp_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"dht/events"
	"dht/nodes"
	"dht/nodes/placement"
	"dht/nodes/store"
	"dht/nodes/tcp"
)

// BenchmarkBesideRedis measures GET and SET with redis-benchmark, at the owner
// and through a node that forwards everything, each in a process of its own,
// beside a redis-server that syncs every write, in interleaved rounds. The
// ratios are medians over the rounds: say how many with -benchtime 5x.
//
//	go test ./nodes/tcp -run '^$' -bench BesideRedis -benchtime 5x
func BenchmarkBesideRedis(b *testing.B) {
	redis := startRedis(b, "always")
	direct, forward := startPair(b)
	for _, pipeline := range []int{1, 16} {
		for _, op := range []string{"set", "get"} {
			b.Run(fmt.Sprintf("%s/P=%d", op, pipeline), func(b *testing.B) {
				var own, through, base []float64
				for _, addr := range []string{redis, direct} {
					load(b, addr, "set", 16) // so that a get finds something
				}
				for range b.N {
					r := load(b, redis, op, pipeline)
					d := load(b, direct, op, pipeline)
					f := load(b, forward, op, pipeline)
					base, own, through = append(base, r), append(own, d/r), append(through, f/d)
				}
				b.ReportMetric(median(base), "redis/s")
				b.ReportMetric(median(own), "owner/redis")
				b.ReportMetric(median(through), "forward/owner")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkPairsBesideRedis writes 100,000 pairs of a SET and a GET of the same key
// before it reads, as Redis's own PIPELINING stresser does.
//
//	go test ./nodes/tcp -run '^$' -bench PairsBesideRedis -benchtime 5x
func BenchmarkPairsBesideRedis(b *testing.B) {
	owner, through := startPair(b)
	addrs := map[string]string{"owner": owner, "through": through, "redis-always": startRedis(b, "always"), "redis-no": startRedis(b, "no")}
	took := map[string][]float64{}
	for range b.N {
		for name, addr := range addrs {
			took[name] = append(took[name], pairs(b, addr, 100_000).Seconds())
		}
	}
	for name := range took {
		b.ReportMetric(median(took[name])*1000, name+"-ms")
	}
	b.ReportMetric(0, "ns/op")
}

// pairs returns how long so many pairs take.
func pairs(tb testing.TB, addr string, n int) time.Duration {
	tb.Helper()
	var commands, want bytes.Buffer
	for i := range n {
		fmt.Fprintf(&commands, "SET key:%d 0000%d0000\r\nGET key:%d\r\n", i, i, i)
		value := fmt.Sprintf("0000%d0000", i)
		fmt.Fprintf(&want, "+OK\r\n$%d\r\n%s\r\n", len(value), value)
	}
	v := visit(tb, addr)
	began := time.Now()
	var sending sync.WaitGroup
	sending.Go(func() { v.send(commands.String()) })
	got := make([]byte, want.Len())
	_, err := io.ReadFull(v.in, got)
	took := time.Since(began)
	sending.Wait()
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		tb.Fatalf("the replies are not those expected, %v", err)
	}
	return took
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// load runs redis-benchmark for about a second and returns requests a second.
func load(b *testing.B, addr, op string, pipeline int) float64 {
	b.Helper()
	_, port, _ := net.SplitHostPort(addr)
	n := 60_000
	if pipeline > 1 {
		n = 300_000
	}
	out, err := exec.Command("redis-benchmark", "-p", port, "-t", op, "-c", "50", "-d", "100", "-r", "1000000",
		"-n", strconv.Itoa(n), "-P", strconv.Itoa(pipeline), "--csv").Output()
	if err != nil {
		b.Fatalf("redis-benchmark: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	fields := strings.Split(lines[len(lines)-1], ",")
	rate, err := strconv.ParseFloat(strings.Trim(fields[1], `"`), 64)
	if err != nil {
		b.Fatalf("redis-benchmark printed %q", out)
	}
	return rate
}

// freeAddr is an address on which nobody listens.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func startRedis(b *testing.B, fsync string) (addr string) {
	b.Helper()
	addr = freeAddr(b)
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command("redis-server", "--port", port, "--save", "", "--appendonly", "yes", "--appendfsync", fsync, "--dir", b.TempDir())
	if err := cmd.Start(); err != nil {
		b.Fatalf("start redis-server: %v", err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	awaitListener(b, addr)
	return addr
}

func awaitListener(tb testing.TB, addr string) {
	tb.Helper()
	for end := time.Now().Add(5 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			tb.Fatalf("nobody listens on %s: %v", addr, err)
		}
	}
}

// startPair starts two nodes, of which the first owns every key that
// redis-benchmark uses.
func startPair(b testing.TB) (owner, other string) {
	b.Helper()
	pair := startProcesses(b)
	return pair[0].addr, pair[1].addr
}

// startProcesses is startPair for those who want to know of the processes.
func startProcesses(b testing.TB) (pair [2]process) {
	b.Helper()
	pair[0].addr, pair[1].addr = freeAddr(b), freeAddr(b)
	for i, name := range []string{"owner", "other"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^$")
		cmd.Env = append(os.Environ(), "DHT_TEST_NODE="+strings.Join([]string{name, pair[0].addr, pair[1].addr, filepath.Join(b.TempDir(), name)}, " "))
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { in.Close(); cmd.Wait() })
		pair[i].pid = cmd.Process.Pid
		awaitListener(b, pair[i].addr)
	}
	return pair
}

func TestMain(m *testing.M) {
	if spec := os.Getenv("DHT_TEST_NODE"); spec != "" {
		if err := runNode(strings.Fields(spec)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// runNode is one node of startPair, until stdin ends.
func runNode(spec []string) error {
	name, owner, other, folder := spec[0], spec[1], spec[2], spec[3]
	if file := os.Getenv("DHT_TEST_PROFILE"); file != "" {
		f, err := os.Create(file + "." + name)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	m, err := placement.New(events.Cluster{Name: "pair", Epoch: 1, Copies: 1, Nodes: []events.Member{
		{Name: "owner", Rule: "md5 % 1 == 0"}, {Name: "other", Rule: "otherwise"}}})
	if err != nil {
		return err
	}
	journal, err := store.Open(folder, store.Options{Owner: store.Owner{Cluster: "pair", Node: name, Map: m.ID()}})
	if err != nil {
		return err
	}
	defer journal.Close()
	node, err := nodes.New(nodes.Options{Map: m, Name: name, Store: journal, Clock: events.NewClock(time.Now)})
	if err != nil {
		return err
	}
	peers := map[string]string{"owner": owner, "other": other}
	server, err := tcp.Listen(peers[name], tcp.Options{Peers: peers})
	if err != nil {
		return err
	}
	defer server.Close()
	if err := server.Serve(context.Background(), node); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, bufio.NewReader(os.Stdin))
	return err
}
