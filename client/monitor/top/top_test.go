package top_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"dht/client"
	"dht/client/monitor"
	"dht/client/monitor/top"
	"dht/events"
)

var start = time.Date(2026, 11, 22, 10, 3, 46, 0, time.UTC)

// node is one that has put and got so often, in the first so many seconds of its
// life.
func node(name, rule string, expected float64, keys, uptime int, puts, gets int64) client.NodeStatus {
	histogram := func(n int64, took time.Duration) events.Histogram {
		h := events.Histogram{Counts: make([]int64, events.Buckets)}
		h.Counts[events.BucketOf(took)] = n
		return h
	}
	i := events.Info{Node: name, ID: events.Version{1}, Rule: rule, Keys: keys, Bytes: int64(keys * 20),
		UptimeMS: int64(uptime) * 1000, OS: "linux/amd64", Build: "v1.2.0 go1.26 linux/amd64", Map: events.MapID{Epoch: 1, Hash: 7},
		Cluster: events.Cluster{Name: "three", Epoch: 1, Copies: 1},
		Load: events.Load{
			Requests: map[events.Op]map[events.Status]int64{
				events.OpPut: {events.StatusStored: puts, events.StatusNotStored: 3 * puts},
				events.OpGet: {events.StatusFound: gets},
			},
			Took: map[events.Op]events.Histogram{events.OpPut: histogram(puts, 5*time.Millisecond), events.OpGet: histogram(gets, 100*time.Microsecond)},
		}}
	return client.NodeStatus{Name: name, Rule: rule, Up: true, Expected: expected, Info: i}
}

// three is the example cluster after so many seconds.
func three(uptime int) []client.NodeStatus {
	n := int64(uptime)
	list := []client.NodeStatus{
		node("linux", "md5 % 2 == 0", 0.5, 50_000, uptime, 1200*n, 13_000*n),
		node("mac", "sha1 % 3 == 0", 1.0/6, 16_700, uptime, 400*n, 4000*n),
		node("android", "otherwise", 1.0/3, 33_300, uptime, 800*n, 500*n),
	}
	for i := range list {
		for _, other := range list {
			if other.Name != list[i].Name {
				list[i].Info.Links = append(list[i].Info.Links,
					events.Link{To: other.Name, Path: events.PathRoute, State: events.LinkUp},
					events.Link{To: other.Name, Path: events.PathTCP, State: events.LinkIdle})
			}
		}
	}
	return list
}

func without(list []client.NodeStatus, name string) []client.NodeStatus {
	for i := range list {
		if list[i].Name == name {
			list[i].Up, list[i].Info = false, events.Info{}
		}
	}
	return list
}

// viewer is who sits in front of the screen.
type viewer struct {
	t     *testing.T
	model tea.Model
	size  tea.WindowSizeMsg
}

func newViewer(t *testing.T, width, height int) *viewer {
	v := &viewer{t: t, model: top.New(func() top.Look { return top.Look{} }, time.Second)}
	v.resize(width, height)
	return v
}

func (v *viewer) send(msg tea.Msg) (cmd tea.Cmd) {
	v.model, cmd = v.model.Update(msg)
	return cmd
}

func (v *viewer) resize(width, height int) {
	v.size = tea.WindowSizeMsg{Width: width, Height: height}
	v.send(v.size)
}

// look lets the nodes say something so many seconds after the start.
func (v *viewer) look(seconds int, nodes []client.NodeStatus) {
	v.send(top.Look{At: start.Add(time.Duration(seconds) * time.Second), Nodes: nodes})
}

// press types keys: one of each rune, or one that has a name.
func (v *viewer) press(keys ...string) (cmd tea.Cmd) {
	named := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "down": tea.KeyDown, "up": tea.KeyUp,
		"end": tea.KeyEnd, "home": tea.KeyHome, "pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace}
	for _, key := range keys {
		press := tea.KeyPressMsg{Text: key, Code: []rune(key)[0]}
		if code, ok := named[key]; ok {
			press = tea.KeyPressMsg{Code: code}
		}
		cmd = v.send(press)
	}
	return cmd
}

