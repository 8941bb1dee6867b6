// Package configs holds the cluster files and loads them: one TOML file, the
// same on every machine, says which nodes there are, what each keeps and where
// each listens.
//
// It checks what a file says; it starts nothing and does not read flags or the
// environment. It imports events and placement, a TOML library, and the XDG
// folders.
package configs

import (
	_ "embed"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/adrg/xdg"
	"github.com/dustin/go-humanize"

	"dht/events"
	"dht/nodes/placement"
)

//go:embed three.toml
var three []byte

// Default is what [Load] calls the cluster file inside the binary.
const Default = "the built-in three.toml"

// Config is a cluster file.
type Config struct {
	File   string // where it was read from
	Name   string
	Epoch  uint64
	Copies events.Copies
	Prefix string   // first token of every subject
	NATS   []string // outside servers; empty: each node embeds one
	Memory int64    // bytes that keys and values may take in a node's memory; 0 is no bound
	Nodes  []Node
}

// Node is one [[node]] of a cluster file. Addresses are host:port; an empty one
// is not served.
type Node struct {
	Name  string `toml:"name"`
	Rule  string `toml:"rule"`
	TCP   string `toml:"tcp"`
	Bus   string `toml:"bus"`
	Route string `toml:"route"`
	HTTP  string `toml:"http"`
	Data  string `toml:"data"`
}

// file is a cluster file as TOML sees it.
type file struct {
	Name   string   `toml:"name"`
	Epoch  uint64   `toml:"epoch"`
	Copies any      `toml:"copies"`
	Prefix string   `toml:"prefix"`
	NATS   []string `toml:"nats"`
	Memory string   `toml:"memory"`
	Nodes  []Node   `toml:"node"`
}

// Load reads and checks the cluster file at path, or the built-in one when path
// is empty. Errors are [events.ErrConfig] and name file and line. Rules that
// leave keys unclaimed are found by [Config.Map].
func Load(path string) (*Config, error) {
	if path == "" {
		return Parse(Default, three)
	}
	text, err := ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: read cluster file: %w", events.ErrConfig, err)
	}
	return Parse(path, text)
}

// Parse is [Load] for a file that has been read; name is for its errors.
func Parse(name string, text []byte) (*Config, error) {
	f := file{Copies: int64(1)}
	if err := decode(name, text, &f); err != nil {
		return nil, err
	}
	c := &Config{File: name, Name: f.Name, Epoch: f.Epoch, Prefix: f.Prefix, NATS: f.NATS, Nodes: f.Nodes}
	var err error
	if c.Copies, err = events.ParseCopies(f.Copies); err == nil {
		c.Memory, err = parseMemory(f.Memory)
	}
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// parseMemory reads "64MB" (10^6 bytes each) or "64MiB".
func parseMemory(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n < 1<<20 || n > 1<<50 {
		return 0, fmt.Errorf("%w: memory = %q: write a size of at least 1MiB, as in \"64MB\"", events.ErrConfig, text)
	}
	return int64(n), nil
}

// Listen is one address on which a node listens.
type Listen struct{ Key, Addr string }

func (n Node) listens() (list []Listen) {
	for _, l := range []Listen{{"tcp", n.TCP}, {"bus", n.Bus}, {"route", n.Route}, {"http", n.HTTP}} {
		if l.Addr != "" {
			list = append(list, l)
		}
	}
	return list
}

// Exposed returns the node's addresses that other machines can reach.
func (n Node) Exposed() (list []Listen) {
	for _, l := range n.listens() {
		if !Loopback(l.Addr) {
			list = append(list, l)
		}
	}
	return list
}

// Loopback reports whether only this machine can reach addr, a host:port.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Cluster is the cluster map's part of the file.
func (c *Config) Cluster() events.Cluster {
	cluster := events.Cluster{Name: c.Name, Epoch: c.Epoch, Copies: c.Copies}
	for _, n := range c.Nodes {
		cluster.Nodes = append(cluster.Nodes, events.Member{Name: n.Name, Rule: n.Rule})
	}
	return cluster
}

// Map is the cluster map, checked to leave no key unclaimed.
func (c *Config) Map() (*placement.Map, error) {
	m, err := placement.New(c.Cluster())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.File, err)
	}
	return m, nil
}

// Node returns the node called name. The error lists the names there are.
func (c *Config) Node(name string) (Node, error) {
	var names []string
	for _, n := range c.Nodes {
		if n.Name == name {
			return n, nil
		}
		names = append(names, n.Name)
	}
	return Node{}, fmt.Errorf("%w: %s has no node %q; it has %s", events.ErrConfig, c.File, name,
		strings.Join(names, ", "))
}

// Servers are the NATS servers a client tries: the outside ones, or every
// node's embedded one.
func (c *Config) Servers() []string {
	if len(c.NATS) > 0 {
		return c.NATS
	}
	var servers []string
	for _, n := range c.Nodes {
		if n.Bus != "" {
			servers = append(servers, "nats://"+n.Bus)
		}
	}
	return servers
}

// DataFolder is where node n keeps its keys.
func (c *Config) DataFolder(n Node) string {
	switch {
	case n.Data == "":
		return filepath.Join(xdg.DataHome, "dht", c.Name, n.Name)
	case filepath.IsAbs(n.Data) || c.File == Default:
		return n.Data
	}
	return filepath.Join(filepath.Dir(c.File), n.Data)
}
