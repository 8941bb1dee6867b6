package tcp_test

import (
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// dribble connects clients of which every other one is idle and each of the rest
// sends one byte a second, until the test ends.
func dribble(t *testing.T, addr string, clients int) {
	t.Helper()
	const command = "*2\r\n$3\r\nGET\r\n$2\r\nl1\r\n"
	conns := make([]net.Conn, clients)
	for i := range conns {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
	}
	stop := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(clients/2))
		defer tick.Stop()
		for n := 0; ; n++ {
			at := n / (clients / 2) % len(command)
			if _, err := conns[n%(clients/2)*2].Write([]byte{command[at]}); err != nil {
				t.Errorf("a slow client is left: %v", err)
				return
			}
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		sending.Wait()
		for _, conn := range conns {
			conn.Close()
		}
	})
}

// A client beside 1,000 slow ones is served as one that is alone: of two nodes,
// processes both, one has them, and requests go to each in turn, so that
// whatever else the machine does touches both.
func TestServer_SlowClientsSlowNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	crowded, _ := startPair(t)
	quiet, _ := startPair(t)
	beside, alone := visit(t, crowded), visit(t, quiet)
	dribble(t, crowded, 1000)
	_ = beside.SetDeadline(time.Now().Add(time.Minute))
	_ = alone.SetDeadline(time.Now().Add(time.Minute))
	const rounds = 2000
	took := map[string][]time.Duration{}
	for range rounds {
		for _, command := range []string{"SET l1 v", "GET l1"} {
			for name, v := range map[string]*visitor{"beside": beside, "alone": alone} {
				began := time.Now()
				if got := v.ask(command); got[0] == '-' {
					t.Fatal(got)
				}
				took[command+name] = append(took[command+name], time.Since(began))
			}
		}
	}
	at := func(name string, of float64) time.Duration {
		slices.Sort(took[name])
		return took[name][int(rounds*of)].Round(time.Microsecond)
	}
	for _, command := range []string{"SET l1 v", "GET l1"} {
		with, without := at(command+"beside", .99), at(command+"alone", .99)
		t.Logf("%s: p50 %v and p99 %v beside them, %v and %v alone", command, at(command+"beside", .5), with, at(command+"alone", .5), without)
		if with > 2*without+2*time.Millisecond {
			t.Errorf("%s: p99 is %v beside 1,000 slow clients, %v alone", command, with, without)
		}
	}
}
