package nodetest

import (
	"slices"
	"time"

	"dht/events"
)

// update brings one update to the node that should do it.
func (p *probe) update(node string, r events.Request, status events.Status, code events.Code) events.Answer {
	p.Helper()
	return p.one(node, events.OpUpdate, r, status, code)
}

func updates(p *probe) {
	key := []byte("l1")
	set := events.Request{Key: key, Value: []byte("7"), Update: events.UpdateSet, If: events.IfAbsent, Old: true}
	if a := p.update("linux", set, events.StatusStored, ""); !a.Before.IsZero() {
		p.Errorf("something stood before: %+v", a)
	}
	if a := p.update("linux", set, events.StatusUnchanged, ""); string(a.Value) != "7" || a.Before.IsZero() {
		p.Errorf("what stands is told as %+v", a)
	}
	at := p.cluster.Now().Add(time.Minute).UnixMilli()
	p.update("linux", events.Request{Key: key, Update: events.UpdateTouch, Expires: at}, events.StatusStored, "")
	if a := p.update("linux", events.Request{Key: key, Value: []byte("35"), Update: events.UpdateAdd},
		events.StatusStored, ""); string(a.Value) != "42" || a.Expires != at {
		p.Errorf("the sum is told as %+v", a)
	}
	if a := p.update("linux", events.Request{Key: key, Value: []byte("!"), Update: events.UpdateAppend},
		events.StatusStored, ""); a.Bytes != 3 {
		p.Errorf("the length is told as %+v", a)
	}
	p.update("linux", events.Request{Key: key, Value: []byte("1"), Update: events.UpdateAdd}, events.StatusError,
		events.ErrNotNumber)
	p.get("l1", "42!")
	p.update("linux", events.Request{Key: key, To: []byte("l2"), Update: events.UpdateRename}, events.StatusStored, "")
	p.want(events.OpGet, request("l1"), "", events.ErrNotFound)
	p.get("l2", "42!")
	p.update("linux", events.Request{Key: []byte("l2"), To: []byte("m2"), Update: events.UpdateRename},
		events.StatusError, events.ErrRefused)
	p.update("linux", events.Request{Key: []byte("l2"), Update: events.UpdateDelete}, events.StatusDeleted, "")
	p.update("linux", events.Request{Key: []byte("l2"), Update: events.UpdateDelete}, events.StatusAbsent, "")
	versionSeen(p)
	p.update("linux", events.Request{Key: []byte("m1"), Update: events.UpdateDelete}, events.StatusNotStored, "")
	p.update("linux", events.Request{Key: key, Update: "nonsense"}, events.StatusError, events.ErrBadRequest)
}

// versionSeen: only what has the version that was seen is changed.
func versionSeen(p *probe) {
	key := []byte("l3")
	p.put("l3", "one")
	seen := p.one("linux", events.OpGet, request("l3"), events.StatusFound, "").Version
	set := events.Request{Key: key, Value: []byte("two"), Update: events.UpdateSet, If: events.IfVersion, Before: seen}
	now := p.update("linux", set, events.StatusStored, "").Version
	if a := p.update("linux", set, events.StatusUnchanged, ""); a.Before != now {
		p.Errorf("what stands is told as %+v, not %v", a, now)
	}
	gone := events.Request{Key: key, Update: events.UpdateDelete, If: events.IfVersion, Before: seen}
	p.update("linux", gone, events.StatusUnchanged, "")
	p.get("l3", "two")
	gone.Before = now
	p.update("linux", gone, events.StatusDeleted, "")
	p.update("linux", gone, events.StatusAbsent, "")
	set.Before = now
	if a := p.update("linux", set, events.StatusUnchanged, ""); !a.Before.IsZero() {
		p.Errorf("nothing stands, and it is told as %+v", a)
	}
	set.Before = events.Version{}
	p.update("linux", set, events.StatusError, events.ErrBadRequest)
	set.Before, set.If = now, events.IfPresent
	p.update("linux", set, events.StatusError, events.ErrBadRequest)
}