// screen is what is seen, without colours: as many lines as there are, none too
// wide.
func (v *viewer) screen() string {
	v.t.Helper()
	text := ansi.Strip(v.model.View().Content)
	lines := strings.Split(text, "\n")
	if len(lines) != v.size.Height {
		v.t.Errorf("%d lines on a screen of %d:\n%s", len(lines), v.size.Height, text)
	}
	for i, line := range lines {
		if width := ansi.StringWidth(line); width > v.size.Width {
			v.t.Errorf("line %d is %d wide on a screen of %d: %s", i+1, width, v.size.Width, line)
		}
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

func (v *viewer) sees(texts ...string) {
	v.t.Helper()
	rest := v.screen()
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		if !found {
			v.t.Errorf("%q is not seen, or not in this order, on\n%s", text, v.screen())
			return
		}
		rest = after
	}
}

func (v *viewer) misses(text string) {
	v.t.Helper()
	if strings.Contains(v.screen(), text) {
		v.t.Errorf("%q is seen on\n%s", text, v.screen())
	}
}

func TestView_80x24(t *testing.T) {
	v := newViewer(t, 80, 24)
	v.sees("dht top", "asking the nodes", "q quit")
	v.look(0, three(100))
	v.sees("since the nodes' start")
	for i := 1; i <= 3; i++ {
		v.look(i, three(100+i))
	}
	want := `three  epoch 1, one copy of each key                   3 of 3 nodes up  10:03:49
reads/s  17.5k ███                      writes/s  2400 ███
keys      100k  data 2.0 MB  p50 117µs  p99 6.1ms                        over 1s
All is well.
NODE          RULE             KEYS     SHARE READ/S WRITE/S   P50   P99 LINKS
linux    up   md5 % 2 == 0    50000 50 of 50%  13.0k    1200 116µs 6.0ms   4/4
mac      up   sha1 % 3 == 0   16700 17 of 17%   4000     400 116µs 6.1ms   4/4
android  up   otherwise       33300 33 of 33%    500     800 4.6ms 6.3ms   4/4







── linux ── up for 1m43s ───────────────────────────────────────────────────────
rule      md5 % 2 == 0  (50.0% of all keys, expected 50.0%)
holds     50,000 keys in 1.0 MB, none misplaced
runs      v1.2.0 go1.26 linux/amd64  map 1-0000000000000007
routes    mac up, android up
peers     mac idle, android idle
put       370,800 not-stored, 123,600 stored
get       1,339,000 found
q quit  ↑↓ select  enter details  s sort: map order  r reverse  / filter     1/3`
	if got := v.screen(); got != want {
		t.Errorf("the screen is\n%s\nwant\n%s", got, want)
	}
}

func TestView_Wide(t *testing.T) {
	v := newViewer(t, 120, 40)
	list := three(100)
	list[1].Info.Misplaced = 12
	v.look(0, list)
	v.sees("Misplaced on mac: 12.", "LINKS MISPLACED    DATA UP FOR", "mac ", "4/4        12  334 kB  1m40s", "── linux")
}

func TestView_MisplacedStrikes(t *testing.T) {
	v := newViewer(t, 80, 24)
	v.look(0, three(100))
	v.misses("MISPLACED")
	list := three(101)
	list[2].Info.Misplaced = 7
	v.look(1, list)
	v.sees("Misplaced on android: 7.", "MISPLACED", "android", "33300", "7\n")
}

func TestView_SmallerThanUsual(t *testing.T) {
	for _, size := range [][2]int{{79, 24}, {60, 16}, {40, 10}, {20, 5}, {10, 3}, {5, 2}, {1, 1}} {
		v := newViewer(t, size[0], size[1])
		v.screen()
		v.look(0, three(100))
		v.look(1, without(three(101), "mac"))
		v.screen()
		v.press("/", "m", "a", "c")
		v.screen()
		v.press("enter", "down")
		v.screen()
		v.send(top.Look{At: start.Add(time.Minute), Err: errors.New("no answer from any NATS server")})
		v.screen()
	}
	v := newViewer(t, 40, 12)
	v.look(0, three(100))
	v.sees("three", "3 of 3 nodes up", "NODE", "KEYS", "linux", "50000", "q quit  s sort")
	v.resize(80, 24)
	v.sees("epoch 1", "SHARE", "── linux", "q quit  ↑↓ select")
}

func TestView_NodeDown(t *testing.T) {
	v := newViewer(t, 80, 24)
	v.look(0, three(100))
	v.look(2, without(three(102), "mac"))
	v.sees("2 of 3 nodes up", "mac is down: what only it keeps is offline.", "mac      down sha1 % 3 == 0  down for 2s")
	if content := v.model.View().Content; !strings.Contains(content, "\x1b[31mmac      down") {
		t.Errorf("it is not red in %q", content)
	}
	v.press("down")
	v.sees("── mac ── down for 2s", "had       16,700 keys in 334 kB, none misplaced, at 10:03:46")
	v.look(63, without(three(163), "mac"))
	v.sees("down for 1m3s")
	v.look(64, three(3))
	v.sees("3 of 3 nodes up", "All is well.", "mac      up   sha1")
}

func TestView_DownSinceBefore(t *testing.T) {
	v := newViewer(t, 80, 24)
	v.look(0, without(three(100), "mac"))
	v.sees("mac      down sha1 % 3 == 0  does not answer")
}

func TestView_Unreachable(t *testing.T) {
	v := newViewer(t, 80, 24)
	v.send(top.Look{At: start, Err: errors.New("no answer from any NATS server")})
	v.sees("Trying again: no answer from any NATS server")
	v.look(1, three(100))
	v.sees("All is well.")
	v.send(top.Look{At: start.Add(6 * time.Second), Err: errors.New("no answer from any node")})
	v.sees("0 of 3 nodes up", "Nobody answers for 5s, trying again: no answer from any node", "linux    down md5 % 2 == 0   down for 5s")
	v.misses("17.5k")
}

func TestModel_Sort(t *testing.T) {
	v := newViewer(t, 80, 24)
	v.look(0, three(100))
	v.sees("sort: map order")
	for _, step := range []struct{ order, arrow, first, second, third string }{
		{"name", "NODE▲", "android", "linux", "mac"},
		{"keys", "▼KEYS", "linux", "android", "mac"},
		{"reads", "▼READ/S", "linux", "mac", "android"},
		{"writes", "▼WRITE/S", "linux", "android", "mac"},
		{"p99", "▼P99", "android", "mac", "linux"},
		{"misplaced", "▼MISPLACED", "linux", "mac", "android"},
	} {
		v.press("s")
		v.sees(step.arrow, "\n"+step.first, "\n"+step.second, "\n"+step.third, "sort: "+step.order)
		v.press("r")
		v.sees(strings.NewReplacer("▲", "▼", "▼", "▲").Replace(step.arrow), "\n"+step.third, "\n"+step.second, "\n"+step.first)
	}
	v.press("s")
	v.sees("sort: map order")
	v.press("S")
	v.sees("sort: misplaced")
}

func TestModel_SelectionStaysWithTheNode(t *testing.T) {
	v := newViewer(t, 80, 24)
	v.look(0, three(100))
	v.press("down")
	v.sees("── mac ──")
	v.press("s") // by name: it moves to the end
	v.sees("── mac ──", "3/3")
	v.press("down", "down")
	v.sees("── mac ──")
	v.press("up")
	v.sees("── linux ──", "2/3")
	v.press("home")
	v.sees("── android ──")
	if content := v.model.View().Content; !strings.Contains(content, "\x1b[7mandroid") {
		t.Errorf("it is not marked in %q", content)
	}
	v.press("enter")
	v.misses("── android ──")
}

func TestModel_Filter(t *testing.T) {
	v := newViewer(t, 80, 24)
	v.look(0, without(three(100), "mac"))
	v.press("/", "S", "H", "A", "q")
	v.sees(`No node matches "SHAq".`, "filter: SHAq")
	v.press("backspace")
	v.sees("mac      down", "── mac ──", "filter: SHA")
	v.misses("md5")
	v.press("enter")
	v.sees("q quit  filter: SHA (1 of 3)")
	v.press("esc")
	v.sees("linux    up", "android  up")
	v.press("/", "d", "o", "w", "n")
	v.sees("mac      down")
	v.misses("android  up")
	v.press("esc")
	v.sees("android  up", "/ filter")
}

func TestModel_PastedFilter(t *testing.T) {
	v := newViewer(t, 80, 24)
	v.look(0, three(100))
	v.send(tea.PasteMsg{Content: "unasked"})
	v.misses("unasked")
	v.press("/")
	v.send(tea.PasteMsg{Content: "m\r\n\x1b[2Ja\tc"})
	v.sees(`No node matches "m[2Jac".`, "filter: m[2Jac")
}

func TestModel_Leave(t *testing.T) {
	v := newViewer(t, 80, 24)
	leaves := func(cmd tea.Cmd) bool {
		if cmd == nil {
			return false
		}
		_, quit := cmd().(tea.QuitMsg)
		return quit
	}
	if !leaves(v.press("q")) {
		t.Error("q does not leave")
	}
	v.press("/")
	if leaves(v.press("q")) {
		t.Error("a q in the filter leaves")
	}
	if !leaves(v.send(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})) {
		t.Error("Ctrl-C does not leave")
	}
}

