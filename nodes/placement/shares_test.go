package placement_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"dht/events"
	"dht/nodes/placement"
)

// summary prints shares as "name claims share" lines and overlaps.
func summary(s placement.Shares) string {
	var b strings.Builder
	for _, n := range s.Nodes {
		fmt.Fprintf(&b, "%s %s %s; ", n.Name, n.Claims.RatString(), n.Share.RatString())
	}
	for _, o := range s.Overlaps {
		fmt.Fprintf(&b, "%s %s; ", strings.Join(o.Nodes, "+"), o.Share.RatString())
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func TestShares_Exact(t *testing.T) {
	for name, tt := range map[string]struct {
		cluster events.Cluster
		want    string
	}{
		"example":      {three(1), "linux 1/2 1/2; mac 1/3 1/6; android 1/3 1/3; linux+mac 1/6"},
		"two copies":   {three(2), "linux 1/2 2/3; mac 1/3 1/2; android 1/3 5/6; linux+mac 1/6"},
		"three copies": {three(3), "linux 1/2 1; mac 1/3 1; android 1/3 1; linux+mac 1/6"},
		"every match":  {three(events.EveryMatch), "linux 1/2 1/2; mac 1/3 1/3; android 1/3 1/3; linux+mac 1/6"},
		"one hash":     {cluster(1, "a: md5 % 4 == 0", "b: md5 % 6 in 0..2", "c: otherwise"), "a 1/4 1/4; b 1/2 1/3; c 5/12 5/12; a+b 1/6"},
		"huge modulus": {cluster(1, "a: sha1 % 9223372036854775808 in 0..4611686018427387903", "c: otherwise"), "a 1/2 1/2; c 1/2 1/2"},
		"weights":      {cluster(1, "a: otherwise", "b: otherwise weight 3", "c: md5 % 2 == 0"), "a 1/2 1/8; b 1/2 3/8; c 1/2 1/2"},
		"weights, two copies": {cluster(2, "a: otherwise", "b: otherwise weight 2", "c: otherwise weight 3"),
			"a 1 5/12; b 1 11/15; c 1 17/20"},
	} {
		s := mustMap(t, tt.cluster).Shares()
		if got := summary(s); got != tt.want || !s.Exact {
			t.Errorf("%s: exact %v\n got %s\nwant %s", name, s.Exact, got, tt.want)
		}
	}
}

func TestShares_ManyEqualNodesAreExact(t *testing.T) {
	c := cluster(3)
	for i := range 50 {
		c.Nodes = append(c.Nodes, events.Member{Name: fmt.Sprint("n", i), Rule: "otherwise"})
	}
	if s := mustMap(t, c).Shares(); !s.Exact || s.Nodes[7].Share.RatString() != "3/50" {
		t.Errorf("exact %v, share %s, want 3/50", s.Exact, s.Nodes[7].Share)
	}
}

// TestShares_SampledWhereNotExact counts rules whose moduli have too large a
// common multiple.
func TestShares_SampledWhereNotExact(t *testing.T) {
	s := mustMap(t, cluster(1, "a: md5 % 99991 in 0..49994", "b: md5 % 99989 in 0..33329", "c: otherwise")).Shares()
	if s.Exact {
		t.Fatal("these shares are not exact")
	}
	for i, want := range []float64{1.0 / 2, 1.0 / 6, 1.0 / 3} {
		if got, _ := s.Nodes[i].Share.Float64(); math.Abs(got-want) > 0.01 {
			t.Errorf("share of %s is %f, want about %f", s.Nodes[i].Name, got, want)
		}
	}
}

// TestShares_LeaveOutWhatAPrefixClaims: how many keys begin so is not up to the
// rules.
func TestShares_LeaveOutWhatAPrefixClaims(t *testing.T) {
	for name, big := range map[string]string{"exact": "md5 % 2 == 0", "sampled": "md5 % 99991 in 0..49994"} {
		s := mustMap(t, cluster(1, `p: prefix "3"`, "a: "+big, "b: sha1 % 99989 == 0", "c: md5 % 99989 == 1", "z: otherwise")).Shares()
		if got, _ := s.Nodes[1].Share.Float64(); math.Abs(got-0.5) > 0.01 || s.Nodes[0].Share.Sign() != 0 || !s.Nodes[0].Prefix {
			t.Errorf("%s: a keeps %f of the keys that do not begin with 3, p %s", name, got, s.Nodes[0].Share)
		}
	}
}

// TestShares_AgainstCounting holds the exact shares to what Owners really does.
func TestShares_AgainstCounting(t *testing.T) {
	for _, c := range []events.Cluster{
		three(2), three(events.EveryMatch),
		cluster(2, "a: sha256 % 10 in 0..3", "b: otherwise weight 2", "c: otherwise", "d: xxh3 % 5 == 0", "e: otherwise"),
	} {
		m := mustMap(t, c)
		counts := make([]int, m.Len())
		const keys = 40_000
		for i := range keys {
			for _, owner := range m.Owners([]byte(fmt.Sprint(i)), nil) {
				counts[owner]++
			}
		}
		for i, n := range m.Shares().Nodes {
			want, _ := n.Share.Float64()
			if got := float64(counts[i]) / keys; math.Abs(got-want) > 0.01 {
				t.Errorf("%v: %s owns %.4f of the keys, Shares says %.4f", c, n.Name, got, want)
			}
		}
	}
}

func TestShares_Gap(t *testing.T) {
	m := mustParse(t, cluster(1, "a: md5 % 2 == 0", "b: sha1 % 3 == 0"))
	if got := m.Shares().Gap.RatString(); got != "1/3" {
		t.Errorf("gap is %s, want 1/3", got)
	}
	if got := summary(m.Shares()); got != "a 1/2 1/2; b 1/3 1/6; a+b 1/6" {
		t.Errorf("with a gap the shares are %s", got)
	}
	key, gap := m.Gap()
	if !gap || bigResidue(placement.MD5, []byte(key), 2) == 0 || bigResidue(placement.SHA1, []byte(key), 3) == 0 {
		t.Errorf("Gap() = %q, %v: somebody keeps that key", key, gap)
	}
}

// many is a map of n nodes with rules of one kind.
func many(n int, copies events.Copies, rule func(i int) string) events.Cluster {
	c := cluster(copies)
	for i := range n {
		c.Nodes = append(c.Nodes, events.Member{Name: fmt.Sprint("node", i), Rule: rule(i)})
	}
	return c
}

var hashes = []string{"md5", "sha1", "sha256", "sha512", "xxh3"}

// TestGap_OfManyRules: three hundred rules cost no search through all residues, nor
// through all keys.
func TestGap_OfManyRules(t *testing.T) {
	for name, tt := range map[string]struct {
		c   events.Cluster
		gap bool
	}{
		"one modulus, all of it":      {many(300, 1, func(i int) string { return fmt.Sprintf("md5 %% 300 == %d", i) }), false},
		"one modulus, but for one":    {many(299, 1, func(i int) string { return fmt.Sprintf("md5 %% 300 == %d", i) }), true},
		"five hashes, many moduli":    {many(300, 1, func(i int) string { return fmt.Sprintf("%s %% %d == %d", hashes[i%5], 300+i, i) }), true},
		"huge moduli":                 {many(300, 1, func(i int) string { return fmt.Sprintf("sha1 %% %d in 0..%d", 1<<62+i, 1<<53) }), true},
		"halves of halves, not all":   {many(20, 1, func(i int) string { return fmt.Sprintf("md5 %% %d == %d", 2<<i, 1<<i) }), true},
		"halves of halves, and zero":  {halves(19), false},
		"one hash covers, another no": {many(301, 1, func(i int) string { return fmt.Sprintf("%s %% 300 == %d", hashes[min(i/300, 1)], i%300) }), false},
		"by two coprime moduli":       {cluster(1, "a: md5 % 1000003 in 0..500000", "b: md5 % 1000033 in 0..500000", "c: md5 % 1000003 in 500001..1000002"), false},
		"by a common multiple":        {cluster(1, "a: md5 % 2 == 0", "b: md5 % 3 == 0", "c: md5 % 6 == 1", "d: md5 % 6 == 5"), false},
		"all first bytes":             {many(256, 1, func(i int) string { return fmt.Sprintf(`prefix "\x%02x"`, i) }), false},
		"all first bytes but one":     {many(255, 1, func(i int) string { return fmt.Sprintf(`prefix "\x%02x"`, i) }), true},
		"all digits":                  {many(10, 1, func(i int) string { return fmt.Sprintf(`prefix "%d"`, i) }), true},
		"prefixes of prefixes":        {many(300, 1, func(i int) string { return fmt.Sprintf(`prefix "%c%d"`, 'a'+i%26, i) }), true},
	} {
		m := mustParse(t, tt.c)
		key, gap := m.Gap()
		if gap != tt.gap || gap != (key != "") {
			t.Errorf("%s: Gap() = %q, %v, want %v", name, key, gap, tt.gap)
			continue
		}
		for _, trial := range m.Explain([]byte(key)).Trials {
			if gap && trial.Claims {
				t.Errorf("%s: %q is claimed by %s", name, key, trial.Rule)
			}
		}
	}
}

// halves claims the odd numbers, the odd doubles, and so on n times, and what is
// left.
func halves(n int) events.Cluster {
	c := many(n, 1, func(i int) string { return fmt.Sprintf("md5 %% %d == %d", 2<<i, 1<<i) })
	c.Nodes = append(c.Nodes, events.Member{Name: "rest", Rule: fmt.Sprintf("md5 %% %d == 0", 1<<n)})
	return c
}

// TestShares_OfManyRules holds three hundred rules to what Owners does.
func TestShares_OfManyRules(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	for name, c := range map[string]events.Cluster{
		"one modulus": many(300, 1, func(i int) string { return fmt.Sprintf("md5 %% 300 == %d", i) }),
		"five hashes": many(300, 1, func(i int) string {
			if i == 299 {
				return "otherwise"
			}
			return fmt.Sprintf("%s %% %d in 0..%d", hashes[i%5], 300+i, i)
		}),
		"weights": many(20, 3, func(i int) string { return fmt.Sprintf("otherwise weight %d", 1+i) }),
	} {
		m := mustMap(t, c)
		counts := make([]int, m.Len())
		const keys = 5_000
		for i := range keys {
			for _, owner := range m.Owners([]byte(fmt.Sprint(i)), nil) {
				counts[owner]++
			}
		}
		for i, n := range m.Shares().Nodes {
			want, _ := n.Share.Float64()
			if got := float64(counts[i]) / keys; math.Abs(got-want) > 0.03 {
				t.Errorf("%s: %s owns %.4f of the keys, Shares says %.4f", name, n.Name, got, want)
			}
		}
	}
}

func BenchmarkRules(b *testing.B) {
	for name, c := range map[string]events.Cluster{
		"hashes":   many(300, 1, func(i int) string { return fmt.Sprintf("%s %% %d in 0..%d", hashes[i%5], 300+i, i%20) }),
		"coprime":  many(300, 1, func(i int) string { return fmt.Sprintf("sha512 %% %d in 0..50000", 1_000_000+i) }),
		"weights":  many(300, 3, func(i int) string { return fmt.Sprintf("otherwise weight %d", 1+3*i) }),
		"prefixes": many(300, 1, func(i int) string { return fmt.Sprintf(`prefix "%d"`, i) }),
	} {
		m, err := placement.Parse(c)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				m.Shares()
				m.Gap()
			}
		})
	}
}
