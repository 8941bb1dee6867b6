package nodetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dht/events"
	"dht/nodes/placement"
)

func putGetDelete(p *probe) {
	for _, key := range []string{"l1", "m1", "a1"} {
		p.want(events.OpGet, request(key), "", events.ErrNotFound)
		p.put(key, "one")
		p.get(key, "one")
		p.put(key, "two")
		p.get(key, "two")
		p.want(events.OpDelete, request(key), events.StatusDeleted, "")
		p.want(events.OpGet, request(key), "", events.ErrNotFound)
		p.want(events.OpDelete, request(key), events.StatusAbsent, "")
	}
	a := p.one("linux", events.OpPut, request("m1"), events.StatusNotStored, "")
	if a.Reason != `does not begin with "l"` || !slices.Equal(a.Owners, []string{"mac"}) || a.Owner != 0 {
		p.Errorf("linux refuses with %+v", a)
	}
	p.one("linux", events.OpGet, request("l1"), events.StatusDeleted, "")
	p.one("linux", events.OpGet, request("l2"), events.StatusAbsent, "")
}

func anyBytes(p *probe) {
	for _, key := range []string{"\x00", "\xff\xfe", "l\r\n$3\r\n", `m"\` + "\n", strings.Repeat("\x80", events.MaxKey), "l ", "*"} {
		for _, value := range []string{"", "\x00", "\r\n", "{}\n", strings.Repeat("\xff", 100_000)} {
			p.put(key, value)
			p.get(key, value)
		}
	}
}

func limits(p *probe) {
	p.put("l"+strings.Repeat("k", events.MaxKey-1), "v")
	p.one("linux", events.OpPut, request("l"+strings.Repeat("k", events.MaxKey)), events.StatusError, events.ErrBadRequest)
	p.one("linux", events.OpPut, request(""), events.StatusError, events.ErrBadRequest)
	large := events.Request{Key: []byte("l"), Value: bytes.Repeat([]byte("v"), events.MaxValue)}
	p.one("linux", events.OpPut, large, events.StatusStored, "")
	if got := p.one("linux", events.OpGet, request("l"), events.StatusFound, ""); len(got.Value) != events.MaxValue {
		p.Errorf("%d bytes came back", len(got.Value))
	}
	large.Value = append(large.Value, 'v')
	p.one("linux", events.OpPut, large, events.StatusError, events.ErrTooLarge)
}

func versions(p *probe) {
	older, newer := p.stamped(-time.Second), p.stamped(0)
	write := events.Request{Key: []byte("l1"), Value: []byte("new"), Version: newer}
	for range 2 { // the same bytes again are the same write
		if a := p.one("linux", events.OpPut, write, events.StatusStored, ""); a.Version != newer {
			p.Errorf("stored as %s, want %s", a.Version, newer)
		}
	}
	write.Version = older
	if a := p.one("linux", events.OpPut, write, events.StatusSuperseded, ""); a.Version != newer {
		p.Errorf("superseded by %s, want %s", a.Version, newer)
	}
	p.one("linux", events.OpDelete, events.Request{Key: write.Key, Version: older}, events.StatusSuperseded, "")
	write.Version = p.stamped(time.Second)
	p.one("linux", events.OpPut, write, events.StatusError, events.ErrClockAhead)
	write.Version = p.stamped(-2 * time.Minute)
	if a := p.one("linux", events.OpPut, write, events.StatusError, events.ErrLate); a.Time == 0 {
		p.Error("the refusal does not tell the node's time")
	}
	p.get("l1", "new")
}

func expiry(p *probe) {
	at := p.cluster.Now().Add(time.Second).UnixMilli()
	p.want(events.OpPut, events.Request{Key: []byte("m1"), Value: []byte("v"), Expires: at}, events.StatusStored, "")
	if a := p.one("mac", events.OpGet, request("m1"), events.StatusFound, ""); a.Expires != at {
		p.Errorf("expires %d, want %d", a.Expires, at)
	}
	p.cluster.Advance(time.Second)
	p.one("mac", events.OpGet, request("m1"), events.StatusDeleted, "")
	p.want(events.OpDelete, request("m1"), events.StatusAbsent, "")
	p.one("mac", events.OpPut, events.Request{Key: []byte("m1"), Expires: -1}, events.StatusError, events.ErrBadRequest)
}

func deadlineAndMap(p *probe) {
	r := request("a1")
	r.Deadline = p.cluster.Now().Add(-time.Millisecond).UnixMilli()
	p.one("android", events.OpPut, r, events.StatusError, events.ErrLate)
	r.Deadline = p.cluster.Now().Add(time.Minute).UnixMilli()
	r.Map = p.cluster.Map.ID()
	p.one("android", events.OpPut, r, events.StatusStored, "")
	r.Map.Hash++
	p.one("android", events.OpPut, r, events.StatusStaleMap, events.ErrStaleMap)
}

func severalEntries(p *probe) {
	var puts, gets []events.Request
	for i := range 50 {
		key := []byte(fmt.Sprintf("l%d", i))
		puts = append(puts, events.Request{Key: key, Value: key})
		gets = append(gets, events.Request{Key: key})
	}
	puts[7].Key, gets[7].Key = []byte("m"), []byte("m")
	for i, a := range p.ask("linux", events.OpPut, puts...) {
		if want := a.Status == events.StatusStored; want == (i == 7) {
			p.Errorf("entry %d is %s", i, a.Status)
		}
	}
	answers := p.ask("linux", events.OpGet, gets...)
	if len(answers) != len(gets) {
		p.Fatalf("%d answers to %d entries", len(answers), len(gets))
	}
	for i, a := range answers {
		if i != 7 && string(a.Value) != string(puts[i].Value) {
			p.Errorf("entry %d holds %q", i, a.Value)
		}
	}
}

func listing(p *probe) {
	for i := range 5 {
		p.put(fmt.Sprintf("l%d", i), strings.Repeat("x", i))
		p.put(fmt.Sprintf("m%d", i), "")
	}
	p.want(events.OpDelete, request("l2"), events.StatusDeleted, "")
	page := p.ask("linux", events.OpKeys, events.Request{Prefix: []byte("l"), Limit: 3})
	if got := listed(page); got != "l0:0 l1:1 l3:3 more" {
		p.Errorf("first page %s", got)
	}
	page = p.ask("linux", events.OpKeys, events.Request{After: []byte("l3")})
	if got := listed(page); got != "l4:4" {
		p.Errorf("second page %s", got)
	}
	if got := listed(p.ask("android", events.OpKeys, events.Request{})); got != "" {
		p.Errorf("android lists %s", got)
	}
}

func listed(answers []events.Answer) string {
	var words []string
	for _, a := range answers {
		switch {
		case len(a.Key) > 0:
			words = append(words, fmt.Sprintf("%s:%d", a.Key, a.Bytes))
		case a.More:
			words = append(words, "more")
		}
	}
	return strings.Join(words, " ")
}

func garbage(p *probe) {
	for _, message := range []string{"hello", `{"key":`, `{"key":"a","size":-1}`, `{"key":"a","size":10}` + "\nshort", "\x00\xff", `{"key":"a"}x`} {
		reply, err := p.path.Ask(p.Context(), "linux", events.OpPut, []byte(message))
		if err != nil {
			p.Fatalf("%q: %v", message, err)
		}
		answers, err := events.DecodeAnswers(reply)
		if err != nil || len(answers) != 1 || answers[0].Code != events.ErrBadRequest || answers[0].Node != "linux" {
			p.Errorf("%q is answered %q, %v", message, reply, err)
		}
	}
}

// alienFields: what a node does not understand is refused by name, and not done.
func alienFields(p *probe) {
	p.put("l1", "stays")
	for message, field := range map[string]string{
		`put {"key":"l1","value":"v","ttl":60}`:                                           "ttl",
		`put {"key":"l1","value":"v","nx":true}`:                                          "nx",
		`put {"key":"l1","value":"v","Expires":1}`:                                        "Expires",
		`put {"key":"l1","value":"v","limit":1}`:                                          "limit",
		`put {"key":"l1","value":"v","if":"absent"}`:                                      "if",
		`put {"key":"l1","value":"v","expires":"soon"}`:                                   "expires",
		`put {"key":"l1","value":"v","expires":-1}`:                                       "expires",
		`put {"key":"l1","value":"v","to":"linux"}`:                                       "to",
		`put {"key":"l1","size":1}` + "\nv" + `{"key":"l2","nx":true}`:                    "nx",
		`get {"key":"l1","expires":1}`:                                                    "expires",
		`delete {"key":"l1","if":"present"}`:                                              "if",
		`keys {"key":"l1"}`:                                                               "key",
		`info {"verbose":true}`:                                                           "verbose",
		`update {"key":"l1","update":"set","value":"v","xx":true}`:                        "xx",
		`update {"key":"l1","update":"touch","value":"v","expires":1}`:                    "value",
		`update {"key":"l1","update":"delete","version":"` + p.stamped(0).String() + `"}`: "version",
	} {
		op, message, _ := strings.Cut(message, " ")
		reply, err := p.path.Ask(p.Context(), "linux", events.Op(op), []byte(message))
		if err != nil {
			p.Fatalf("%s %s: %v", op, message, err)
		}
		answers, err := events.DecodeAnswers(reply)
		if err != nil || len(answers) != 1 || answers[0].Code != events.ErrBadRequest || !strings.Contains(answers[0].Error, fmt.Sprintf("field %q", field)) {
			p.Errorf("%s %s is answered %q, %v", op, message, reply, err)
		}
	}
	p.get("l1", "stays")
	p.want(events.OpGet, request("l2"), "", events.ErrNotFound)
	reply, err := p.path.Ask(p.Context(), "linux", events.OpPut, []byte(`{"key":"l1","value":"new","x-trace":{"a":[1]},"limit":null,"id":"r1","brief":true,"sent":1}`))
	if err != nil || !strings.Contains(string(reply), `"stored"`) {
		p.Errorf("a put with fields of the sender's own is answered %q, %v", reply, err)
	}
	p.get("l1", "new")
}

// clocks: no version from outside moves a node's clock far, and nothing is lost by
// one.
func clocks(p *probe) {
	last, err := events.ParseVersion([]byte("ffffffff-ffff-7fff-bfff-ffffffffffff"))
	if err != nil {
		p.Fatal(err)
	}
	for _, v := range []events.Version{last, p.stamped(time.Hour), p.stamped(time.Second)} {
		write := events.Request{Key: []byte("l1"), Value: []byte("x"), Version: v}
		p.one("linux", events.OpPut, write, events.StatusError, events.ErrClockAhead)
		p.one("linux", events.OpDelete, events.Request{Key: write.Key, Version: v}, events.StatusError, events.ErrClockAhead)
		write.Update = events.UpdateInstall
		if a := p.one("linux", events.OpUpdate, write, events.StatusError, events.ErrClockAhead); a.Time == 0 {
			p.Error("the refusal does not tell the node's time")
		}
		sum := p.update("linux", events.Request{Key: []byte("l2"), Value: []byte("1"), Update: events.UpdateAdd}, events.StatusStored, "")
		if off := sum.Version.Time().Sub(p.cluster.Now()); off > events.MaxAhead {
			p.Errorf("after %s versions are stamped %v ahead", v, off)
		}
	}
	p.change(Three(1, 1))
	p.get("l2", "3")
	p.want(events.OpGet, request("l1"), "", events.ErrNotFound)
}

// newerMap: a node that runs on under an older map says nothing is absent, and
// stores nothing.
func newerMap(p *probe) {
	p.put("l1", "one")
	p.put("m1", "two")
	info := p.cluster.Nodes["mac"].Info()
	info.Cluster.Epoch++
	m, err := placement.New(info.Cluster)
	if err != nil {
		p.Fatal(err)
	}
	info.Map = m.ID()
	p.cluster.Nodes["linux"].Yield(info)
	for name, want := range map[string]error{"linux": events.ErrStaleMap, "mac": nil} {
		if err := p.cluster.Nodes[name].Ready(); !errors.Is(err, want) {
			p.Errorf("whether %s is ready: %v", name, err)
		}
	}
	for _, key := range []string{"l1", "l2"} {
		p.one("linux", events.OpGet, request(key), events.StatusStaleMap, events.ErrStaleMap)
		p.one("linux", events.OpPut, request(key), events.StatusStaleMap, events.ErrStaleMap)
		for _, op := range []events.Op{events.OpGet, events.OpPut, events.OpDelete} {
			p.want(op, request(key), "", events.ErrStaleMap)
		}
	}
	p.get("m1", "two")
	if got := listed(p.ask("linux", events.OpKeys, events.Request{})); got != "l1:3" {
		p.Errorf("linux lists %s", got)
	}
}
