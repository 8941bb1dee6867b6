package configs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dht/configs"
	"dht/events"
)

func TestLoad_EveryFileInThisFolder(t *testing.T) {
	files, err := filepath.Glob("*.toml")
	if err != nil || len(files) < 3 {
		t.Fatalf("only %d cluster files here, %v", len(files), err)
	}
	for _, file := range files {
		c, err := configs.Load(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := c.Map(); err != nil {
			t.Error(err)
		}
		for _, n := range c.Nodes {
			if exposed := n.Exposed(); len(exposed) > 0 {
				t.Errorf("%s: node %s listens beyond this machine: %v", file, n.Name, exposed)
			}
		}
	}
}

func TestLoad_DefaultIsThree(t *testing.T) {
	c, err := configs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Map()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(m.Names(nil), " "); got != "linux mac android" || c.Name != "three" || c.Epoch != 1 || c.Copies != 1 {
		t.Errorf("default is %s: %s, epoch %d, copies %s", c.Name, got, c.Epoch, c.Copies)
	}
	if got := strings.Join(c.Servers(), " "); got != "nats://127.0.0.1:4222 nats://127.0.0.1:4223 nats://127.0.0.1:4224" {
		t.Errorf("servers are %s", got)
	}
}

func TestParse_Refuses(t *testing.T) {
	node := "\n[[node]]\nname = \"a\"\nrule = \"otherwise\"\nbus = \"127.0.0.1:1\"\n"
	for text, want := range map[string]string{
		"name = \"x\"\nepoch = 1\nwhat = 2" + node:                                                   `x.toml:3: config: unknown key "what"`,
		"name = \"x\"\nepoch = 1" + node + "colour = \"red\"":                                        `x.toml:7: config: unknown key "node.colour"`,
		"name = \"x\"\nepoch = one" + node:                                                           `x.toml:2:9: config:`,
		"name = \"x\"\nepoch = \"one\"" + node:                                                       `x.toml:2:9: config:`,
		"name = \"x\"" + node:                                                                        "epoch must be at least 1",
		"name = \"x\"\nepoch = 1\ncopies = 0" + node:                                                 "copies = 0",
		"name = \"x\"\nepoch = 1\ncopies = \"all\"" + node:                                           `copies = "all": write 1, 2, 3 … or "every-match"`,
		"name = \"x\"\nepoch = 1\ncopies = 2.5" + node:                                               "copies = 2.5",
		"name = \"X\"\nepoch = 1" + node:                                                             `cluster name "X"`,
		"name = \"x\"\nepoch = 1\nprefix = \"a b\"" + node:                                           `prefix name "a b"`,
		"name = \"x\"\nepoch = 1\nprefix = \"a.\"" + node:                                            `prefix name "a."`,
		"name = \"x\"\nepoch = 1\nnats = [\"what\"]" + node:                                          `nats server 1 of 1 is not`,
		"name = \"x\"\nepoch = 1":                                                                    "no nodes",
		"name = \"x\"\nepoch = 1" + node + "tcp = \"7401\"":                                          `node a: config: tcp = "7401" is not host:port`,
		"name = \"x\"\nepoch = 1\n[[node]]\nname = \"a\"\nrule = \"otherwise\"":                      "no bus address",
		"name = \"x\"\nepoch = 1\n[[node]]\nname = \"a\"\nrule = \"md5 % 2\"\nbus = \"127.0.0.1:1\"": `node a: config: rule "md5 % 2", column 8`,
		"Name = \"x\"\nepoch = 1" + node:                                                             `x.toml:1: config: unknown key "Name"`,
		"name = \"x\"\nName = \"y\"\nepoch = 1" + node:                                               `x.toml:2: config: unknown key "Name"`,
		"name = \"x\"\nepoch = 1" + node + "Bus = \"127.0.0.1:2\"":                                   `x.toml:7: config: unknown key "Bus"`,
		"\xff\xfen\x00":                                                                                                   "x.toml: config: this is UTF-16: save it as UTF-8",
		"name = 1\nepoch = 1" + node:                                                                                      "x.toml:1:8: config: name is a text, in quotes",
		"name = \"x\"\nepoch = 1.5" + node:                                                                                "x.toml:2:9: config: epoch is a whole number, at least 1",
		"name = \"x\"\nepoch = -1" + node:                                                                                 "x.toml:2:9: config: epoch is a whole number, at least 1",
		"name = \"x\"\nepoch = 1\nnats = \"nats://x:1\"" + node:                                                           "x.toml:3:8: config: nats is a list of texts",
		"name = \"x\"\nepoch = 1\nnode = 5":                                                                               "x.toml:3:8: config: every node begins with a line [[node]]",
		"name = \"x\"\nepoch = 1" + node + "tcp = 7401":                                                                   "x.toml:7:7: config: node.tcp is a text, in quotes",
		"name = \"x\"\nepoch = 1\nnats = [\"nats://me:secret@host:x\"]" + node:                                            `nats server 1 of 1 is not`,
		"name = \"x\"\nepoch = 1" + node + "tcp = \"127.0.0.1:0\"":                                                        `node a: config: tcp = "127.0.0.1:0" has no port: write a number from 1 to 65535`,
		"name = \"x\"\nepoch = 1" + node + "tcp = \"127.0.0.1:redis\"":                                                    `has no port`,
		"name = \"x\"\nepoch = 1" + node + "tcp = \"127.0.0.1:-1\"":                                                       `has no port`,
		"name = \"x\"\nepoch = 1" + node + "tcp = \"127.0.0.1:\"":                                                         `has no port`,
		"name = \"x\"\nepoch = 1" + node + "tcp = \"nats://127.0.0.1:1\"":                                                 `is not host:port`,
		"name = \"x\"\nepoch = 1" + node + "tcp = \":7401\"":                                                              `tcp = ":7401" is no address that others can dial`,
		"name = \"x\"\nepoch = 1" + node + "route = \"[::]:6222\"":                                                        `route = "[::]:6222" is no address that others can dial`,
		"name = \"x\"\nepoch = 1" + node + "tcp = \"127.0.0.1:1\"":                                                        `tcp of a and bus of a have the same address, 127.0.0.1:1`,
		"name = \"x\"\nepoch = 1" + node + "[[node]]\nname = \"b\"\nrule = \"otherwise\"\nbus = \"localhost:01\"":         `bus of a and bus of b have the same address, localhost:01`,
		"name = \"x\"\nepoch = 1" + node + "[[node]]\nname = \"b\"\nrule = \"otherwise\"\ntcp = \"[::ffff:127.0.0.1]:1\"": `have the same address`,
		"name = \"x\"\nepoch = 1" + node + node:                                                                           `two nodes are named "a"`,
	} {
		_, err := configs.Parse("x.toml", []byte(text))
		if !errors.Is(err, events.ErrConfig) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestParse_Accepts(t *testing.T) {
	node := "\n[[node]]\nname = \"a\"\nrule = \"otherwise\"\nbus = \"127.0.0.1:1\"\n"
	for _, text := range []string{
		"\ufeffname = \"x\"\nepoch = 1" + node,
		strings.ReplaceAll("name = \"x\"\nepoch = 1"+node, "\n", "\r\n"),
		"name = \"x\"\nepoch = 1" + node + "http = \"0.0.0.0:8401\"", // nobody but a browser dials it
	} {
		if _, err := configs.Parse("x.toml", []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestReadFile_Refuses holds that what may have no end is not read to its end.
func TestReadFile_Refuses(t *testing.T) {
	folder := t.TempDir()
	large := filepath.Join(folder, "large")
	if err := os.WriteFile(large, make([]byte, configs.MaxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                            "a file without a name is none",
		folder:                        folder + " is a folder, and a file is wanted",
		os.DevNull:                    os.DevNull + " is a pipe or a device, and a file is wanted",
		large:                         large + " is longer than 1 MiB, which is the most",
		filepath.Join(folder, "none"): "there is no " + filepath.Join(folder, "none"),
		filepath.Join(large, "x"):     filepath.Join(large, "x") + " takes a file for a folder",
		strings.Repeat("long", 100):   "no file has a name as long as longlong",
	} {
		if _, err := configs.ReadFile(path); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

func TestConfig_Startable(t *testing.T) {
	text := "name = \"x\"\nepoch = 1\ncopies = COPIES\n[[node]]\nname = \"a\"\nrule = \"otherwise\"\nbus = \"192.0.2.1:1\"\n" +
		"[[node]]\nname = \"b\"\nrule = \"otherwise\"\ntcp = \"127.0.0.1:2\"\n"
	for copies, want := range map[string]string{"1": "", `"every-match"`: "", "2": "copies = 2: nodes do not keep copies yet"} {
		c, err := configs.Parse("x.toml", []byte(strings.Replace(text, "COPIES", copies, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Startable(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("copies = %s: %v", copies, err)
		}
		a, b := strings.Join(c.Wants(c.Nodes[0]), " "), strings.Join(c.Wants(c.Nodes[1]), " ")
		if a != "--insecure, for other machines reach 192.0.2.1:1" || b != "--no-bus, for it has no bus address" {
			t.Errorf("a wants %q, b %q", a, b)
		}
	}
}

func TestConfig_MapRefusesGaps(t *testing.T) {
	c, err := configs.Parse("x.toml", []byte("name = \"x\"\nepoch = 1\n[[node]]\nname = \"a\"\nrule = \"md5 % 2 == 0\"\nbus = \"127.0.0.1:1\""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Map(); !errors.Is(err, events.ErrConfig) || !strings.Contains(err.Error(), "x.toml: config: the rules leave keys unclaimed") {
		t.Errorf("a gap is reported as %v", err)
	}
}

func TestParse_Memory(t *testing.T) {
	node := "\n[[node]]\nname = \"a\"\nrule = \"otherwise\"\nbus = \"127.0.0.1:1\"\n"
	for text, want := range map[string]int64{"64MB": 64_000_000, "64MiB": 64 << 20, "1 GiB": 1 << 30, "": 0, "64": -1, "much": -1, "-1MB": -1} {
		c, err := configs.Parse("x.toml", []byte("name = \"x\"\nepoch = 1\nmemory = \""+text+"\""+node))
		if want < 0 {
			if !errors.Is(err, events.ErrConfig) || !strings.Contains(err.Error(), "memory = ") {
				t.Errorf("memory %q: %v", text, err)
			}
			continue
		}
		if err != nil || c.Memory != want {
			t.Errorf("memory %q: %v, want %d", text, err, want)
		}
	}
}

func TestConfig_DataFolder(t *testing.T) {
	c := &configs.Config{File: filepath.Join("some", "where", "x.toml"), Name: "x"}
	absolute := filepath.Join(os.TempDir(), "d")
	for data, want := range map[string]string{
		"":       filepath.Join("dht", "x", "a"),
		"d":      filepath.Join("some", "where", "d"),
		absolute: absolute,
	} {
		if got := c.DataFolder(configs.Node{Name: "a", Data: data}); !strings.HasSuffix(got, want) {
			t.Errorf("data = %q is %s, want …%s", data, got, want)
		}
	}
}

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true,
		"0.0.0.0:1": false, ":1": false, "[::]:1": false, "192.168.1.5:1": false, "myhost:1": false, "127.0.0.1": false,
	} {
		if got := configs.Loopback(addr); got != want {
			t.Errorf("Loopback(%s) = %v", addr, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	three, err := os.ReadFile("three.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(three)
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := configs.Parse("fuzz", text)
		if err == nil && c.Epoch == 0 {
			t.Fatal("epoch 0 is accepted")
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Fatalf("error of several lines: %q", err)
		}
	})
}

// TestParse_AnyPort: the system may choose a port that no other node looks up here.
func TestParse_AnyPort(t *testing.T) {
	text := "name = \"x\"\nepoch = 1\n"
	for _, name := range []string{"a", "b"} {
		text += fmt.Sprintf("[[node]]\nname = %q\nrule = \"otherwise\"\nbus = \"127.0.0.1:0\"\nroute = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n", name)
	}
	if _, err := configs.Parse("x.toml", []byte(text)); err != nil {
		t.Error(err)
	}
}
