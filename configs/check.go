package configs

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"dht/events"
	"dht/nodes/placement"
)

// check refuses what no node would start with, and no client reach. It is the one
// place that decides.
func (c *Config) check() error {
	if _, err := placement.Parse(c.Cluster()); err != nil {
		return err
	}
	if c.Prefix != "" {
		if err := placement.CheckName("prefix", c.Prefix); err != nil {
			return err
		}
	}
	for i, server := range c.NATS {
		if u, err := url.Parse(server); err != nil || u.Hostname() == "" {
			// Not the text itself: a password may be part of it.
			return fmt.Errorf("%w: nats server %d of %d is not of the form nats://host:port",
				events.ErrConfig, i+1, len(c.NATS))
		}
	}
	taken := map[string]string{} // whose address it is
	for _, n := range c.Nodes {
		if err := n.check(len(c.NATS) == 0); err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
		for _, l := range n.listens() {
			whose, address := l.Key+" of "+n.Name, l.same()
			if other, twice := taken[address]; twice && !l.anyPort() {
				return fmt.Errorf("%w: %s and %s have the same address, %s", events.ErrConfig, other, whose, l.Addr)
			}
			taken[address] = whose
		}
	}
	return nil
}

func (n Node) check(embedded bool) error {
	for _, l := range n.listens() {
		if err := CheckAddress(l.Addr); err != nil && !l.anyPort() {
			return fmt.Errorf("%w: %s = %q %w", events.ErrConfig, l.Key, l.Addr, err)
		}
		if l.Key != "http" && l.everywhere() {
			return fmt.Errorf("%w: %s = %q is no address that others can dial: write one of this machine's own",
				events.ErrConfig, l.Key, l.Addr)
		}
	}
	if embedded && n.Bus == "" && n.TCP == "" {
		return fmt.Errorf("%w: no bus address; give one, or name NATS servers with nats = […], or give a tcp address for --no-bus", events.ErrConfig)
	}
	return nil
}

// CheckAddress says what is wrong with a host:port. The host may be left out.
func CheckAddress(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || strings.ContainsAny(host, " /@") {
		return fmt.Errorf("is not host:port")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("has no port: write a number from 1 to 65535 behind the colon")
	}
	return nil
}

// anyPort reports whether the system may choose the port: where nobody has to find
// it by this file, which is the other nodes' only way to tcp.
func (l Listen) anyPort() bool {
	_, port, err := net.SplitHostPort(l.Addr)
	return err == nil && port == "0" && l.Key != "tcp"
}

// everywhere reports whether it is on all addresses of its machine.
func (l Listen) everywhere() bool {
	host, _, _ := net.SplitHostPort(l.Addr)
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// same is equal for addresses that are.
func (l Listen) same() string {
	host, port, _ := net.SplitHostPort(strings.ToLower(l.Addr))
	number, _ := strconv.Atoi(port)
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip != nil {
		host = ip.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(number))
}

// Startable is [Config.Map], checked to be one that nodes can keep today.
func (c *Config) Startable() (*placement.Map, error) {
	m, err := c.Map()
	if err == nil && c.Copies > 1 {
		err = fmt.Errorf("%s: %w: copies = %s: nodes do not keep copies yet, only 1 or \"every-match\"",
			c.File, events.ErrConfig, c.Copies)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Wants are the flags that node n does not start without, each with the reason.
func (c *Config) Wants(n Node) (flags []string) {
	if exposed := n.Exposed(); len(exposed) > 0 {
		flags = append(flags, fmt.Sprintf("--insecure, for other machines reach %s", exposed[0].Addr))
	}
	if n.Bus == "" && len(c.NATS) == 0 {
		flags = append(flags, "--no-bus, for it has no bus address")
	}
	return flags
}