func TestView_ManyNodes(t *testing.T) {
	var list []client.NodeStatus
	for i := range 50 {
		n := node(fmt.Sprintf("node-%02d", i), "otherwise", 0.02, 100+i, 100, 10, 10)
		for j := range 50 {
			if i != j {
				n.Info.Links = append(n.Info.Links, events.Link{To: fmt.Sprintf("node-%02d", j), Path: events.PathRoute, State: events.LinkUp})
			}
		}
		n.Info.Links[40].State = events.LinkDown
		list = append(list, n)
	}
	v := newViewer(t, 80, 24)
	v.look(0, list)
	v.sees("50 of 50 nodes up", "The route between node-00 and node-41 is down. (and ", "node-00  up", "1.6 of 2.0%", "48/49", "node-07")
	v.sees("routes    node-41 down, node-01 up", " more\n", "1/50")
	v.misses("node-20  up")
	v.press("end")
	v.sees("node-43", "node-49", "── node-49 ──", "50/50")
	v.press("home", "pgdown", "pgdown")
	v.sees("node-20", "── node-20 ──")
	v.press("enter")
	v.sees("node-11", "node-20", "node-28")
}

func TestModel_AsksOnceAtATime(t *testing.T) {
	asked := 0
	var m tea.Model = top.New(func() top.Look { asked++; return top.Look{At: start, Nodes: three(100)} }, time.Millisecond)
	run := func(cmd tea.Cmd) (messages []tea.Msg) {
		for _, cmd := range cmd().(tea.BatchMsg) {
			messages = append(messages, cmd())
		}
		return messages
	}
	first := run(m.Init())
	if asked != 1 || len(first) != 2 {
		t.Fatalf("asked %d times, %d messages", asked, len(first))
	}
	look, tick := first[0], first[1]
	m, cmd := m.Update(tick) // the answer is not there yet
	if _, batch := cmd().(tea.BatchMsg); batch || asked != 1 {
		t.Errorf("asked %d times while it was being asked", asked)
	}
	m, _ = m.Update(look)
	_, cmd = m.Update(tick)
	if run(cmd); asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
}

