package members_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"dht/events"
	"dht/nodes/members"
	"dht/nodes/placement"
)

var noon = time.UnixMilli(1_790_000_000_000)

// cluster has three nodes; with more of them the map is another one.
func cluster(epoch uint64, more ...string) events.Cluster {
	c := events.Cluster{Name: "three", Epoch: epoch, Copies: 1}
	for _, name := range append([]string{"linux", "mac", "android"}, more...) {
		c.Nodes = append(c.Nodes, events.Member{Name: name, Rule: "otherwise"})
	}
	return c
}

func law(t *testing.T, c events.Cluster) *placement.Map {
	t.Helper()
	m, err := placement.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func version(at time.Time) events.Version {
	return events.NewClock(func() time.Time { return at }).Next()
}

// info is what a node says that holds that map.
func info(t *testing.T, name string, c events.Cluster, clean bool) events.Info {
	t.Helper()
	return events.Info{Node: name, ID: version(noon), Map: law(t, c).ID(), Cluster: c, Clean: clean,
		Newest: version(noon), Started: noon}
}

func table(t *testing.T, c events.Cluster) *members.Table {
	t.Helper()
	return members.New(members.Self{Name: "linux", Run: version(noon.Add(-time.Minute)), Started: noon.Add(-time.Minute)},
		law(t, c))
}

// TestTable_WhoIsClean has each node's last word count, by the map in force.
func TestTable_WhoIsClean(t *testing.T) {
	older, now, newer := cluster(2), cluster(3), cluster(4, "pi")
	type word struct {
		node  string
		by    events.Cluster
		clean bool
	}
	for name, tt := range map[string]struct {
		words []word
		want  string
	}{
		"nobody was heard":         {nil, "mac android"},
		"one":                      {[]word{{"mac", now, true}}, "android"},
		"all":                      {[]word{{"mac", now, true}, {"android", now, true}}, ""},
		"not clean":                {[]word{{"mac", now, false}, {"android", now, true}}, "mac"},
		"not clean any more":       {[]word{{"mac", now, true}, {"mac", now, false}}, "mac android"},
		"clean by an older map":    {[]word{{"mac", older, true}}, "mac android"},
		"back with an older map":   {[]word{{"mac", now, true}, {"mac", older, true}}, "mac android"},
		"itself":                   {[]word{{"linux", now, false}}, "mac android"},
		"who is not in the map":    {[]word{{"pi", newer, true}}, "mac android"},
		"who holds keys elsewhere": {[]word{{"pi", now, false}, {"mac", now, true}, {"android", now, true}}, ""},
	} {
		table := table(t, now)
		for _, w := range tt.words {
			table.Hear(info(t, w.node, w.by, w.clean), events.PathNATS, noon)
		}
		if got := strings.Join(table.View().Unclean, " "); got != tt.want {
			t.Errorf("%s: not clean are %q, want %q", name, got, tt.want)
		}
	}
	if first := table(t, cluster(1)).View(); len(first.Unclean) != 0 {
		t.Errorf("at the first epoch %v may hold keys of an earlier map", first.Unclean)
	}
}

// TestTable_Above is what the unclean hold, and nothing once there are none.
func TestTable_Above(t *testing.T) {
	table, c := table(t, cluster(2)), cluster(2)
	mac := info(t, "mac", c, false)
	table.Hear(mac, events.PathNATS, noon)
	table.Hear(info(t, "android", c, true), events.PathNATS, noon)
	if got := table.View().Above(); got != mac.Newest {
		t.Errorf("stamps go above %s, want %s", got, mac.Newest)
	}
	late := mac
	late.Newest = version(noon.Add(-time.Hour))
	table.Hear(late, events.PathNATS, noon)
	if got := table.View().Above(); got != mac.Newest {
		t.Errorf("after an older word stamps go above %s, want %s", got, mac.Newest)
	}
	table.Hear(info(t, "mac", c, true), events.PathTCP, noon)
	if got := table.View().Above(); !got.IsZero() {
		t.Errorf("with all clean stamps go above %s", got)
	}
}

// TestTable_Silent counts who has spoken on that path since then.
func TestTable_Silent(t *testing.T) {
	table, c := table(t, cluster(2)), cluster(2)
	table.Hear(info(t, "mac", c, true), events.PathNATS, noon)
	table.Hear(info(t, "mac", c, true), events.PathTCP, noon.Add(time.Second))
	for _, tt := range []struct {
		path  events.LinkPath
		since time.Duration
		want  string
	}{
		{events.PathNATS, 0, "android"},
		{events.PathNATS, 1, "mac android"},
		{events.PathTCP, time.Second, "android"},
		{events.PathRoute, -time.Hour, "mac android"},
	} {
		if got := strings.Join(table.Silent(tt.path, noon.Add(tt.since)), " "); got != tt.want {
			t.Errorf("silent on %s since %v: %q, want %q", tt.path, tt.since, got, tt.want)
		}
	}
}

// TestTable_Conflict only says what the matter is.
func TestTable_Conflict(t *testing.T) {
	foreign, lying := cluster(2), info(t, "mac", cluster(9), true)
	foreign.Name, lying.Cluster.Epoch = "else", 2
	self := info(t, "linux", cluster(2), true)
	self.ID = version(noon.Add(-time.Minute))
	table := members.New(members.Self{Name: "linux", Run: self.ID, Started: noon}, law(t, cluster(2)))
	for name, tt := range map[string]struct {
		info events.Info
		want error
	}{
		"member":               {info(t, "mac", cluster(2), true), nil},
		"itself":               {self, nil},
		"older":                {info(t, "mac", cluster(1), true), nil},
		"newer":                {info(t, "mac", cluster(3), true), events.ErrStaleMap},
		"differs":              {info(t, "mac", cluster(2, "pi"), true), events.ErrStaleMap},
		"name":                 {info(t, "linux", cluster(2), true), events.ErrNameTaken},
		"cluster":              {info(t, "mac", foreign, true), events.ErrConfig},
		"what no node can say": {lying, nil},
	} {
		if err := table.Conflict(tt.info); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// TestTable_Younger compares uptimes, then runs.
func TestTable_Younger(t *testing.T) {
	self := members.Self{Name: "linux", Run: version(noon), Started: noon.Add(-time.Minute)}
	table := members.New(self, law(t, cluster(1)))
	for _, tt := range []struct {
		uptime time.Duration
		run    events.Version
		want   bool
	}{
		{time.Second, version(noon.Add(time.Hour)), false},
		{time.Hour, version(noon.Add(-time.Hour)), true},
		{time.Minute, version(noon.Add(-time.Hour)), true},
		{time.Minute, version(noon.Add(time.Hour)), false},
	} {
		other := events.Info{ID: tt.run, UptimeMS: tt.uptime.Milliseconds()}
		if got := table.Younger(other, noon); got != tt.want {
			t.Errorf("beside a run of %v it is the younger one: %v, want %v", tt.uptime, got, tt.want)
		}
	}
}

// TestTable_Yield says what a newer map means, by who names it.
func TestTable_Yield(t *testing.T) {
	foreign, unlike := cluster(9), info(t, "mac", cluster(9), true)
	foreign.Name, unlike.Cluster.Epoch = "else", 8
	for name, tt := range map[string]struct {
		info   events.Info
		effect members.Effect
	}{
		"a member":             {info(t, "mac", cluster(3), true), members.Superseded},
		"a newcomer":           {info(t, "pi", cluster(3, "pi"), true), members.Doubted},
		"one it does not name": {info(t, "pi", cluster(3), true), members.Unchanged},
		"in its own name":      {info(t, "linux", cluster(3), true), members.Unchanged},
		"the same":             {info(t, "mac", cluster(2), true), members.Unchanged},
		"another, same epoch":  {info(t, "mac", cluster(2, "pi"), true), members.Unchanged},
		"older":                {info(t, "mac", cluster(1), true), members.Unchanged},
		"another cluster":      {info(t, "mac", foreign, true), members.Unchanged},
		"not what it names":    {unlike, members.Unchanged},
		"nothing at all":       {events.Info{}, members.Unchanged},
	} {
		table := table(t, cluster(2))
		if got := table.Yield(tt.info, noon); got != tt.effect {
			t.Errorf("%s: effect %d, want %d", name, got, tt.effect)
		}
		v := table.View()
		if (v.Newer != nil) != (tt.effect == members.Superseded) || v.Doubted(noon) != (tt.effect == members.Doubted) {
			t.Errorf("%s: newer %v, doubted %v", name, v.Newer, v.Doubted(noon))
		}
		if v.Doubted(noon.Add(2 * time.Minute)) {
			t.Errorf("%s: it is still doubted after two minutes", name)
		}
	}
}

// TestTable_SetMap ends what spoke against the map before, and asks nobody again who
// has spoken by the new one.
func TestTable_SetMap(t *testing.T) {
	table := table(t, cluster(2))
	table.Hear(info(t, "android", cluster(2), true), events.PathNATS, noon)
	table.Yield(info(t, "pi", cluster(3, "pi"), true), noon)
	if got := table.Yield(info(t, "mac", cluster(3, "pi"), true), noon); got != members.Superseded {
		t.Fatalf("effect %d", got)
	}
	if got := table.Yield(info(t, "mac", cluster(3, "pi"), true), noon); got != members.Unchanged {
		t.Errorf("said again it has effect %d", got)
	}
	table.SetMap(law(t, cluster(3, "pi")))
	v := table.View()
	if v.Newer != nil || v.Doubted(noon) || v.Map.Epoch() != 3 || fmt.Sprint(v.Unclean) != "[android pi]" {
		t.Errorf("after the newer map was set: %+v", v)
	}
	table.Yield(info(t, "android", cluster(9), true), noon)
	table.SetMap(law(t, cluster(4)))
	if v := table.View(); v.Newer == nil || v.Newer.Epoch != 9 {
		t.Errorf("a map newer still is forgotten: %+v", v)
	}
}

// TestTable_Properties has nodes say and take anything, in any order: the table is
// always what a simple model says.
func TestTable_Properties(t *testing.T) {
	var laws []events.Cluster
	for epoch := range uint64(5) {
		laws = append(laws, cluster(epoch+1), cluster(epoch+1, "pi"))
	}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		mine := laws[r.IntN(len(laws))]
		table, clean, floor := table(t, mine), map[string]events.MapID{}, events.Version{}
		var before *members.View
		for range 60 {
			by, now := laws[r.IntN(len(laws))], noon.Add(time.Duration(r.IntN(1e6)))
			i := info(t, []string{"linux", "mac", "android", "pi"}[r.IntN(4)], by, r.IntN(2) == 0)
			i.Newest = version(now)
			known := slices.ContainsFunc(mine.Nodes, func(m events.Member) bool { return m.Name == i.Node }) && i.Node != "linux"
			switch r.IntN(8) {
			case 0:
				mine = by
				table.SetMap(law(t, by))
				for name := range clean {
					if table.View().Map.Index(name) < 0 {
						delete(clean, name)
					}
				}
			case 1:
				if table.Yield(i, now) == members.Superseded {
					clean[i.Node] = cleanBy(i)
				}
			default:
				table.Hear(i, events.PathTCP, now)
				if known {
					clean[i.Node] = cleanBy(i)
				}
				if known && !i.Clean && i.Newest.Compare(floor) > 0 {
					floor = i.Newest
				}
			}
			v, want := table.View(), []string(nil)
			for _, m := range mine.Nodes {
				if mine.Epoch > 1 && m.Name != "linux" && clean[m.Name] != v.Map.ID() {
					want = append(want, m.Name)
				}
			}
			if !slices.Equal(v.Unclean, want) || v.Floor != floor {
				t.Fatalf("seed %d: not clean are %v above %s, want %v above %s", seed, v.Unclean, v.Floor, want, floor)
			}
			if before != nil && before.Map == v.Map && before.Newer != nil &&
				(v.Newer == nil || v.Newer.Epoch < before.Newer.Epoch) {
				t.Fatalf("seed %d: the newer map went from %v to %v", seed, before.Newer, v.Newer)
			}
			if v.Newer != nil && v.Newer.Epoch <= v.Map.Epoch() {
				t.Fatalf("seed %d: %v is said to be newer than %v", seed, v.Newer, v.Map.ID())
			}
			before = v
		}
	}
}

func cleanBy(i events.Info) events.MapID {
	if i.Clean {
		return i.Map
	}
	return events.MapID{}
}

// TestTable_Claims believes what nobody denies in time, in whatever order both come.
func TestTable_Claims(t *testing.T) {
	mac := info(t, "mac", cluster(9), true)
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	for name, tt := range map[string]struct {
		say  func(*members.Table)
		want int
	}{
		"nobody denies":    {func(m *members.Table) { m.Claim("q", mac, at(0)) }, 1},
		"claimed twice":    {func(m *members.Table) { m.Claim("q", mac, at(0)); m.Claim("q", mac, at(100)) }, 1},
		"two questions":    {func(m *members.Table) { m.Claim("q", mac, at(0)); m.Claim("p", mac, at(0)) }, 2},
		"denied":           {func(m *members.Table) { m.Claim("q", mac, at(0)); m.Deny("q", at(100)) }, 0},
		"denied before":    {func(m *members.Table) { m.Deny("q", at(0)); m.Claim("q", mac, at(100)) }, 0},
		"another's denial": {func(m *members.Table) { m.Claim("q", mac, at(0)); m.Deny("p", at(0)) }, 1},
		"claimed in anger": {func(m *members.Table) {
			for i := range 1000 {
				m.Claim(fmt.Sprint(i), mac, at(0))
			}
		}, 16},
	} {
		table := table(t, cluster(2))
		tt.say(table)
		if early, waiting := table.Undenied(at(199)); len(early) != 0 || !waiting {
			t.Errorf("%s: %d believed too early, waiting %v", name, len(early), waiting)
		}
		if got, waiting := table.Undenied(at(200)); len(got) != tt.want || waiting {
			t.Errorf("%s: %d believed, waiting %v, want %d", name, len(got), waiting, tt.want)
		}
		if again, _ := table.Undenied(at(900)); len(again) != 0 {
			t.Errorf("%s: %d believed again", name, len(again))
		}
	}
}

// TestTable_Lately forgets what was met after a minute, and all when it is too much.
func TestTable_Lately(t *testing.T) {
	table, run := table(t, cluster(2)), version(noon)
	later := func(d time.Duration) time.Time { return noon.Add(d) }
	if table.HasAsked(run, noon) || !table.NoteAsker(run, noon) || table.NoteAsker(run, later(50*time.Second)) {
		t.Error("a run that asks is new once")
	}
	if !table.HasAsked(run, later(109*time.Second)) || table.HasAsked(run, later(110*time.Second)) {
		t.Error("it is forgotten a minute after it has asked last")
	}
	if !table.Report(run, noon) || table.Report(run, later(59*time.Second)) || !table.Report(run, later(time.Minute)) {
		t.Error("a run in conflict is reported once a minute")
	}
	other := events.MapID{Epoch: 7}
	if !table.Mismatch(other, noon) || table.Mismatch(other, later(time.Second)) {
		t.Error("another map is reported once")
	}
	for i := range uint64(64) {
		table.Mismatch(events.MapID{Epoch: 7, Hash: i + 1}, noon)
	}
	if !table.Mismatch(other, later(time.Second)) {
		t.Error("after many others it is not reported again")
	}
}

// TestBackoff_Doubles up to a bound, however many tries there were.
func TestBackoff_Doubles(t *testing.T) {
	for tries, want := range map[int]time.Duration{
		-1: 100 * time.Millisecond, 0: 100 * time.Millisecond, 1: 100 * time.Millisecond, 2: 200 * time.Millisecond,
		8: 12800 * time.Millisecond, 9: 15 * time.Second, 10: 15 * time.Second, 1 << 40: 15 * time.Second,
	} {
		if got := members.Backoff(tries); got != want {
			t.Errorf("after %d tries it waits %v, want %v", tries, got, want)
		}
	}
}
