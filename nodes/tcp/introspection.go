package tcp

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"dht/nodes/tcp/resp"
)

// introspectionCommands tell clients what they may send and how the node is set up.
func introspectionCommands() []command {
	list := container("COMMAND", -1,
		command{name: "COUNT", arity: 2, reply: replyCommandCount,
			help: "COUNT\nReturn the total number of commands in this server."},
		command{name: "DOCS", arity: -2, reply: replyCommandDocs,
			help: "DOCS [<command-name> ...]\nReturn nothing: the documentation is that of Redis."},
		command{name: "INFO", arity: -2, reply: replyCommandInfo,
			help: "INFO [<command-name> ...]\nReturn details about commands, about all when none is named."},
		command{name: "LIST", arity: -2, reply: replyCommandList,
			help: "LIST [FILTERBY PATTERN <pattern>]\nReturn the names of all commands."},
	)
	list.reply = replyCommands
	return []command{list, container("CONFIG", -2,
		command{name: "GET", arity: -3, quiet: true, reply: replyConfigGet,
			help: "GET <pattern>\nReturn parameters matching the glob-like <pattern> and their values."},
		command{name: "RESETSTAT", arity: 2, quiet: true, reply: replyResetStat,
			help: "RESETSTAT\nReset statistics reported by the INFO command."},
		command{name: "REWRITE", arity: 2, quiet: true, reply: replyNoConfig,
			help: "REWRITE\nRefused: the cluster file says how a node runs."},
		command{name: "SET", arity: -4, quiet: true, reply: replyNoConfig,
			help: "SET <directive> <value>\nRefused: the cluster file says how a node runs."},
	)}
}

func replyCommands(s *session, _ *call) error {
	s.allCommands(s.server.commands)
	return nil
}

func (s *session) allCommands(table map[string]*command) {
	s.out.Array(len(table))
	for _, name := range slices.Sorted(maps.Keys(table)) {
		s.commandInfo(table[name])
	}
}

func replyCommandCount(s *session, _ *call) error {
	s.out.Int(int64(len(s.server.commands)))
	return nil
}

func replyCommandDocs(s *session, _ *call) error {
	s.out.Map(0)
	return nil
}

func replyCommandInfo(s *session, c *call) error {
	if len(c.args) == 2 {
		return replyCommands(s, c)
	}
	s.out.Array(len(c.args) - 2)
	for _, name := range c.args[2:] {
		s.commandInfo(s.server.named(string(name)))
	}
	return nil
}

// named is the command called name, CLIENT|LIST for one, or nil.
func (s *Server) named(name string) *command {
	name, sub, ok := strings.Cut(strings.ToUpper(name), "|")
	c := s.commands[name]
	if ok && c != nil {
		c = c.subs[sub]
	}
	return c
}

func replyCommandList(s *session, c *call) error {
	pattern := "*"
	switch args := c.args[2:]; {
	case len(args) == 0:
	case len(args) == 3 && resp.Is(args[0], "FILTERBY") && resp.Is(args[1], "PATTERN"):
		pattern = strings.ToLower(string(args[2]))
	default:
		return errSyntax
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(s.server.commands)), func(name string) bool {
		return !matches([]byte(pattern), []byte(strings.ToLower(name)))
	})
	s.out.Array(len(names))
	for _, name := range names {
		s.out.Text(strings.ToLower(name))
	}
	return nil
}

// commandInfo is name, arity, flags and how the keys stand; then nothing of ACL
// categories, tips and key specifications; then the subcommands.
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
	for range 3 {
		s.out.Set(0)
	}
	s.allCommands(c.subs)
}

func replyResetStat(s *session, c *call) error {
	s.server.stats.accepted.Store(0)
	for _, cmd := range s.server.everyCommand() {
		cmd.counts.reset()
	}
	return replyOK(s, c)
}

func replyNoConfig(_ *session, c *call) error {
	return replyError(fmt.Sprintf("ERR CONFIG %s is not supported: the cluster file says how a node runs",
		strings.ToUpper(string(c.args[1]))))
}

// replyConfigGet gives settings that clients ask for.
func replyConfigGet(s *session, c *call) error {
	patterns := c.args[2:]
	settings := map[string]string{
		"save": "", "appendonly": "yes", "appendfsync": "always", "databases": "1",
		"maxmemory": "0", "maxclients": strconv.Itoa(s.server.MaxConns), "timeout": "0",
		"port": port(s.server.Addr().String()),
	}
	var names []string
	for name := range settings {
		wanted := func(pattern []byte) bool { return matches(bytes.ToLower(pattern), []byte(name)) }
		if slices.ContainsFunc(patterns, wanted) {
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