func TestTable(t *testing.T) {
	long := node("a-node-with-a-name-of-some-length", `prefix "europe/customers/by-name/"`, 0, 123_456_789, 100, 5, 5)
	long.Prefix = true
	cards := monitor.Snapshot{}.Next(append(without(three(100), "mac"), long)).Cards
	for width, want := range map[int]string{
		200: "NODE RULE KEYS SHARE READ/S WRITE/S P50 P99 LINKS MISPLACED DATA UP FOR",
		80:  "NODE RULE KEYS SHARE READ/S WRITE/S P99",
		60:  "NODE KEYS READ/S WRITE/S P99",
		40:  "NODE KEYS READ/S",
	} {
		lines := top.Table(cards, width)
		if got := strings.Join(strings.Fields(strings.ReplaceAll(ansi.Strip(lines[0]), "UP FOR", "UP_FOR")), " "); strings.ReplaceAll(got, "_", " ") != want {
			t.Errorf("in %d cells: %s, want %s", width, got, want)
		}
		for _, line := range lines {
			if got := ansi.StringWidth(line); got > width {
				t.Errorf("%d cells of %d: %s", got, width, line)
			}
		}
		if mac := ansi.Strip(lines[2]); !strings.HasPrefix(mac, "mac ") || !strings.Contains(mac, "down") {
			t.Errorf("in %d cells: %s", width, mac)
		}
		if name := ansi.Strip(lines[4]); !strings.HasPrefix(name, "a-node-with-") || !strings.Contains(name, " up ") {
			t.Errorf("in %d cells: %s", width, name)
		}
	}
}
