package tcp_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// What a client does not want to read is not sent, so that it takes no reply for
// that of a later command.
func TestClient_Reply(t *testing.T) {
	s := cluster(t)
	for _, tt := range []struct{ send, want string }{
		{"CLIENT REPLY OFF|SET l1 a|GET l1|NOSUCH|SET l1 b|CLIENT REPLY OFF|CLIENT REPLY ON|GET l1", "+OK|$1 b"},
		{"SET l1 c|CLIENT REPLY SKIP|SET l1 d|GET l1", "+OK|$1 d"},
		{"CLIENT REPLY SKIP|NOSUCH|PING", "+PONG"},
		{"CLIENT REPLY SKIP|GET|PING", "+PONG"},
		{"CLIENT REPLY SKIP|CLIENT REPLY SKIP|PING|ECHO x", "$1 x"},
		{"CLIENT REPLY SKIP|CLIENT REPLY ON|PING", "+OK|+PONG"},
		{"CLIENT REPLY SKIP|CLIENT REPLY OFF|PING|CLIENT REPLY ON", "+OK"},
		{"CLIENT REPLY OFF|CLIENT REPLY SKIP|PING|PING|CLIENT REPLY ON", "+OK"},
		{"CLIENT REPLY OFF|CLIENT REPLY FOO|PING|RESET|PING", "+RESET|+PONG"},
		{"GET l1|CLIENT REPLY SKIP|MULTI|SET l1 e|EXEC|GET l1", "$1 d|-ERR not carried out|-EXECABORT|$1 d"},
	} {
		for _, together := range []bool{true, false} {
			v := visit(t, s.addr("mac"))
			v.want("SET l1 "+map[bool]string{true: "z", false: "y"}[together], "+OK\r\n")
			if strings.Contains(tt.send, "MULTI") {
				v.want("SET l1 d", "+OK\r\n")
			}
			commands := strings.Split(tt.send, "|")
			if together {
				v.send(strings.Join(commands, "\r\n") + "\r\n")
			} else {
				for _, command := range commands {
					v.send(command + "\r\n")
				}
			}
			for _, want := range strings.Split(tt.want, "|") {
				if got := strings.ReplaceAll(v.reply(), "\r\n", " "); !strings.HasPrefix(got, want) {
					t.Errorf("%s is answered %q, want %s", tt.send, got, want)
				}
			}
		}
	}
}

// Replies that are not wanted are dropped whatever their size.
func TestClient_ReplyOffLarge(t *testing.T) {
	v := visit(t, cluster(t).addr("linux"))
	v.want("SET l1 "+strings.Repeat("x", 50_000), "+OK\r\n")
	gets := strings.Repeat(" l1", 100)
	v.send("CLIENT REPLY SKIP\r\nMGET" + gets + "\r\nECHO a\r\nCLIENT REPLY OFF\r\nMGET" + gets + "\r\nCLIENT REPLY ON\r\nPING\r\n")
	for _, want := range []string{"$1\r\na\r\n", "+OK\r\n", "+PONG\r\n"} {
		if got := v.reply(); got != want {
			t.Fatalf("answered %.80q, want %q", got, want)
		}
	}
}

var clientLine = regexp.MustCompile(`^id=\d+ addr=127\.0\.0\.1:\d+ laddr=127\.0\.0\.1:\d+ fd=\d+ name=\S* age=\d+ idle=\d+ flags=[NO] db=0 sub=0 psub=0 ssub=0 multi=-1 ` +
	`qbuf=\d+ qbuf-free=\d+ argv-mem=0 multi-mem=0 rbs=\d+ rbp=\d+ obl=\d+ oll=0 omem=0 tot-mem=\d+ events=r cmd=\S+ user=default redir=-1 resp=[23]( lib-name=\S*)?( lib-ver=\S*)?$`)

// lines are those of a bulk reply.
func (v *visitor) lines(command string) []string {
	v.Helper()
	_, text, _ := strings.Cut(v.ask(command), "\r\n")
	return strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' })
}

