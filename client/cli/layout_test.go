package cli_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed says which of our packages each package may import: nothing imports
// upward. A package that is not listed here may not exist. Tests of packages from
// client on may import client/cli/host, which runs whole nodes, too.
var allowed = map[string][]string{
	"dht":                       {"dht/client/cli"},
	"dht/events":                {"dht/events/jsontext"},
	"dht/events/jsontext":       {},
	"dht/events/quorum":         {"dht/events"},
	"dht/broker":                {},
	"dht/configs":               {"dht/events", "dht/nodes/placement"},
	"dht/nodes":                 {"dht/events", "dht/nodes/members", "dht/nodes/placement"},
	"dht/nodes/members":         {"dht/events", "dht/nodes/placement"},
	"dht/nodes/placement":       {"dht/events"},
	"dht/nodes/store":           {"dht/events", "dht/nodes/store/index", "dht/nodes/store/segment"},
	"dht/nodes/store/index":     {"dht/events", "dht/nodes/store/segment"},
	"dht/nodes/store/segment":   {"dht/events", "dht/events/jsontext"},
	"dht/nodes/store/storetest": {"dht/events", "dht/nodes/store"},
	"dht/nodes/bus":             {"dht/events", "dht/nodes", "dht/nodes/coordinator", "dht/nodes/members"},
	"dht/nodes/coordinator":     {"dht/events", "dht/events/quorum", "dht/nodes"},
	"dht/nodes/tcp": {"dht/events", "dht/nodes", "dht/nodes/coordinator", "dht/nodes/members",
		"dht/nodes/placement", "dht/nodes/tcp/resp"},
	"dht/nodes/tcp/resp": {},
	"dht/nodes/nodetest": {"dht/events", "dht/events/quorum", "dht/nodes", "dht/nodes/placement",
		"dht/nodes/store/storetest"},
	"dht/client":             {"dht/events", "dht/events/quorum", "dht/nodes/placement", "dht/nodes/tcp/resp"},
	"dht/client/monitor":     {"dht/events", "dht/client"},
	"dht/client/monitor/top": {"dht/events", "dht/client", "dht/client/monitor"},
	"dht/client/monitor/web": {"dht/events", "dht/client", "dht/client/monitor"},
	"dht/client/cli/host": {"dht/broker", "dht/client", "dht/client/monitor", "dht/client/monitor/web", "dht/configs",
		"dht/events",
		"dht/nodes", "dht/nodes/bus", "dht/nodes/placement", "dht/nodes/store", "dht/nodes/tcp"},
	"dht/client/cli/host/hosttest": {"dht/client/cli/host", "dht/configs", "dht/events"},
	"dht/client/cli/shell":         {},
	"dht/client/cli/term":          {},
	"dht/client/cli": {"dht/broker", "dht/client", "dht/client/cli/host", "dht/client/cli/shell", "dht/client/cli/term",
		"dht/client/monitor", "dht/client/monitor/top", "dht/configs", "dht/events", "dht/nodes/placement",
		"dht/nodes/store"},
}

// libraries says who may import a module that shapes the architecture.
var libraries = map[string][]string{
	"github.com/nats-io/nats-server/": {"dht/broker"},
	"github.com/nats-io/nats.go": {"dht/broker", "dht/nodes/bus", "dht/client", "dht/client/monitor", "dht/client/cli",
		"dht/client/cli/host", "dht/client/cli/host/hosttest"},
	"github.com/spf13/":         {"dht/client/cli"},
	"charm.land/":               {"dht/client/cli", "dht/client/cli/term", "dht/client/monitor/top"},
	"github.com/charmbracelet/": {"dht/client/cli", "dht/client/cli/term", "dht/client/monitor/top"},
	"github.com/peterh/":        {"dht/client/cli/shell"},
	"github.com/pelletier/":     {"dht/configs"},
	"github.com/prometheus/":    {"dht/client/monitor/web"},
}

type pkg struct {
	ImportPath string
	Imports    []string
	Doc        string
}

func packages(t *testing.T) (list []pkg) {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Doc", "dht/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for in := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := in.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func TestLayout_NothingImportsUpward(t *testing.T) {
	list := packages(t)
	if len(list) < 10 {
		t.Fatalf("only %d packages found", len(list))
	}
	for _, p := range list {
		mayImport, known := allowed[p.ImportPath]
		if !known {
			t.Errorf("package %s has no place in the layout", p.ImportPath)
		}
		for _, imported := range p.Imports {
			ours := imported == "dht" || strings.HasPrefix(imported, "dht/")
			if ours && !slices.Contains(mayImport, imported) {
				t.Errorf("%s may not import %s", p.ImportPath, imported)
			}
		}
	}
}

func TestLayout_FloorsStayOnTheGround(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for library, users := range libraries {
				if strings.HasPrefix(imported, library) && !slices.Contains(users, p.ImportPath) {
					t.Errorf("%s may not import %s", p.ImportPath, imported)
				}
			}
			foreign := strings.Contains(strings.Split(imported, "/")[0], ".")
			floor := p.ImportPath == "dht/events" || p.ImportPath == "dht/events/quorum" ||
				p.ImportPath == "dht/nodes/tcp/resp" || p.ImportPath == "dht/nodes"
			if floor && foreign && imported != "github.com/google/uuid" {
				t.Errorf("%s imports %s: the standard library and uuid only", p.ImportPath, imported)
			}
		}
	}
}

func TestLayout_EveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.Doc) < 40 {
			t.Errorf("%s has no package comment worth the name: %q", p.ImportPath, p.Doc)
		}
	}
}
