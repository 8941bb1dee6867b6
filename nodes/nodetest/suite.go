package nodetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"dht/events"
	"dht/events/quorum"
)

// Path leads to the nodes of a cluster.
type Path interface {
	// Ask brings a message to the node called to and returns its reply. Any
	// error, the end of ctx included, says that none came.
	Ask(ctx context.Context, to string, op events.Op, message []byte) ([]byte, error)
	// Stop takes one node off the path, as if its process had died.
	Stop(name string)
	// Close ends the path. It is idempotent.
	Close()
}

// Test runs the suite over paths that open makes: one for each cluster, and a
// new one after each change of its map.
func Test(t *testing.T, open func(*testing.T, *Cluster) Path) {
	for name, test := range map[string]func(*probe){
		"put, get, delete":         putGetDelete,
		"any bytes":                anyBytes,
		"limits":                   limits,
		"versions":                 versions,
		"expiry":                   expiry,
		"deadline and map":         deadlineAndMap,
		"several entries":          severalEntries,
		"listing":                  listing,
		"garbage":                  garbage,
		"fields":                   alienFields,
		"clocks":                   clocks,
		"newer map":                newerMap,
		"updates":                  updates,
		"every match":              everyMatch,
		"misplaced":                misplaced,
		"owner offline":            ownerOffline,
		"updates of the misplaced": misplacedUpdate,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &probe{T: t, open: open}
			p.start(Three(1, 1))
			test(p)
		})
	}
}

// probe asks over one path and holds the answers to what is expected.
type probe struct {
	*testing.T
	open    func(*testing.T, *Cluster) Path
	cluster *Cluster
	path    Path
}

func (p *probe) start(c events.Cluster) {
	p.Helper()
	p.cluster = NewCluster(p.T, c)
	p.path = p.open(p.T, p.cluster)
	p.Cleanup(func() { p.path.Close() })
}

// change restarts everything by another map.
func (p *probe) change(c events.Cluster) {
	p.Helper()
	p.path.Close()
	p.cluster.Change(c)
	p.path = p.open(p.T, p.cluster)
}

const patience = 2 * time.Second

// ask brings reqs to one node; no answers when it is silent.
func (p *probe) ask(node string, op events.Op, reqs ...events.Request) []events.Answer {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	reply, err := p.path.Ask(ctx, node, op, events.AppendRequests(nil, reqs...))
	if err != nil {
		return nil
	}
	answers, err := events.DecodeAnswers(reply)
	if err != nil {
		p.Fatalf("%s of %s answers %q: %v", op, node, reply, err)
	}
	return answers
}

// one brings one request to one node and wants its answer.
func (p *probe) one(node string, op events.Op, r events.Request, status events.Status, code events.Code) events.Answer {
	p.Helper()
	answers := p.ask(node, op, r)
	if len(answers) != 1 {
		p.Fatalf("%s of %q at %s: %d answers", op, r.Key, node, len(answers))
	}
	a := answers[0]
	if a.Status != status || a.Code != code || a.Node != node || a.Map != p.cluster.Map.ID() {
		p.Fatalf("%s of %q at %s: %s %q (%s) by %s, want %s %q", op, r.Key, node, a.Status, a.Code, a.Error, a.Node,
			status, code)
	}
	return a
}

// all brings one request to every node and lets quorum judge.
func (p *probe) all(op events.Op, r events.Request) quorum.Outcome {
	p.Helper()
	m := p.cluster.Map
	tally := quorum.New(quorum.Question{Op: op, Nodes: m.Names(nil), Owners: m.Names(m.Owners(r.Key, nil)), All: true})
	for _, name := range m.Names(nil) {
		for _, a := range p.ask(name, op, r) {
			tally.Add(a)
		}
	}
	return tally.Outcome()
}

// want brings one request to every node and wants it to come out as status, or
// as an error of code.
func (p *probe) want(op events.Op, r events.Request, status events.Status, code events.Code) quorum.Outcome {
	p.Helper()
	o := p.all(op, r)
	if code == "" && o.Err != nil || code != "" && !errors.Is(o.Err, code) || code == "" && o.Status != status {
		p.Fatalf("%s of %q comes out as %s, %v; want %s %q", op, r.Key, o.Status, o.Err, status, code)
	}
	return o
}

// get wants value under key, of everybody.
func (p *probe) get(key, value string) {
	p.Helper()
	if o := p.want(events.OpGet, request(key), events.StatusFound, ""); string(o.Winner.Value) != value {
		p.Fatalf("%q holds %q, want %q", key, o.Winner.Value, value)
	}
}

func (p *probe) put(key, value string) {
	p.Helper()
	p.want(events.OpPut, events.Request{Key: []byte(key), Value: []byte(value)}, events.StatusStored, "")
}

func request(key string) events.Request { return events.Request{Key: []byte(key)} }

// stamped is a version as a writer whose clock is off by d stamps it.
func (p *probe) stamped(d time.Duration) events.Version {
	return events.NewClock(func() time.Time { return p.cluster.Now().Add(d) }).Next()
}
