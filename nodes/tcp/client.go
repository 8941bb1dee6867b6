package tcp

import (
	"slices"
	"strings"

	"dht/nodes/tcp/resp"
)

func clientCommands() []command {
	return []command{container("CLIENT", -2,
		command{name: "GETNAME", arity: 2, reply: replyGetName,
			help: "GETNAME\nReturn the name of the current connection."},
		command{name: "GETREDIR", arity: 2, reply: replyGetRedir,
			help: "GETREDIR\nReturn the client ID we are redirecting to when tracking is enabled."},
		command{name: "ID", arity: 2, reply: replyID,
			help: "ID\nReturn the ID of the current connection."},
		command{name: "INFO", arity: 2, reply: replyClientInfo,
			help: "INFO\nReturn information about the current client connection."},
		command{name: "LIST", arity: -2, reply: replyList, quiet: true,
			help: "LIST [options ...]\nReturn information about client connections. Options:\n" +
				"* TYPE (NORMAL|MASTER|REPLICA|PUBSUB)\n  Return clients of specified type.\n" +
				"* ID <id> [<id> ...]\n  Return clients of specified IDs only."},
		command{name: "NO-EVICT", arity: 3, reply: replySwitch, quiet: true,
			help: "NO-EVICT (ON|OFF)\nAccepted: no client is evicted here."},
		command{name: "NO-TOUCH", arity: 3, reply: replySwitch,
			help: "NO-TOUCH (ON|OFF)\nAccepted: no key is evicted here."},
		command{name: "REPLY", arity: 3, reply: replyReply,
			help: "REPLY (ON|OFF|SKIP)\nControl the replies sent to the current connection."},
		command{name: "SETINFO", arity: 4, reply: replySetInfo,
			help: "SETINFO (LIB-NAME|LIB-VER) <value>\nSet what the client library says of itself."},
		command{name: "SETNAME", arity: 3, reply: replySetName,
			help: "SETNAME <name>\nAssign the name <name> to the current connection."},
		command{name: "TRACKING", arity: -3, reply: replyTracking,
			help: "TRACKING (ON|OFF)\nOnly OFF: no invalidations are sent."},
		command{name: "TRACKINGINFO", arity: 2, reply: replyTrackingInfo,
			help: "TRACKINGINFO\nReport tracking status for the current connection."},
	)}
}

const errClientName replyError = "ERR Client names cannot contain spaces, newlines or special characters."

func isClientName(name string) bool {
	return len(name) <= 256 && strings.IndexFunc(name, func(r rune) bool { return r < '!' || r > '~' }) < 0
}

func replyGetName(s *session, _ *call) error {
	if s.name == "" {
		s.out.Null()
	} else {
		s.out.Text(s.name)
	}
	return nil
}

func replySetName(s *session, c *call) error {
	name := string(c.args[2])
	if !isClientName(name) {
		return errClientName
	}
	s.rename(name)
	return replyOK(s, c)
}

func (s *session) rename(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name = name
}

func replySetInfo(s *session, c *call) error {
	what, text := strings.ToLower(string(c.args[2])), string(c.args[3])
	if what != "lib-name" && what != "lib-ver" {
		return replyError("ERR Unrecognized option '" + string(c.args[2]) + "'")
	}
	if !isClientName(text) {
		return replyError("ERR " + what + " cannot contain spaces, newlines or special characters.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if what == "lib-name" {
		s.library = text
	} else {
		s.libVersion = text
	}
	return replyOK(s, c)
}

func replyID(s *session, _ *call) error {
	s.out.Int(s.id)
	return nil
}

// replySwitch takes ON or OFF for what makes no difference here.
func replySwitch(s *session, c *call) error {
	if !resp.Is(c.args[2], "ON") && !resp.Is(c.args[2], "OFF") {
		return errSyntax
	}
	return replyOK(s, c)
}

// replyTracking takes OFF: a client that wants invalidations must hear that none
// are sent.
func replyTracking(s *session, c *call) error {
	for i := 3; i < len(c.args); i++ {
		switch option := strings.ToUpper(string(c.args[i])); {
		case slices.Contains([]string{"BCAST", "OPTIN", "OPTOUT", "NOLOOP"}, option):
		case (option == "REDIRECT" || option == "PREFIX") && i+1 < len(c.args):
			i++
		default:
			return errSyntax
		}
	}
	switch strings.ToUpper(string(c.args[2])) {
	case "OFF":
		return replyOK(s, c)
	case "ON":
		return replyError("ERR CLIENT TRACKING is not supported: no invalidations are sent")
	}
	return errSyntax
}

func replyGetRedir(s *session, _ *call) error {
	s.out.Int(-1) // tracking is off
	return nil
}

func replyTrackingInfo(s *session, _ *call) error {
	s.out.Map(3)
	s.out.Text("flags")
	s.out.Set(1)
	s.out.Text("off")
	s.out.Text("redirect")
	s.out.Int(-1)
	s.out.Text("prefixes")
	s.out.Array(0)
	return nil
}

// mute says which replies a client does not want.
type mute int

const (
	muteNone mute = iota
	muteAll
	muteNext // that of the next command
	muteThis // that of the command which is carried out now
)

// replyReply takes ON, OFF or SKIP: whoever does not read replies would take the
// next one for that of a later command.
func replyReply(s *session, c *call) error {
	was := s.mute
	switch strings.ToUpper(string(c.args[2])) {
	case "ON":
		s.unmute()
		return replyOK(s, c)
	case "OFF":
		was = muteAll
	case "SKIP":
		if was != muteAll {
			was = muteNext
		}
	default:
		return errSyntax
	}
	_ = s.flush() // what was answered before
	s.mute = was
	return nil
}

// unmute drops what was not wanted; replies are sent from now on.
func (s *session) unmute() {
	if s.mute != muteNone {
		s.out.Buf = s.out.Buf[:0]
	}
	s.mute = muteNone
}
