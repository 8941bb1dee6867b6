package tcp

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dht/events"
	"dht/nodes/tcp/resp"
)

// command is one of the commands that a server knows.
type command struct {
	name  string // of a subcommand: CLIENT|LIST
	arity int    // with the name itself; negative: at least so many
	// alone makes all earlier commands of a pipeline be answered first, and later
	// ones begin only afterwards.
	alone bool
	begin func(*session, *call) error // asks nodes; may be nil
	reply func(*session, *call) error // writes the reply, or returns an error

	quiet    bool // MONITOR does not show it as it came
	keyspace bool // refused to a client that monitors
	inMulti  bool // carried out although MULTI was refused

	subs map[string]*command // what the second word may be, where it is part of the name
	help string              // of a subcommand: its arguments, and on a second line what it does

	counts *counts

	write bool // for COMMAND
	keys  int  // for COMMAND: how its keys stand: one, all or every second argument
}

const (
	oneKey = 1 + iota
	allKeys
	pairKeys
	twoKeys
)

// commands are all that a server knows, by name.
func commands() map[string]*command {
	table := map[string]*command{}
	add := func(keyspace bool, lists ...[]command) {
		for _, c := range slices.Concat(lists...) {
			c.keyspace, c.counts = keyspace, &counts{}
			for _, sub := range c.subs {
				sub.counts = &counts{}
			}
			table[c.name] = &c
		}
	}
	add(false, connectionCommands(), clientCommands(), multiCommands(), serverCommands(), introspectionCommands())
	add(true, readCommands(), writeCommands(), updateCommands(), expiryCommands(), keyCommands(), nodeCommands())
	return table
}

// admit finds a command, or says why it is not carried out.
func (s *session) admit(args [][]byte) (*command, error) {
	cmd, err := s.server.lookup(args)
	switch {
	case s.in.Oversize() > 0:
		err = oversize(s.in.Oversize())
	case s.refusing && (err != nil || !cmd.inMulti):
		err = errRefusing
	case err == nil && s.monitor != nil && cmd.keyspace:
		err = errMonitors
	case err == nil && s.database != 0 && cmd.keyspace:
		err = errElsewhere
	}
	switch {
	case cmd == nil:
	case err != nil:
		cmd.counts.rejected.Add(1)
	default:
		cmd.counts.calls.Add(1)
	}
	return cmd, err
}

// oversize says that an argument was not taken.
func oversize(size int) error {
	if size > maxBulk {
		return fmt.Errorf("%w: a value is at most %d bytes long, this one %d",
			events.ErrTooLarge, events.MaxValue, size)
	}
	return fmt.Errorf("%w: a command is at most %d bytes long: send fewer keys at a time",
		events.ErrTooLarge, maxCommand)
}

// lookup finds a command and checks how many arguments it has.
func (s *Server) lookup(args [][]byte) (*command, error) {
	var room [32]byte
	c := s.commands[string(upper(room[:0], args[0]))]
	if c != nil && c.subs != nil && len(args) > 1 {
		sub := c.subs[string(upper(room[:0], args[1]))]
		if sub == nil {
			return nil, replyError(fmt.Sprintf("ERR unknown subcommand '%.128s'. Try %s HELP.", args[1], c.name))
		}
		c = sub
	}
	switch {
	case c == nil:
		return nil, unknownCommand(args)
	case c.arity > 0 && len(args) != c.arity, len(args) < -c.arity:
		return c, wrongNumber(c.name)
	}
	return c, nil
}

// speaksHTTP reports whether a word that is no command begins a line of HTTP that
// a browser sends: a web page could have it send commands behind it. Redis does
// the same.
func speaksHTTP(word []byte) bool { return resp.Is(word, "POST") || resp.Is(word, "HOST:") }

// upper appends the upper-case word to dst, cut off where no command is as long.
func upper(dst, word []byte) []byte {
	for _, c := range word[:min(len(word), cap(dst))] {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// replyError is an error that clients see as it stands, its code in front.
type replyError string

func (e replyError) Error() string { return string(e) }

const (
	errSyntax     replyError = "ERR syntax error"
	errNotInteger replyError = "ERR value is not an integer or out of range"
)

func wrongNumber(name string) error {
	return replyError("ERR wrong number of arguments for '" + strings.ToLower(name) + "' command")
}

func unknownCommand(args [][]byte) error {
	switch name := strings.ToUpper(string(args[0][:min(len(args[0]), 32)])); name {
	case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE":
		return replyError("ERR " + name + " is not supported, nothing is published here: use MONITOR for the commands of this node, dht watch for changes of keys")
	}
	text := fmt.Sprintf("ERR unknown command '%.128s', with args beginning with: ", args[0])
	for _, arg := range args[1:] {
		if len(text) > 256 {
			break
		}
		text += fmt.Sprintf("'%.128s' ", arg)
	}
	return replyError(text)
}

// errorText is an error as clients see it: a word in capitals, then what
// happened.
func errorText(err error) string {
	var words replyError
	if errors.As(err, &words) {
		return string(words)
	}
	code := events.ErrInternal
	errors.As(err, &code)
	return code.RESPWord() + " " + strings.TrimPrefix(err.Error(), code.Error()+": ")
}
