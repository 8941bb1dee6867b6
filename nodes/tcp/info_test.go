package tcp_test

import (
	"regexp"
	"strings"
	"testing"
)

// sectionsOf are the names of what INFO shows.
func (v *visitor) sectionsOf(command string) string {
	v.Helper()
	var names []string
	for _, line := range v.lines(command) {
		if name, ok := strings.CutPrefix(line, "# "); ok {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func TestInfo_Sections(t *testing.T) {
	v := visit(t, cluster(t).addr("linux"))
	const usual = "Server Clients Memory Persistence Stats Replication CPU Cluster Dht Keyspace"
	all := strings.Replace(usual, "CPU", "CPU Commandstats", 1)
	for command, want := range map[string]string{
		"INFO":                      usual,
		"INFO default":              usual,
		"INFO all":                  all,
		"info EVERYTHING":           all,
		"INFO default commandstats": all,
		"INFO server keyspace CPU":  "Server CPU Keyspace",
		"INFO commandstats":         "Commandstats",
		"INFO nosuch":               "",
		"INFO nosuch cluster":       "Cluster",
	} {
		if got := v.sectionsOf(command); got != want {
			t.Errorf("%s shows %s, want %s", command, got, want)
		}
	}
	info := strings.Join(v.lines("INFO everything"), "\n") + "\n"
	for _, want := range []string{`arch_bits:(64|32)`, `uptime_in_days:0`, `uptime_in_seconds:\d+`, `process_id:\d+`, `server_time_usec:\d{16}`,
		`cluster_enabled:0`, `used_cpu_sys:\d+\.\d+`, `used_cpu_user:\d+\.\d+`, `connected_clients:1`, `maxclients:10000`, `tcp_port:\d+`} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(info) {
			t.Errorf("INFO has no line %s: %s", want, info)
		}
	}
}

func TestInfo_Commandstats(t *testing.T) {
	v := visit(t, cluster(t).addr("linux"))
	v.want("SET l1 v", "+OK\r\n")
	v.ask("CONFIG RESETSTAT")
	v.send("SET l1 x\r\nGET l1\r\nget l1\r\nGET\r\nINCR l1\r\nCLIENT ID\r\nNOSUCH\r\nMULTI\r\nGET l1\r\nEXEC\r\nSET l1 v FOO\r\n")
	for range 11 {
		v.reply()
	}
	stats := v.lines("INFO commandstats")
	const times = `,usec=\d+,usec_per_call=\d+\.\d\d,`
	want := []string{
		`cmdstat_client\|id:calls=1` + times + `rejected_calls=0,failed_calls=0`,
		`cmdstat_exec:calls=1` + times + `rejected_calls=0,failed_calls=1`,
		`cmdstat_get:calls=2` + times + `rejected_calls=2,failed_calls=0`,
		`cmdstat_incr:calls=1` + times + `rejected_calls=0,failed_calls=1`,
		`cmdstat_info:calls=1` + times + `rejected_calls=0,failed_calls=0`,
		`cmdstat_multi:calls=1` + times + `rejected_calls=0,failed_calls=1`,
		`cmdstat_set:calls=2` + times + `rejected_calls=0,failed_calls=1`,
	}
	if len(stats) != 1+len(want) {
		t.Fatalf("commandstats are %q", stats)
	}
	for i, line := range want {
		if !regexp.MustCompile("^" + line + "$").MatchString(stats[i+1]) {
			t.Errorf("commandstats have %s, want %s", stats[i+1], line)
		}
	}
	if got := v.lines("INFO stats")[2]; got != "total_commands_processed:10" {
		t.Errorf("of 10 commands: %s", got)
	}
}
