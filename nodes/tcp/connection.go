package tcp

import "strings"

func connectionCommands() []command {
	return []command{
		{name: "PING", arity: -1, reply: replyPing},
		{name: "ECHO", arity: 2, reply: replyEcho},
		{name: "HELLO", arity: -1, alone: true, reply: replyHello},
		{name: "AUTH", arity: -2, alone: true, reply: replyAuth},
		{name: "SELECT", arity: 2, begin: beginSelect, reply: replyOK},
		{name: "QUIT", arity: -1, alone: true, quiet: true, reply: replyQuit, inMulti: true},
		{name: "RESET", arity: 1, alone: true, begin: beginReset, reply: replyReset, inMulti: true},
	}
}

func replyPing(s *session, c *call) error {
	switch len(c.args) {
	case 1:
		s.out.Simple("PONG")
	case 2:
		s.out.Bulk(c.args[1])
	default:
		return wrongNumber("ping")
	}
	return nil
}

func replyEcho(s *session, c *call) error {
	s.out.Bulk(c.args[1])
	return nil
}

const (
	errNoPassword replyError = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
	errWrongPass  replyError = "WRONGPASS invalid username-password pair or user is disabled."
	errNoProto    replyError = "NOPROTO unsupported protocol version"
)

// replyHello answers HELLO [protover [AUTH user password] [SETNAME name]].
func replyHello(s *session, c *call) error {
	proto, name := s.out.Proto, s.name
	if len(c.args) > 1 {
		n, err := integer(c.args[1])
		if err != nil {
			return replyError("ERR Protocol version is not an integer or out of range")
		}
		if n != 2 && n != 3 {
			return errNoProto
		}
		proto = int(n)
	}
	for i := 2; i < len(c.args); i++ {
		switch left := len(c.args) - i - 1; {
		case strings.EqualFold(string(c.args[i]), "AUTH") && left >= 2:
			if err := authenticate(c.args[i+1]); err != nil {
				return err
			}
			i += 2
		case strings.EqualFold(string(c.args[i]), "SETNAME") && left >= 1:
			i++
			if name = string(c.args[i]); !isClientName(name) {
				return errClientName
			}
		default:
			return replyError("ERR Syntax error in HELLO option '" + string(c.args[i]) + "'")
		}
	}
	s.out.Proto = proto
	s.rename(name)
	s.hello()
	return nil
}

func (s *session) hello() {
	out := &s.out
	out.Map(7)
	out.Text("server")
	out.Text("redis")
	out.Text("version")
	out.Text(redisVersion)
	out.Text("proto")
	out.Int(int64(max(out.Proto, 2)))
	out.Text("id")
	out.Int(s.id)
	out.Text("mode")
	out.Text("standalone")
	out.Text("role")
	out.Text("master")
	out.Text("modules")
	out.Array(0)
}

// authenticate takes the default user with whatever password, as Redis does that
// has none.
func authenticate(user []byte) error {
	if string(user) != "default" {
		return errWrongPass
	}
	return nil
}

func replyAuth(s *session, c *call) error {
	switch len(c.args) {
	case 2:
		return errNoPassword
	case 3:
		if err := authenticate(c.args[1]); err != nil {
			return err
		}
		s.out.Simple("OK")
		return nil
	}
	return errSyntax
}

// beginSelect takes 0, the only database. A client that means another one of the 16
// that Redis has must not work on this one, should it not look at the reply: what
// follows is refused until it selects 0.
func beginSelect(s *session, c *call) error {
	n, err := integer(c.args[1])
	if err != nil {
		return err
	}
	if n >= 0 && n < 16 {
		s.database = n
	}
	if n != 0 {
		return errDatabase
	}
	return nil
}

const (
	errDatabase  replyError = "ERR DB index is out of range"
	errElsewhere replyError = "ERR not carried out: this connection selected a database that is not here, there is only database 0"
)

func replyQuit(s *session, _ *call) error {
	s.out.Simple("OK")
	s.quit = true
	return nil
}

func beginReset(s *session, _ *call) error {
	s.unmonitor()
	s.refusing, s.database = false, 0
	return nil
}

func replyReset(s *session, _ *call) error {
	s.out.Proto = 0
	s.unmute()
	s.rename("")
	s.out.Simple("RESET")
	return nil
}
