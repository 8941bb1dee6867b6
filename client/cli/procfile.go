package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"dht/configs"
	"dht/events"
)

// process is one line of a Procfile.
type process struct {
	name, command string
	env           []string // beside the environment of them all
}

var processLine = regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(\S.*)$`)

// readProcfile reads a Procfile as foreman and its kin do: "name: command"
// lines, blank lines and # comments. Each process gets env, and a PORT.
func readProcfile(path string, env map[string]string) (list []process, err error) {
	text, err := configs.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: read Procfile: %w", events.ErrConfig, err)
	}
	port, err := basePort(env)
	if err != nil {
		return nil, err
	}
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		parts := processLine.FindStringSubmatch(line)
		if parts == nil {
			return nil, fmt.Errorf("%w: %s:%d: %q is not \"name: command\"", events.ErrConfig, path, number, line)
		}
		list = append(list, process{parts[1], parts[2], withPort(env, port+100*len(list))})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: %s has no \"name: command\" line", events.ErrConfig, path)
	}
	return list, nil
}

// basePort is the first process's PORT.
func basePort(env map[string]string) (int, error) {
	text := cmp.Or(env["PORT"], os.Getenv("PORT"), "5000")
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%w: PORT=%s: write a number up to 65535", events.ErrConfig, text)
	}
	return int(port), nil
}

func withPort(env map[string]string, port int) (list []string) {
	for name, value := range env {
		if name != "PORT" {
			list = append(list, name+"="+value)
		}
	}
	return append(list, "PORT="+strconv.Itoa(port))
}

var (
	variable = regexp.MustCompile(`^([A-Za-z_0-9]+)=(.*)$`)
	escape   = regexp.MustCompile(`\\(.)`)
)

// readEnvironment reads NAME=VALUE lines, where there is such a file, as foreman
// does: '…' is taken as it is, in "…" a backslash is taken off, and what is
// neither is a comment.
func readEnvironment(path string) (map[string]string, error) {
	text, err := configs.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read environment: %w", events.ErrConfig, err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		parts := variable.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if parts == nil {
			continue
		}
		value := parts[2]
		if n := len(value); n >= 2 && value[0] == value[n-1] {
			switch value[0] {
			case '\'':
				value = value[1 : n-1]
			case '"':
				value = escape.ReplaceAllString(value[1:n-1], "$1")
			}
		}
		env[parts[1]] = value
	}
	return env, nil
}

// choose keeps the processes called names, all of them when there are none.
func choose(list []process, names []string) ([]process, error) {
	if len(names) == 0 {
		return list, nil
	}
	var known []string
	for _, p := range list {
		known = append(known, p.name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%w: no process %q; there are %s", events.ErrConfig, name, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(list, func(p process) bool { return !slices.Contains(names, p.name) }), nil
}

var nodeCommandLine = regexp.MustCompile(`\bdht\b.*\bnode\s+([a-z0-9-]+)`)

// node is the name of the node that a process runs, if it runs one.
func (p process) node() string {
	if parts := nodeCommandLine.FindStringSubmatch(p.command); parts != nil {
		return parts[1]
	}
	return ""
}
