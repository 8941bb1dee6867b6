package tcp

import (
	"fmt"
	"maps"
	"math/bits"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"dht/events"
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
	extra bool // shown when it is asked for, or all are
	lines func(*Server) []string
}

func sections() []section {
	return []section{
		{name: "Server", lines: (*Server).infoServer},
		{name: "Clients", lines: (*Server).infoClients},
		{name: "Memory", lines: (*Server).infoMemory},
		{name: "Persistence", lines: (*Server).infoPersistence},
		{name: "Stats", lines: (*Server).infoStats},
		{name: "Replication", lines: (*Server).infoReplication},
		{name: "CPU", lines: (*Server).infoCPU},
		{name: "Commandstats", extra: true, lines: (*Server).infoCommands},
		{name: "Cluster", lines: (*Server).infoCluster},
		{name: "Dht", lines: (*Server).infoDHT},
		{name: "Keyspace", lines: (*Server).infoKeyspace},
	}
}

// replyInfo answers INFO [section …]: without one those that Redis shows by
// default, and what is this program's own.
func replyInfo(s *session, c *call) error {
	wanted := map[string]bool{}
	for _, arg := range c.args[1:] {
		wanted[strings.ToLower(string(arg))] = true
	}
	all := wanted["all"] || wanted["everything"]
	usual := all || len(wanted) == 0 || wanted["default"]
	var shown []string
	for _, section := range sections() {
		if all || usual && !section.extra || wanted[strings.ToLower(section.name)] {
			lines := append([]string{"# " + section.name}, section.lines(s.server)...)
			shown = append(shown, strings.Join(lines, "\r\n")+"\r\n")
		}
	}
	s.out.Verbatim(strings.Join(shown, "\r\n"))
	return nil
}

func (s *Server) infoServer() []string {
	info := s.node.Info()
	up := time.Duration(info.UptimeMS) * time.Millisecond
	return []string{
		"redis_version:" + redisVersion,
		"redis_mode:standalone",
		"dht_build:" + info.Build,
		"os:" + runtime.GOOS + " " + runtime.GOARCH,
		fmt.Sprintf("arch_bits:%d", bits.UintSize),
		fmt.Sprintf("process_id:%d", os.Getpid()),
		"tcp_port:" + port(s.Addr().String()),
		fmt.Sprintf("server_time_usec:%d", s.node.Clock.Now().UnixMicro()),
		fmt.Sprintf("uptime_in_seconds:%d", seconds(up)),
		fmt.Sprintf("uptime_in_days:%d", int(up.Hours()/24)),
	}
}

func (s *Server) infoClients() []string {
	clients := s.clients()
	return []string{
		fmt.Sprintf("connected_clients:%d", len(clients)),
		"cluster_connections:0",
		fmt.Sprintf("maxclients:%d", s.MaxConns),
		"blocked_clients:0",
		"tracking_clients:0",
	}
}

func (s *Server) infoMemory() []string {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return []string{
		fmt.Sprintf("used_memory:%d", memory.HeapAlloc),
		fmt.Sprintf("used_memory_human:%.2fM", float64(memory.HeapAlloc)/(1<<20)),
		"maxmemory:0",
		"maxmemory_policy:noeviction",
	}
}

func (s *Server) infoPersistence() []string { return []string{"loading:0", "aof_enabled:1"} }

func (s *Server) infoStats() []string {
	gets := s.node.Info().Requests[events.OpGet]
	calls := int64(0)
	for _, c := range s.everyCommand() {
		calls += c.counts.calls.Load()
	}
	return []string{
		fmt.Sprintf("total_connections_received:%d", s.stats.accepted.Load()),
		fmt.Sprintf("total_commands_processed:%d", calls),
		fmt.Sprintf("keyspace_hits:%d", gets[events.StatusFound]),
		fmt.Sprintf("keyspace_misses:%d", gets[events.StatusAbsent]),
	}
}

func (s *Server) infoReplication() []string {
	return []string{"role:master", "connected_slaves:0", "master_repl_offset:0"}
}

func (s *Server) infoCPU() []string {
	user, system, ok := cpuTime()
	if !ok {
		return nil
	}
	return []string{
		fmt.Sprintf("used_cpu_sys:%.6f", system.Seconds()),
		fmt.Sprintf("used_cpu_user:%.6f", user.Seconds()),
	}
}

// infoCommands lists every command that was sent, in Redis's words. usec is how
// long it was from being complete to its reply; commands that came together share
// it, and some are timed for all.
func (s *Server) infoCommands() (lines []string) {
	for _, c := range s.everyCommand() {
		calls, rejected := c.counts.calls.Load(), c.counts.rejected.Load()
		if calls+rejected == 0 {
			continue
		}
		micros := c.counts.micros()
		lines = append(lines,
			fmt.Sprintf("cmdstat_%s:calls=%d,usec=%.0f,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
				strings.ToLower(c.name), calls, micros, micros/float64(max(calls, 1)),
				rejected, c.counts.failed.Load()))
	}
	return lines
}

// everyCommand is the table in order, with the subcommands.
func (s *Server) everyCommand() (all []*command) {
	for _, name := range slices.Sorted(maps.Keys(s.commands)) {
		all = append(all, s.commands[name])
		for _, sub := range slices.Sorted(maps.Keys(s.commands[name].subs)) {
			all = append(all, s.commands[name].subs[sub])
		}
	}
	return all
}

func (s *Server) infoCluster() []string { return []string{"cluster_enabled:0"} }

func (s *Server) infoDHT() []string {
	info := s.node.Info()
	return []string{
		"dht_cluster:" + info.Cluster.Name,
		"dht_node:" + info.Node,
		"dht_rule:" + info.Rule,
		"dht_map:" + info.Map.String(),
		fmt.Sprintf("dht_keys:%d", info.Keys),
		fmt.Sprintf("dht_misplaced:%d", info.Misplaced),
	}
}

func (s *Server) infoKeyspace() []string {
	stats := s.node.Store.Stats()
	if stats.Keys == 0 {
		return nil
	}
	return []string{fmt.Sprintf("db0:keys=%d,expires=%d,avg_ttl=0", stats.Keys, stats.Expiring)}
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
