package tcp

import (
	"fmt"
	"runtime"
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