func TestClient_List(t *testing.T) {
	s := cluster(t)
	v, other, watcher := visit(t, s.addr("linux")), visit(t, s.addr("linux")), monitor(t, s.addr("linux"))
	other.ask("HELLO 3 SETNAME other")
	other.want("SET l1 v", "+OK\r\n")
	id := strings.TrimSpace(other.ask("CLIENT ID")[1:])
	other.ask("get l1")
	for _, tt := range []struct {
		ask    string
		lines  int
		within []string // of one line or another
	}{
		{"CLIENT LIST", 3, []string{" cmd=client|list ", " name=other ", " flags=O ", " cmd=get ", " cmd=monitor ", " resp=3", " laddr=" + s.addr("linux")}},
		{"CLIENT LIST TYPE normal", 3, []string{" name=other "}},
		{"CLIENT LIST type NORMAL", 3, []string{" name=other "}},
		{"CLIENT LIST TYPE replica", 0, nil},
		{"CLIENT LIST TYPE pubsub", 0, nil},
		{"CLIENT LIST ID " + id, 1, []string{"id=" + id + " ", " addr=" + other.LocalAddr().String() + " ", " name=other ", " cmd=get ", " resp=3"}},
		{"CLIENT LIST ID 99999 " + id, 1, []string{"id=" + id + " "}},
		{"CLIENT LIST ID 99999", 0, nil},
		{"CLIENT INFO", 1, []string{" addr=" + v.LocalAddr().String() + " ", " cmd=client|info ", " flags=N ", " resp=2"}},
	} {
		lines := v.lines(tt.ask)
		if len(lines) != tt.lines {
			t.Errorf("%s gives %d lines, want %d: %q", tt.ask, len(lines), tt.lines, lines)
		}
		for _, line := range lines {
			if !clientLine.MatchString(line) {
				t.Errorf("%s: a line unlike Redis's: %s", tt.ask, line)
			}
		}
		for _, want := range tt.within {
			if !strings.Contains(strings.Join(lines, "\n"), want) {
				t.Errorf("%s lacks %q: %q", tt.ask, want, lines)
			}
		}
	}
	watcher.Close()
}

// HELP names what there is, and whatever it names there is.
func TestServer_Help(t *testing.T) {
	v := visit(t, cluster(t).addr("linux"))
	for _, name := range []string{"CLIENT", "COMMAND", "CONFIG"} {
		lines := strings.Split(v.ask(strings.ToLower(name)+" help"), "\r\n")
		if lines[1] != "+"+name+" <subcommand> [<arg> [value] [opt] ...]. Subcommands are:" || lines[len(lines)-2] != "+    Print this help." {
			t.Errorf("%s HELP is answered %q", name, lines)
		}
		named := 0
		for _, line := range lines[2:] {
			if word, _, _ := strings.Cut(strings.TrimPrefix(line, "+"), " "); word != "" {
				named++
				if got := v.ask(name + " " + word + " a b c d e f"); strings.Contains(got, "unknown subcommand") {
					t.Errorf("%s %s: %q", name, word, got)
				}
			}
		}
		if named < 4 {
			t.Errorf("%s HELP names %d subcommands", name, named)
		}
		v.want(name+" FOO", fmt.Sprintf("-ERR unknown subcommand 'FOO'. Try %s HELP.\r\n", name))
	}
}

// A value that is longer than any argument may be is refused, and the connection
// goes on.
func TestServer_HugeValue(t *testing.T) {
	v := visit(t, cluster(t).addr("mac"))
	const size = 20_000_000
	set := fmt.Sprintf("*3\r\n$3\r\nSET\r\n$2\r\nl1\r\n$%d\r\n%s\r\n", size, strings.Repeat("x", size))
	v.send("SET l1 v\r\n" + set + "GET l1\r\n")
	refused := fmt.Sprintf("-TOOLARGE a value is at most 1040384 bytes long, this one %d\r\n", size)
	for _, want := range []string{"+OK\r\n", refused, "$1\r\nv\r\n"} {
		if got := v.reply(); got != want {
			t.Errorf("answered %.80q, want %q", got, want)
		}
	}
	value := strings.Repeat("x", 1_000_000)
	v.send("*141\r\n$4\r\nMSET\r\n" + strings.Repeat(fmt.Sprintf("$2\r\nl1\r\n$%d\r\n%s\r\n", len(value), value), 70) + "GET l1\r\n")
	for _, want := range []string{"-TOOLARGE a command is at most 67108864 bytes long: send fewer keys at a time\r\n", "$1\r\nv\r\n"} {
		if got := v.reply(); got != want {
			t.Errorf("answered %.80q, want %q", got, want)
		}
	}
}
