package bus_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"dht/broker"
	"dht/client"
	"dht/events"
	"dht/nodes"
	"dht/nodes/bus"
	"dht/nodes/placement"
	"dht/nodes/store"
	"dht/nodes/tcp"
)

// BenchmarkCost measures what events cost while nobody watches: puts per second
// at a node that publishes events of them, over those at one that does not, each in a
// process of its own with a journal on disk, in interleaved rounds; and the same
// of the processor time that a put takes at the node. The ratios are medians over
// the rounds: say how many with -benchtime 9x.
//
//	go test ./nodes/bus -run '^$' -bench Cost -benchtime 9x
//
// What counting costs, which is always on, is in [nodes.BenchmarkMeter].
func BenchmarkCost(b *testing.B) {
	outside := startProcess(b, spec{Alone: true})
	for _, server := range []string{"embedded", "outside"} {
		url := ""
		if server == "outside" {
			url = outside.Bus
		}
		loud := startProcess(b, spec{NATS: url, Publish: true, Name: "loud", Folder: b.TempDir()})
		quiet := startProcess(b, spec{NATS: url, Name: "quiet", Folder: b.TempDir()})
		for _, way := range []string{"bus", "tcp", "tcp-P16"} {
			b.Run(server+"/"+way, func(b *testing.B) {
				interleaved(b, func() round { return quiet.measure(b, way, 1) }, func() round { return loud.measure(b, way, 1) })
			})
		}
	}
}

// BenchmarkDeafReader measures what it costs that somebody has subscribed to
// the events, has asked for answers, too, and reads nothing; otherwise
// as BenchmarkCost.
func BenchmarkDeafReader(b *testing.B) {
	p := startProcess(b, spec{Publish: true, Name: "loud", Folder: b.TempDir()})
	for _, way := range []string{"bus", "tcp", "tcp-P16"} {
		b.Run(way, func(b *testing.B) {
			interleaved(b, func() round { return p.measure(b, way, 5) }, func() round {
				defer deafReader(b, p)()
				return p.measure(b, way, 5)
			})
		})
	}
}

// round is one measurement of the load on p, in puts a second, and what each took
// of p's processor time.
type round struct{ rate, cpu float64 }

func (p process) measure(b *testing.B, way string, seconds int) round {
	b.Helper()
	before := p.cpu(b)
	rate, puts := p.load(b, way, seconds)
	return round{rate, (p.cpu(b) - before) / float64(puts)}
}

// cpu is the processor time p has had, in microseconds; 0 where there is no
// /proc.
func (p process) cpu(tb testing.TB) float64 {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')'):]))
	user, err1 := strconv.Atoi(fields[12])
	system, err2 := strconv.Atoi(fields[13])
	if err := errors.Join(err1, err2); err != nil {
		tb.Fatal(err)
	}
	const tick = 10_000 // microseconds
	return float64((user + system) * tick)
}

// interleaved measures the second in proportion to the first.
func interleaved(b *testing.B, without, with func() round) {
	b.Helper()
	var rates, cpu, base []float64
	for i := range b.N {
		rounds, measure := [2]round{}, [2]func() round{without, with}
		for n := range rounds {
			n = (n + i) % 2 // neither always comes first
			rounds[n] = measure[n]()
		}
		base = append(base, rounds[0].rate)
		rates, cpu = append(rates, rounds[1].rate/rounds[0].rate), append(cpu, rounds[1].cpu/rounds[0].cpu)
	}
	b.ReportMetric(median(base), "puts/s")
	b.ReportMetric(median(rates), "with/without")
	b.ReportMetric(median(cpu), "cpu-with/without")
	b.ReportMetric(0, "ns/op")
}

// deafReader subscribes to the events of p, asks for answers again and again,
// and reads nothing, until it is ended.
func deafReader(tb testing.TB, p process) (end func()) {
	tb.Helper()
	u, err := url.Parse(p.Bus)
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		tb.Fatal(err)
	}
	gone, done := make(chan struct{}), make(chan struct{})
	if _, err := fmt.Fprintf(conn, "CONNECT {}\r\nSUB %s.event.> 1\r\n", p.Name); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(done)
		again := time.NewTicker(events.WatchFor / 2)
		defer again.Stop()
		for {
			if _, err := fmt.Fprintf(conn, "PUB %s.watch 0\r\n\r\n", p.Name); err != nil {
				return // the server has had enough of it
			}
			select {
			case <-again.C:
			case <-gone:
				return
			}
		}
	}()
	return func() {
		close(gone)
		conn.Close()
		<-done
	}
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// spec says what a process is to be: a node of a cluster of one, or a NATS server
// alone.
type spec struct {
	Alone   bool
	Name    string // of the node, and the first token of its subjects
	NATS    string // outside server; without it there is one embedded
	Publish bool   // events
	Folder  string
}

// process says where a process is reached.
type process struct {
	Name, Bus, TCP string
	PID            int
}

// startProcess starts this test binary as a node; see TestMain.
func startProcess(tb testing.TB, s spec) (p process) {
	tb.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DHT_TEST_NODE="+string(text))
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { in.Close(); cmd.Wait() })
	if err := json.NewDecoder(out).Decode(&p); err != nil {
		tb.Fatalf("start a node: %v", err)
	}
	return p
}

