package cli_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReadme runs every command of the console blocks of every README, in order,
// on one cluster that the first one starts, and holds what they print to what the
// README shows: letter for letter, but for numbers, hashes, bars and what it leaves out with "…".
func TestReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("needs redis-cli and curl")
	}
	r := newReader(t)
	commands := 0
	for _, path := range readmes(t) {
		for _, block := range blocks(t, path, "console") {
			for _, c := range commandsOf(block) {
				commands++
				r.run(c.line, c.output)
			}
		}
	}
	if commands < 35 {
		t.Errorf("only %d commands found", commands)
	}
	r.stop()
}

// TestReadme_GoIsCompiled looks the Go lines of a README up in its folder's examples, which are.
func TestReadme_GoIsCompiled(t *testing.T) {
	found := 0
	for _, path := range readmes(t) {
		for _, block := range blocks(t, path, "go") {
			found++
			example, err := os.ReadFile(filepath.Join(filepath.Dir(path), "example_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(block) {
				if !strings.Contains(string(example), strings.TrimSpace(line)) {
					t.Errorf("%s: no example has the line %q", path, line)
				}
			}
		}
	}
	if found == 0 {
		t.Fatal("no Go in any README")
	}
}

// TestReadme_EveryFolder wants one in each folder of the first two levels that has Go files.
func TestReadme_EveryFolder(t *testing.T) {
	root := repository(t, ".")
	for _, pattern := range []string{"*/*.go", "*/*/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no file %s: %v", pattern, err)
		}
		for _, file := range files {
			if strings.HasPrefix(strings.TrimPrefix(file, root), "/.") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), "README.md")); err != nil {
				t.Error(err)
			}
		}
	}
	first, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(first), "\n")
	if len(lines) > 151 || !strings.Contains(strings.Join(lines[:10], " "), "one copy of each key") {
		t.Errorf("README.md: %d lines; at most 150, and the first ten say that there is one copy only", len(lines))
	}
}

// readmes are all files of that name, the first one first.
func readmes(t *testing.T) (paths []string) {
	t.Helper()
	root := repository(t, ".")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return filepath.SkipDir
		case entry.Name() == "README.md" && filepath.Dir(path) == root:
			paths = slices.Insert(paths, 0, path)
		case entry.Name() == "README.md":
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil || len(paths) == 0 {
		t.Fatalf("no README found: %v", err)
	}
	return paths
}

// blocks are the fenced blocks of a language.
func blocks(t *testing.T, path, language string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fence := regexp.MustCompile("(?s)```" + language + "\n(.*?)```")
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		list = append(list, block[1])
	}
	return list
}

type shown struct{ line, output string }

func commandsOf(block string) (list []shown) {
	for line := range strings.Lines(block) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			list = append(list, shown{line: strings.TrimSpace(command)})
		} else if len(list) > 0 {
			list[len(list)-1].output += line
		}
	}
	return list
}

// reader follows the READMEs in a folder like a fresh clone, with this test's
// binary as dht, and a go that knows `go run .` and the test command.
type reader struct {
	t      *testing.T
	folder string
	env    []string
	ports  *strings.Replacer // the built-in file's ports by this test's
	up     *exec.Cmd
	upOut  *bytes.Buffer
	wanted string
}

func newReader(t *testing.T) *reader {
	t.Helper()
	folder := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(folder, "bin")
	must(os.Mkdir(bin, 0o700))
	must(os.Symlink(self, filepath.Join(bin, "dht")))
	must(os.WriteFile(filepath.Join(bin, "go"), []byte(`#!/bin/sh
[ "$1 $2" = "run ." ] && shift 2 && exec dht "$@"
[ "$*" = "test ./..." ] && exit 0 # it is running this test
[ "$*" = "test -short ./..." ] && exit 0
echo "the README's test does not know go $*" >&2; exit 1
`), 0o700))
	must(os.Symlink(repository(t, "configs"), filepath.Join(folder, "configs")))
	must(os.Symlink(repository(t, "Procfile"), filepath.Join(folder, "Procfile")))
	config, ports := clusterFile(t, folder)
	r := &reader{t: t, folder: folder, ports: ports, env: append(os.Environ(),
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"XDG_DATA_HOME="+filepath.Join(folder, "data"),
		"DHT_CONFIG="+config, "GORACE=atexit_sleep_ms=0")}
	t.Cleanup(r.stop)
	return r
}

