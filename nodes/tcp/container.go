package tcp

import (
	"maps"
	"slices"
	"strings"
)

// container is a command whose second word is part of its name. HELP lists what
// that word may be.
func container(name string, arity int, subs ...command) command {
	c := command{name: name, arity: arity, subs: map[string]*command{}}
	subs = append(subs, command{name: "HELP", arity: 2, reply: replyHelp, help: "HELP\nPrint this help."})
	for _, sub := range subs {
		word := sub.name
		sub.name, sub.alone = name+"|"+word, true
		c.subs[word] = &sub
	}
	return c
}

func replyHelp(s *session, c *call) error {
	name, _, _ := strings.Cut(c.cmd.name, "|")
	lines := []string{name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"}
	subs := s.server.commands[name].subs
	words := slices.DeleteFunc(slices.Sorted(maps.Keys(subs)), func(word string) bool { return word == "HELP" })
	for _, word := range append(words, "HELP") {
		lines = append(lines, strings.Split(strings.ReplaceAll(subs[word].help, "\n", "\n    "), "\n")...)
	}
	s.out.Array(len(lines))
	for _, line := range lines {
		s.out.Simple(line)
	}
	return nil
}