// load puts for about so many seconds and returns how many a second, and how
// many.
func (p process) load(b *testing.B, way string, seconds int) (rate float64, puts int) {
	b.Helper()
	switch way {
	case "bus":
		puts = seconds * 40_000
		return p.loadBus(b, 64, puts), puts
	case "tcp":
		puts = seconds * 40_000
		return p.loadTCP(b, 1, puts), puts
	}
	puts = seconds * 200_000
	return p.loadTCP(b, 16, puts), puts
}

// loadBus puts over the bus with so many callers of one connection.
func (p process) loadBus(tb testing.TB, callers, puts int) float64 {
	tb.Helper()
	c, err := client.Connect(client.Options{Servers: []string{p.Bus}, Prefix: p.Name, Timeout: 10 * time.Second})
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	var group sync.WaitGroup
	value, begun := make([]byte, 100), time.Now()
	for caller := range callers {
		group.Go(func() {
			for i := caller; i < puts; i += callers {
				if _, err := c.Put(context.Background(), fmt.Appendf(nil, "key:%012d", i), value); err != nil {
					tb.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	return float64(puts) / time.Since(begun).Seconds()
}

// loadTCP puts with redis-benchmark.
func (p process) loadTCP(tb testing.TB, pipeline, puts int) float64 {
	tb.Helper()
	_, port, _ := net.SplitHostPort(p.TCP)
	out, err := exec.Command("redis-benchmark", "-p", port, "-t", "set", "-c", "50", "-d", "100", "-r", "1000000",
		"-n", strconv.Itoa(puts), "-P", strconv.Itoa(pipeline), "--csv").Output()
	if err != nil {
		tb.Fatalf("redis-benchmark: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	rate, err := strconv.ParseFloat(strings.Trim(strings.Split(lines[len(lines)-1], ",")[1], `"`), 64)
	if err != nil {
		tb.Fatalf("redis-benchmark printed %q", out)
	}
	return rate
}

// runProcess is a process of startProcess, until stdin ends.
func runProcess(text string) (err error) {
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	if file := os.Getenv("DHT_TEST_PROFILE"); file != "" {
		f, err := os.Create(fmt.Sprintf("%s.%s.%d", file, s.Name, os.Getpid()))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var parts closers
	defer func() { err = errors.Join(err, parts.close()) }()
	p, err := s.run(&parts)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(p); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, bufio.NewReader(os.Stdin))
	return err
}

type closers []func() error

func (c closers) close() (err error) {
	for _, f := range slices.Backward(c) {
		err = errors.Join(err, f())
	}
	return err
}

// run starts what s says.
func (s spec) run(parts *closers) (p process, err error) {
	p = process{Name: s.Name, Bus: s.NATS, PID: os.Getpid()}
	o := bus.Options{Subjects: events.NewSubjects(s.Name), Logger: slog.New(slog.DiscardHandler)}
	at := func(o *nats.Options) error { o.Url = s.NATS; return nil }
	if s.NATS == "" {
		b, err := broker.Open(context.Background(), broker.Options{Name: "test", Listen: "127.0.0.1:0"})
		if err != nil {
			return p, err
		}
		*parts = append(*parts, b.Close)
		p.Bus, at, o.Interest = b.URL(), b.InProcess(), b.Interest
	}
	if s.Alone {
		return p, nil
	}
	conn, err := nats.Connect("", at)
	if err != nil {
		return p, err
	}
	*parts = append(*parts, func() error { conn.Close(); return nil })
	clock := events.NewClock(time.Now)
	publisher := bus.NewPublisher(s.Name, s.Name, clock)
	node, err := s.node(parts, publisher, clock)
	if err != nil {
		return p, err
	}
	server := bus.New(conn, node, publisher, o)
	if err := server.Serve(context.Background()); err != nil {
		return p, err
	}
	*parts = append(*parts, server.Close)
	direct, err := tcp.Listen("127.0.0.1:0", tcp.Options{})
	if err != nil {
		return p, err
	}
	*parts = append(*parts, direct.Close)
	p.TCP = direct.Addr().String()
	return p, direct.Serve(context.Background(), node)
}

// node makes the node, which owns every key.
func (s spec) node(parts *closers, publisher *bus.Publisher, clock *events.Clock) (*nodes.Node, error) {
	law, err := placement.New(events.Cluster{Name: s.Name, Epoch: 1, Copies: 1,
		Nodes: []events.Member{{Name: s.Name, Rule: "otherwise"}}})
	if err != nil {
		return nil, err
	}
	o := nodes.Options{Map: law, Name: s.Name, Clock: clock}
	if s.Publish {
		o.Notify, o.Observe = publisher.Notify, publisher.Observe
	}
	journal, err := store.Open(s.Folder, store.Options{Owner: store.Owner{Cluster: s.Name, Node: s.Name, Map: law.ID()},
		Notify: o.Notify})
	if err != nil {
		return nil, err
	}
	*parts = append(*parts, journal.Close)
	o.Store = journal
	return nodes.New(o)
}