func repository(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// clusterFile is the built-in cluster file on free ports.
func clusterFile(t *testing.T, folder string) (path string, ports *strings.Replacer) {
	t.Helper()
	text, err := os.ReadFile(repository(t, "configs/three.toml"))
	if err != nil {
		t.Fatal(err)
	}
	used := regexp.MustCompile(`127\.0\.0\.1:(\d+)`).FindAllStringSubmatch(string(text), -1)
	free, err := freePorts(len(used))
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for i, address := range used {
		pairs = append(pairs, address[1], fmt.Sprint(free[i]))
	}
	ports = strings.NewReplacer(pairs...)
	path = filepath.Join(folder, "three.toml")
	if err := os.WriteFile(path, []byte(ports.Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, ports
}

func (r *reader) command(line string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", r.ports.Replace(line))
	cmd.Dir, cmd.Env = r.folder, r.env
	return cmd
}

func (r *reader) run(line, want string) {
	r.t.Helper()
	if strings.HasSuffix(line, " up") {
		r.start(line, want)
		return
	}
	out, err := r.command(line).CombinedOutput()
	if err != nil && !strings.Contains(string(out), "dht: ") {
		r.t.Errorf("$ %s: %v", line, err)
	}
	r.compare(line, string(out), want)
}

// start leaves the cluster running; its output is compared when it has ended.
func (r *reader) start(line, want string) {
	r.up, r.upOut, r.wanted = r.command("exec "+line), &bytes.Buffer{}, want
	r.up.Stdout, r.up.Stderr = r.upOut, r.upOut
	if err := r.up.Start(); err != nil {
		r.t.Fatal(err)
	}
	for limit := time.Now().Add(30 * time.Second); ; {
		out, _ := r.command("dht status --json --timeout 500ms").Output()
		if strings.Count(string(out), `"up":true`) == 3 {
			return
		}
		if time.Now().After(limit) {
			r.t.Fatalf("$ %s: not ready: %s", line, out)
		}
	}
}

func (r *reader) stop() {
	if r.up == nil {
		return
	}
	_ = r.up.Process.Signal(syscall.SIGINT)
	if err := r.up.Wait(); err != nil {
		r.t.Errorf("dht up: %v", err)
	}
	r.up = nil
	if !strings.Contains(r.upOut.String(), "Ready.") || !strings.Contains(r.wanted, "Ready.") {
		r.t.Errorf("dht up prints\n%s\nthe README shows\n%s", r.upOut, r.wanted)
	}
}

var (
	varying = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{8}"|[0-9.]+( ?(%|µs|ms|s\b))?|[█▉▊▋▌▍▎▏]+`)
	blanks  = regexp.MustCompile(`[ \t]+`)
)

// compare holds output to what is shown, line by line.
func (r *reader) compare(line, got, want string) {
	r.t.Helper()
	normal := func(s string) []string {
		s = strings.ReplaceAll(s, "go run . ", "dht ")
		s = blanks.ReplaceAllString(varying.ReplaceAllString(s, "#"), " ")
		return strings.Split(strings.TrimSpace(strings.ReplaceAll(s, " \n", "\n")), "\n")
	}
	g, w := normal(got), normal(want)
	if len(g) != len(w) {
		r.t.Errorf("$ %s prints\n%s\nthe README shows\n%s", line, got, want)
		return
	}
	for i := range g {
		if trim(g[i]) != trim(w[i]) {
			r.t.Errorf("$ %s: line %d is\n%s\nthe README shows\n%s", line, i+1, g[i], w[i])
		}
	}
}

// trim drops a bar at the end: a small share has none.
func trim(s string) string { return strings.TrimRight(s, " #") }
