package tcp

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// redisVersion is the version of Redis whose commands these are: clients read
// it to know what they may send.
const redisVersion = "7.0.15"

func serverCommands() []command {
	return []command{
		{name: "INFO", arity: -1, alone: true, reply: replyInfo},
		{name: "TIME", arity: 1, reply: replyTime},
		{name: "COMMAND", arity: -1, reply: replyCommand},
		{name: "CONFIG", arity: -2, quiet: true, reply: replyConfig},
		{name: "MONITOR", arity: 1, alone: true, quiet: true, reply: replyMonitor},
	}
}

func replyTime(s *session, _ *call) error {
	now := s.server.node.Clock.Now()
	s.out.Array(2)
	s.out.Text(strconv.FormatInt(now.Unix(), 10))
	s.out.Text(strconv.Itoa(now.Nanosecond() / 1000))
	return nil
}

// section is one part of INFO.
type section struct {
	name  string
	lines []string
}

func replyInfo(s *session, c *call) error {
	wanted := map[string]bool{}
	for _, arg := range c.args[1:] {
		wanted[strings.ToLower(string(arg))] = true
	}
	everything := len(wanted) == 0 || wanted["all"] || wanted["default"] || wanted["everything"]
	var text strings.Builder
	for _, section := range s.server.sections() {
		if everything || wanted[strings.ToLower(section.name)] {
			fmt.Fprintf(&text, "# %s\r\n%s\r\n\r\n", section.name, strings.Join(section.lines, "\r\n"))
		}
	}
	s.out.Verbatim(text.String())
	return nil
}

func (s *Server) sections() []section {
	info := s.node.Info()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	s.mu.Lock()
	clients := len(s.sessions)
	s.mu.Unlock()
	return []section{
		{"Server", []string{
			"redis_version:" + redisVersion,
			"redis_mode:standalone",
			"dht_build:" + info.Build,
			"os:" + runtime.GOOS + " " + runtime.GOARCH,
			"tcp_port:" + port(s.Addr().String()),
			fmt.Sprintf("uptime_in_seconds:%d", info.UptimeMS/1000),
		}},
		{"Clients", []string{fmt.Sprintf("connected_clients:%d", clients), "blocked_clients:0"}},
		{"Memory", []string{fmt.Sprintf("used_memory:%d", memory.HeapAlloc), "maxmemory:0"}},
		{"Persistence", []string{"loading:0", "aof_enabled:1"}},
		{"Stats", []string{
			fmt.Sprintf("total_connections_received:%d", s.stats.accepted.Load()),
			fmt.Sprintf("total_commands_processed:%d", s.stats.commands.Load()),
		}},
		{"Replication", []string{"role:master", "connected_slaves:0"}},
		{"Dht", []string{
			"dht_cluster:" + info.Cluster.Name,
			"dht_node:" + info.Node,
			"dht_rule:" + info.Rule,
			"dht_map:" + info.Map.String(),
			fmt.Sprintf("dht_keys:%d", info.Keys),
			fmt.Sprintf("dht_misplaced:%d", info.Misplaced),
		}},
		{"Keyspace", []string{fmt.Sprintf("db0:keys=%d,expires=%d,avg_ttl=0", info.Keys, s.node.Store.Stats().Expiring)}},
	}
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

func replyCommand(s *session, c *call) error {
	table := s.server.commands
	if len(c.args) == 1 {
		s.out.Array(len(table))
		for _, name := range slices.Sorted(maps.Keys(table)) {
			s.commandInfo(table[name])
		}
		return nil
	}
	switch strings.ToUpper(string(c.args[1])) {
	case "COUNT":
		s.out.Int(int64(len(table)))
	case "DOCS":
		s.out.Map(0)
	case "INFO":
		s.out.Array(len(c.args) - 2)
		for _, name := range c.args[2:] {
			s.commandInfo(table[strings.ToUpper(string(name))])
		}
	default:
		return replyError(fmt.Sprintf("ERR unknown subcommand '%.128s'. Try COMMAND HELP.", c.args[1]))
	}
	return nil
}

// commandInfo is name, arity, flags and how the keys stand; then nothing of ACL
// categories, tips, key specifications and subcommands.
func (s *session) commandInfo(c *command) {
	if c == nil {
		s.out.Null()
		return
	}
	first, last, step := 0, 0, 0
	switch c.keys {
	case oneKey:
		first, last, step = 1, 1, 1
	case allKeys:
		first, last, step = 1, -1, 1
	case pairKeys:
		first, last, step = 1, -1, 2
	case twoKeys:
		first, last, step = 1, 2, 1
	}
	s.out.Array(10)
	s.out.Text(strings.ToLower(c.name))
	s.out.Int(int64(c.arity))
	s.out.Set(1)
	if c.write {
		s.out.Simple("write")
	} else {
		s.out.Simple("readonly")
	}
	s.out.Int(int64(first))
	s.out.Int(int64(last))
	s.out.Int(int64(step))
	for range 4 {
		s.out.Set(0)
	}
}

// replyConfig tells settings that clients ask for; there is nothing to set.
func replyConfig(s *session, c *call) error {
	sub := strings.ToUpper(string(c.args[1]))
	switch {
	case sub == "GET" && len(c.args) > 2:
		return s.configGet(c.args[2:])
	case sub == "RESETSTAT" && len(c.args) == 2:
		s.server.stats.accepted.Store(0)
		s.server.stats.commands.Store(0)
		s.out.Simple("OK")
		return nil
	}
	return replyError(fmt.Sprintf("ERR CONFIG %.32s is not supported: the cluster file says how a node runs", sub))
}

func (s *session) configGet(patterns [][]byte) error {
	settings := map[string]string{
		"save": "", "appendonly": "yes", "appendfsync": "always", "databases": "1",
		"maxmemory": "0", "maxclients": strconv.Itoa(s.server.MaxConns), "timeout": "0",
		"port": port(s.server.Addr().String()),
	}
	var names []string
	for name := range settings {
		if slices.ContainsFunc(patterns, func(p []byte) bool { return matches([]byte(strings.ToLower(string(p))), []byte(name)) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	s.out.Map(len(names))
	for _, name := range names {
		s.out.Text(name)
		s.out.Text(settings[name])
	}
	return nil
}
