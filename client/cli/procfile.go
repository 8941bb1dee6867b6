package cli

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"dht/configs"
	"dht/events"
)

// process is one line of a Procfile.
type process struct{ name, command string }

var processLine = regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(\S.*)$`)

// readProcfile reads a Procfile as foreman and its kin do: "name: command"
// lines, blank lines and # comments.
func readProcfile(path string) (list []process, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read Procfile: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		parts := processLine.FindStringSubmatch(line)
		if parts == nil {
			return nil, fmt.Errorf("%w: %s:%d: %q is not \"name: command\"", events.ErrConfig, path, number, line)
		}
		list = append(list, process{parts[1], parts[2]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read Procfile %s: %w", path, err)
	}
	return list, nil
}

// everyNode is the Procfile of a cluster file: each node a process of its own.
func everyNode(c *configs.Config) (list []process) {
	for _, n := range c.Nodes {
		list = append(list, process{n.Name, "dht node " + n.Name})
	}
	return list
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
