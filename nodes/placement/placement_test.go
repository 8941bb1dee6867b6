package placement_test

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"dht/events"
	"dht/nodes/placement"
)

func TestParseRule_RoundTrip(t *testing.T) {
	for text, want := range map[string]string{
		"md5 % 2 == 0":             "md5 % 2 == 0",
		"md5%2==0":                 "md5 % 2 == 0",
		"sha256 % 100 in 0..24":    "sha256 % 100 in 0..24",
		"sha256 % 100 in 24 .. 24": "sha256 % 100 == 24",
		"  xxh3 %  7 == 6 ":        "xxh3 % 7 == 6",
		"sha512 % 1 == 0":          "sha512 % 1 == 0",
		`prefix "eu/"`:             `prefix "eu/"`,
		`prefix "say \"hi\" \xff"`: `prefix "say \"hi\" \xff"`,
		"otherwise":                "otherwise",
		"otherwise weight 1":       "otherwise",
		"otherwise weight 2":       "otherwise weight 2",
		"sha1 % 9223372036854775808 == 9223372036854775807": "sha1 % 9223372036854775808 == 9223372036854775807",
	} {
		rule, err := placement.ParseRule(text)
		if err != nil {
			t.Errorf("ParseRule(%q): %v", text, err)
			continue
		}
		if rule.String() != want {
			t.Errorf("ParseRule(%q).String() = %q, want %q", text, rule, want)
		}
		again, err := placement.ParseRule(rule.String())
		if err != nil || again != rule {
			t.Errorf("ParseRule(%q) = %v, %v: not the rule it was printed from", rule, again, err)
		}
	}
}

func TestParseRule_ErrorsPointAtTheColumn(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "column 1: expected md5, sha1, sha256, sha512, xxh3, prefix or otherwise, found the end",
		"md4 % 2 == 0":          `column 1: expected md5, sha1, sha256, sha512, xxh3, prefix or otherwise, found "md4"`,
		"md5 2":                 `column 5: expected "%", found "2"`,
		"md5 % x":               `column 7: expected a modulus, found "x"`,
		"md5 % 0 == 0":          "column 7: a modulus here is 1 to 9223372036854775808, not 0",
		"md5 % 2 = 0":           `column 9: expected "==" or "in", found "="`,
		"md5 % 2 == 2":          "column 12: a remainder here is 0 to 1, not 2",
		"md5 % 10 in 5..4":      "column 16: a remainder here is 5 to 9, not 4",
		"md5 % 10 in 5":         `column 14: expected "..", found the end`,
		"md5 % 2 == 0 or":       `column 14: expected the end of the rule, found "or"`,
		"md5 % 2 == -1":         `column 12: expected a remainder, found "-1"`,
		"prefix eu/":            `column 8: expected a text in double quotes`,
		`prefix ""`:             "column 8: an empty prefix would claim every key",
		`prefix "eu`:            `column 8: expected a text in double quotes`,
		"otherwise weight":      "column 17: expected a weight, found the end",
		"otherwise weight 1001": "column 18: a weight here is 1 to 1000, not 1001",
		"otherwise heavy":       `column 11: expected weight or the end of the rule, found "heavy"`,
	} {
		_, err := placement.ParseRule(text)
		if !errors.Is(err, events.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseRule(%q) = %v, want %q", text, err, want)
		}
	}
}

func FuzzParseRule(f *testing.F) {
	for _, seed := range []string{"md5 % 2 == 0", "sha256 % 100 in 0..24", `prefix "eu/"`, "otherwise weight 2", `prefix "\xff"`, "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rule, err := placement.ParseRule(text)
		if err != nil {
			return
		}
		again, err := placement.ParseRule(rule.String())
		if err != nil || again != rule {
			t.Fatalf("%q parses as %q, which parses as %q, %v", text, rule, again, err)
		}
	})
}

// three is the cluster of the example: linux, mac and android.
func three(copies events.Copies) events.Cluster {
	return cluster(copies, "linux: md5 % 2 == 0", "mac: sha1 % 3 == 0", "android: otherwise")
}

func cluster(copies events.Copies, nodes ...string) events.Cluster {
	c := events.Cluster{Name: "three", Epoch: 1, Copies: copies}
	for _, n := range nodes {
		name, rule, _ := strings.Cut(n, ": ")
		c.Nodes = append(c.Nodes, events.Member{Name: name, Rule: rule})
	}
	return c
}