func everyMatch(p *probe) {
	p.path.Close()
	c := events.Cluster{Name: "three", Epoch: 1, Copies: events.EveryMatch, Nodes: []events.Member{
		{Name: "linux", Rule: `prefix "l"`}, {Name: "mac", Rule: `prefix "l1"`}, {Name: "android", Rule: "otherwise"}}}
	p.start(c)
	p.put("l1", "both")
	p.get("l1", "both")
	for _, node := range []string{"linux", "mac"} {
		p.one(node, events.OpGet, request("l1"), events.StatusFound, "")
	}
	p.one("android", events.OpGet, request("l1"), events.StatusNotStored, "")
	// Several owners are never one step; one owner is.
	add := events.Request{Key: []byte("l1"), Value: []byte("1"), Update: events.UpdateAdd}
	p.update("linux", add, events.StatusError, events.ErrRefused)
	add.Key = []byte("l2")
	p.update("linux", add, events.StatusStored, "")
	p.want(events.OpDelete, request("l1"), events.StatusDeleted, "")
	p.want(events.OpGet, request("l1"), "", events.ErrNotFound)
}

func misplaced(p *probe) {
	p.put("l1", "old")
	p.put("l2", "gone")
	p.put("a1", "stays")
	p.change(Swapped(2))
	p.get("l1", "old")
	p.get("a1", "stays")
	if a := p.one("mac", events.OpGet, request("l1"), events.StatusAbsent, ""); !slices.Contains(a.AlsoAsk, "linux") {
		p.Errorf("the new owner does not name the old one: %+v", a)
	}
	p.one("linux", events.OpGet, request("l1"), events.StatusFound, "")
	p.put("l1", "new")
	p.get("l1", "new")
	p.want(events.OpDelete, request("l2"), events.StatusAbsent, "")
	p.want(events.OpGet, request("l2"), "", events.ErrNotFound)
	p.want(events.OpGet, request("l3"), "", events.ErrNotFound)
}

// misplacedUpdate: the owner does not decide what another node may know; it
// installs first what that one holds.
func misplacedUpdate(p *probe) {
	p.put("l1", "41")
	p.change(Swapped(2))
	add := events.Request{Key: []byte("l1"), Value: []byte("1"), Update: events.UpdateAdd}
	if a := p.update("mac", add, events.StatusAbsent, ""); !slices.Contains(a.AlsoAsk, "linux") {
		p.Fatalf("the new owner decides alone: %+v", a)
	}
	held := p.one("linux", events.OpGet, request("l1"), events.StatusFound, "")
	install := events.Request{Key: held.Key, Value: held.Value, Version: held.Version, Update: events.UpdateInstall}
	install.Key = []byte("l1")
	p.cluster.Advance(time.Hour) // however old it is
	if a := p.update("mac", install, events.StatusStored, ""); a.Version != held.Version {
		p.Errorf("installed as %+v", a)
	}
	p.update("mac", install, events.StatusUnchanged, "")
	add.AlsoAsked = true
	if a := p.update("mac", add, events.StatusStored, ""); string(a.Value) != "42" {
		p.Errorf("the sum is told as %+v", a)
	}
	add.Key = []byte("l2")
	p.update("mac", add, events.StatusStored, "")
	// A tombstone is installed as well.
	p.cluster.Advance(time.Second)
	gone := events.Request{Key: []byte("l1"), Version: p.stamped(0), Update: events.UpdateInstall, Expires: 1}
	p.update("mac", gone, events.StatusStored, "")
	add.Key = []byte("l1")
	if a := p.update("mac", add, events.StatusStored, ""); string(a.Value) != "1" {
		p.Errorf("the sum is told as %+v", a)
	}
}

func ownerOffline(p *probe) {
	p.put("l1", "one")
	p.put("m1", "two")
	p.path.Stop("linux")
	p.want(events.OpGet, request("l1"), "", events.ErrOwnerOffline)
	p.want(events.OpPut, request("l1"), "", events.ErrUnknown)
	p.want(events.OpDelete, request("l1"), "", events.ErrUnknown)
	p.get("m1", "two")
	p.put("m1", "three")
}
