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
