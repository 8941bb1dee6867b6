package tcp_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A pipeline that reads what it wrote does not wait for the disk in between: all
// its writes are with the store before the first is durable.
func TestOrder_NoCommitInBetween(t *testing.T) {
	const rounds = 40
	for name, tt := range map[string]struct {
		round   string // %d is its number
		writes  int
		replies []string
	}{
		"SET GET":        {"SET l1 %[1]d\r\nGET l1\r\n", 1, []string{"+OK\r\n", "=%d"}},
		"SET GET others": {"SET l%[1]d %[1]d\r\nGET l%[1]d\r\n", 1, []string{"+OK\r\n", "=%d"}},
		"INCR GET":       {"INCR l1\r\nGET l1\r\n", 1, []string{":%d\r\n", "=%d"}},
		"DEL EXISTS":     {"SET l1 v\r\nDEL l1\r\nEXISTS l1\r\n", 2, []string{"+OK\r\n", ":1\r\n", ":0\r\n"}},
		"SET TTL":        {"SET l1 v EX 100\r\nTTL l1\r\nTYPE l1\r\n", 1, []string{"+OK\r\n", ":100\r\n", "+string\r\n"}},
		"SETRANGE":       {"SET l1 abc\r\nGETRANGE l1 1 1\r\nSTRLEN l1\r\n", 1, []string{"+OK\r\n", "$1\r\nb\r\n", ":3\r\n"}},
		"MSET MGET":      {"MSET l1 %[1]d l2 x\r\nMGET l1 l2\r\n", 2, []string{"+OK\r\n", ""}},
		"GET SET":        {"GET n%[1]d\r\nSET ln%[1]d v\r\nGET ln%[1]d\r\n", 1, []string{"$-1\r\n", "+OK\r\n", "$1\r\nv\r\n"}},
		"reads first":    {"GET l%[1]d\r\nSET l%[1]d v\r\n", 1, []string{"$-1\r\n", "+OK\r\n"}},
	} {
		for _, entry := range []string{"linux", "mac"} {
			t.Run(name+" through "+entry, func(t *testing.T) {
				enough := rounds * tt.writes
				if entry == "mac" && (name == "reads first" || name == "DEL EXISTS") {
					enough = 1 // a write behind a read waits for that, and what takes several messages is several batches
				}
				s, g := gated(t, enough)
				v := visit(t, s.addr(entry))
				v.want("PING", "+PONG\r\n") // so that all of the pipeline is read at once
				var text strings.Builder
				for i := range rounds {
					if strings.Contains(tt.round, "%") {
						fmt.Fprintf(&text, tt.round, i+1)
					} else {
						text.WriteString(tt.round)
					}
				}
				v.send(text.String())
				select {
				case <-g.reached:
				case <-time.After(20 * time.Second):
					t.Error("it waits for the disk")
				}
				g.release()
				for i := range rounds {
					for _, want := range tt.replies {
						got := v.reply()
						if strings.Contains(want, "%d") {
							want = fmt.Sprintf(want, i+1)
						}
						if number, ok := strings.CutPrefix(want, "="); ok {
							want = fmt.Sprintf("$%d\r\n%s\r\n", len(number), number)
						}
						if want != "" && got != want {
							t.Fatalf("round %d: %q, want %q", i, got, want)
						}
					}
				}
			})
		}
	}
}

// model is what a client that is alone sees.
type model map[string]string

// step does one command and returns what it is answered.
func (m model) step(words []string) string {
	text := func(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }
	value, there := m[words[1]]
	null := "$-1\r\n"
	switch words[0] {
	case "SET":
		m[words[1]] = words[2]
		return "+OK\r\n"
	case "GETSET":
		m[words[1]] = words[2]
		if !there {
			return null
		}
		return text(value)
	case "APPEND":
		m[words[1]] += words[2]
		return fmt.Sprintf(":%d\r\n", len(m[words[1]]))
	case "GET":
		if !there {
			return null
		}
		return text(value)
	case "STRLEN":
		return fmt.Sprintf(":%d\r\n", len(value))
	case "DEL":
		delete(m, words[1])
		return map[bool]string{true: ":1\r\n", false: ":0\r\n"}[there]
	case "EXISTS":
		return map[bool]string{true: ":1\r\n", false: ":0\r\n"}[there]
	case "RENAME":
		if !there {
			return "-ERR no such key\r\n"
		}
		delete(m, words[1])
		m[words[2]] = value
		return "+OK\r\n"
	case "INCR":
		n, err := strconv.Atoi(value)
		if there && err != nil {
			return "-ERR value is not an integer or out of range\r\n"
		}
		m[words[1]] = strconv.Itoa(n + 1)
		return fmt.Sprintf(":%d\r\n", n+1)
	case "MGET":
		all := fmt.Sprintf("*%d\r\n", len(words)-1)
		for _, key := range words[1:] {
			all += m.step([]string{"GET", key})
		}
		return all
	}
	panic(words[0])
}

// Random pipelines over few keys, with values of all sizes, are answered as if each
// command waited for the one before.
func TestOrder_RandomPipelines(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	s := cluster(t)
	for _, entry := range []string{"linux", "mac"} {
		for seed := range uint64(12) {
			v := visit(t, s.addr(entry))
			random := rand.New(rand.NewPCG(seed, 1))
			m := model{}
			key := func() string { return fmt.Sprint("l", entry, seed, "-", random.IntN(6)) }
			value := func() string {
				size := []int{1, 10, 300, 5_000, 20_000, 60_000, 200_000}[random.IntN(7)]
				return strings.Repeat(string(rune('a'+random.IntN(26))), size)
			}
			var text, want strings.Builder
			for range 300 {
				words := []string{[]string{"SET", "SET", "GET", "GET", "GET", "GETSET", "STRLEN", "DEL", "EXISTS", "INCR", "RENAME", "MGET", "APPEND"}[random.IntN(13)], key()}
				switch words[0] {
				case "SET", "GETSET":
					words = append(words, value())
				case "INCR":
					if entry == "mac" { // of what is no number, and long, another node may say: try again
						words[1] = "l" + words[1]
					}
				case "APPEND":
					words = append(words, "tail")
				case "RENAME":
					words = append(words, key())
				case "MGET":
					words = append(words, key(), key(), key())
				}
				if words[0] == "RENAME" && words[1] == words[2] {
					words = []string{"GET", words[1]}
				}
				text.WriteString(command(words...))
				want.WriteString(m.step(words))
			}
			var sending sync.WaitGroup
			sending.Go(func() { v.send(text.String()) })
			for n, rest := 0, want.String(); rest != ""; n++ {
				got := v.reply()
				if !strings.HasPrefix(rest, got) {
					at := 0
					for at < min(len(rest), len(got)) && rest[at] == got[at] {
						at++
					}
					t.Fatalf("through %s, seed %d, reply %d differs at %d: %.80q, want %.80q", entry, seed, n, at, got[at:], rest[at:])
				}
				rest = rest[len(got):]
			}
			sending.Wait()
		}
	}
}