func mustMap(t testing.TB, c events.Cluster) *placement.Map {
	t.Helper()
	m, err := placement.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOwners_FirstClaimantInMapOrder(t *testing.T) {
	m := mustMap(t, three(1))
	for i := range 2000 {
		key := []byte(fmt.Sprint("key-", i))
		want := "android"
		switch {
		case bigResidue(placement.MD5, key, 2) == 0:
			want = "linux"
		case bigResidue(placement.SHA1, key, 3) == 0:
			want = "mac"
		}
		if got := m.Names(m.Owners(key, nil)); !slices.Equal(got, []string{want}) {
			t.Fatalf("owners of %q: %v, want %s", key, got, want)
		}
	}
}

// bigResidue computes a residue the slow way, from the printed hash.
func bigResidue(h placement.Hash, key []byte, m uint64) uint64 {
	n, _ := new(big.Int).SetString(h.Hex(key), 16)
	return n.Mod(n, new(big.Int).SetUint64(m)).Uint64()
}

func TestRule_AgainstBigInt(t *testing.T) {
	for _, h := range placement.Hashes() {
		for _, m := range []uint64{1, 2, 3, 7, 64, 100, 1<<32 + 1, 1<<63 - 25, 1 << 63} {
			for i := range 50 {
				key := []byte(fmt.Sprint(i))
				rule := fmt.Sprintf("%s %% %d == %d", h, m, bigResidue(h, key, m))
				e := mustParse(t, cluster(1, "n: "+rule)).Explain(key)
				if !e.Trials[0].Claims || e.Trials[0].Why != rule {
					t.Fatalf("%s should claim %q: %+v", rule, key, e.Trials[0])
				}
			}
		}
	}
}

func mustParse(t testing.TB, c events.Cluster) *placement.Map {
	t.Helper()
	m, err := placement.Parse(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestHash_KnownAnswers holds the hashes to values from md5sum, sha1sum,
// sha256sum, sha512sum and xxhsum -H3.
func TestHash_KnownAnswers(t *testing.T) {
	for h, want := range map[placement.Hash]string{
		placement.MD5:    "5d41402abc4b2a76b9719d911017c592",
		placement.SHA1:   "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
		placement.SHA256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
		placement.SHA512: "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
		placement.XXH3:   "9555e8555c62dcfd",
	} {
		if got := h.Hex([]byte("hello")); got != want {
			t.Errorf("%s of hello = %s, want %s", h, got, want)
		}
	}
}

func TestPreference_ClaimantsThenOtherwiseThenRest(t *testing.T) {
	m := mustMap(t, cluster(1, "a: md5 % 2 == 0", "b: otherwise", "c: sha1 % 2 == 0", "d: otherwise weight 3", "e: prefix \"eu/\""))
	for i := range 500 {
		key := []byte(fmt.Sprint("eu/", i))
		if i%2 == 0 {
			key = key[3:]
		}
		list := m.Preference(key)
		if sorted := slices.Sorted(slices.Values(list)); !slices.Equal(sorted, []int{0, 1, 2, 3, 4}) {
			t.Fatalf("preference of %q is %v: not every node once", key, list)
		}
		group := func(place int) int {
			switch e := m.Explain(key).Trials[place]; {
			case strings.HasPrefix(e.Rule, "otherwise"):
				return 1
			case e.Claims:
				return 0
			}
			return 2
		}
		if !slices.IsSortedFunc(list, func(a, b int) int { return group(a) - group(b) }) {
			t.Fatalf("preference of %q is %v: groups out of order", key, m.Names(list))
		}
		claimed := slices.DeleteFunc(slices.Clone(list), func(p int) bool { return group(p) != 0 })
		if !slices.IsSorted(claimed) {
			t.Fatalf("claimants of %q are %v: not in map order", key, m.Names(claimed))
		}
	}
}

func TestOwners_ArePrefixOfPreference(t *testing.T) {
	for copies := events.Copies(1); copies <= 3; copies++ {
		m := mustMap(t, three(copies))
		for i := range 300 {
			key := []byte(fmt.Sprint(i))
			if got, want := m.Owners(key, nil), m.Preference(key)[:copies]; !slices.Equal(got, want) {
				t.Fatalf("copies %d, key %q: owners %v, preference %v", copies, key, got, want)
			}
		}
	}
}

func TestOwners_EveryMatch(t *testing.T) {
	m := mustMap(t, three(events.EveryMatch))
	twice := 0
	for i := range 6000 {
		key := []byte(fmt.Sprint(i))
		var want []string
		if bigResidue(placement.MD5, key, 2) == 0 {
			want = append(want, "linux")
		}
		if bigResidue(placement.SHA1, key, 3) == 0 {
			want = append(want, "mac")
		}
		if want == nil {
			want = []string{"android"}
		}
		if got := m.Names(m.Owners(key, nil)); !slices.Equal(got, want) {
			t.Fatalf("owners of %q: %v, want %v", key, got, want)
		}
		if len(want) == 2 {
			twice++
		}
	}
	if twice < 900 || twice > 1100 {
		t.Errorf("%d of 6000 keys live twice, want about 1000", twice)
	}
}

func TestRendezvous_WeightsAndStability(t *testing.T) {
	before := mustMap(t, cluster(1, "a: otherwise", "b: otherwise weight 2", "c: otherwise weight 3"))
	after := mustMap(t, cluster(1, "a: otherwise", "b: otherwise weight 2", "c: otherwise weight 3", "d: otherwise weight 2"))
	const keys = 60_000
	won, moved := map[string]int{}, 0
	for i := range keys {
		key := []byte(fmt.Sprint("k", i))
		was, is := before.Names(before.Owners(key, nil))[0], after.Names(after.Owners(key, nil))[0]
		won[was]++
		if was != is {
			moved++
			if is != "d" {
				t.Fatalf("%q moved from %s to %s, though only d is new", key, was, is)
			}
		}
	}
	for name, weight := range map[string]int{"a": 1, "b": 2, "c": 3} {
		if want := keys * weight / 6; won[name] < want*97/100 || won[name] > want*103/100 {
			t.Errorf("%s of weight %d won %d of %d keys, want about %d", name, weight, won[name], keys, want)
		}
	}
	if want := keys / 4; moved < want*96/100 || moved > want*104/100 {
		t.Errorf("%d keys moved to d, want about %d", moved, want)
	}
}

func TestJudge_EveryNodeKnowsWhy(t *testing.T) {
	m := mustMap(t, three(1))
	for i := range 200 {
		key := []byte(fmt.Sprint(i))
		md5, sha1 := bigResidue(placement.MD5, key, 2), bigResidue(placement.SHA1, key, 3)
		var want [3]string
		switch {
		case md5 == 0 && sha1 == 0:
			want = [3]string{"", "linux comes first", "linux comes first"}
		case md5 == 0:
			want = [3]string{"", fmt.Sprint("sha1 % 3 == ", sha1), "linux comes first"}
		case sha1 == 0:
			want = [3]string{"md5 % 2 == 1", "", "mac comes first"}
		default:
			want = [3]string{"md5 % 2 == 1", fmt.Sprint("sha1 % 3 == ", sha1), ""}
		}
		for place := range 3 {
			v := m.Judge(place, key)
			if v.Reason != want[place] || (v.Owner == 1) != (want[place] == "") || v.Owner != m.Ordinal(place, key) {
				t.Fatalf("node %d judges %q as %+v, want reason %q", place, key, v, want[place])
			}
			if v.Owner == 0 && !slices.Equal(v.Owners, m.Names(m.Owners(key, nil))) {
				t.Fatalf("node %d names owners %v", place, v.Owners)
			}
		}
	}
}

func TestNew_RefusesBadMaps(t *testing.T) {
	zero := three(1)
	zero.Epoch = 0
	for name, tt := range map[string]struct {
		cluster events.Cluster
		want    string
	}{
		"gap":       {cluster(1, "a: md5 % 2 == 0", "b: sha1 % 3 == 0"), `nobody would keep "`},
		"tiny gap":  {cluster(1, "a: md5 % 1000 in 0..998"), `nobody would keep "`},
		"unproven":  {cluster(1, "a: md5 % 9223372036854775808 in 1..9223372036854775807"), "add a node with the rule otherwise"},
		"prefixes":  {cluster(1, `a: prefix "x"`), `nobody would keep "0"`},
		"twice":     {cluster(1, "a: otherwise", "a: md5 % 2 == 0"), `two nodes are named "a"`},
		"name":      {cluster(1, "A: otherwise"), `node name "A"`},
		"rule":      {cluster(1, "a: otherwise", "b: md5"), "node b: config: rule"},
		"copies":    {cluster(4, "a: otherwise"), "copies = 4, but there are only 1 nodes"},
		"no copies": {cluster(0, "a: otherwise"), "copies = 0"},
		"empty":     {cluster(1), "no nodes"},
		"epoch":     {zero, "epoch"},
	} {
		_, err := placement.New(tt.cluster)
		if !errors.Is(err, events.ErrConfig) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	covered := cluster(1, "a: md5 % 3 in 0..1", "b: md5 % 6 == 2", "c: md5 % 6 == 5")
	if _, err := placement.New(covered); err != nil {
		t.Errorf("rules without a gap are refused: %v", err)
	}
}

func TestMap_IDChangesWithContent(t *testing.T) {
	base := mustMap(t, three(1)).ID()
	if again := mustMap(t, three(1)).ID(); again != base {
		t.Errorf("the same map has ids %s and %s", base, again)
	}
	if spelt := mustMap(t, cluster(1, "linux: md5%2==0", "mac: sha1 % 3 == 0", "android: otherwise weight 1")).ID(); spelt != base {
		t.Errorf("blanks change the id: %s and %s", base, spelt)
	}
	for _, other := range []events.Cluster{
		three(2),
		cluster(1, "mac: sha1 % 3 == 0", "linux: md5 % 2 == 0", "android: otherwise"),
		cluster(1, "linux: md5 % 2 == 1", "mac: sha1 % 3 == 0", "android: otherwise"),
	} {
		if id := mustMap(t, other).ID(); id == base || id.Epoch != 1 {
			t.Errorf("%v has id %s like the base map %s", other, id, base)
		}
	}
	if back := mustMap(t, mustMap(t, three(1)).Cluster()).ID(); back != base {
		t.Errorf("Map.Cluster makes another map: %s and %s", back, base)
	}
}

func BenchmarkOwners(b *testing.B) {
	m := mustMap(b, three(1))
	keys := make([][]byte, 1024)
	for i := range keys {
		keys[i] = []byte(fmt.Sprintf("key:%012d", i*7919))
	}
	var room [4]int
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Owners(keys[i%len(keys)], room[:0])
	}
}
