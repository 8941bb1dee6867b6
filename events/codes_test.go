package events_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dht/events"
)

// Others rest on all of this: scripts on exit statuses, programs on the rest.
const wantCodes = `
not-found      3   404  NOTFOUND      error       key not found
refused        4   409  REFUSED       error       refused
superseded     4   409  SUPERSEDED    superseded  a newer version stands
owner-offline  5   503  OWNEROFFLINE  error       owner offline
unknown        5   504  UNKNOWN       error       outcome unknown
unreachable    5   503  UNREACHABLE   error       no answer
corrupt        1   500  CORRUPT       corrupt     corrupt
bad-request    2   400  ERR           error       bad request
too-large      1   413  TOOLARGE      error       too large
clock-ahead    4   409  CLOCKAHEAD    error       clock ahead of the node's
late           4   409  LATE          error       too late
stale-map      4   409  STALEMAP      stale-map   another cluster map is in force
busy           4   503  TRYAGAIN      busy        busy
readonly       4   503  READONLY      readonly    node is read-only: its disk is full
stopped        1   503  STOPPED       error       node has stopped writing
name-taken     1   500  NAMETAKEN     error       name already taken
wrong-folder   1   500  WRONGFOLDER   error       wrong data folder
wrong-cluster  4   500  WRONGCLUSTER  error       wrong cluster
locked         1   500  LOCKED        error       data folder is in use
not-number     1   409  ERR           error       not a number
config         1   500  CONFIG        error       config
usage          2   400  USAGE         error       usage
interrupted    130 500  INTERRUPTED   error       interrupted
internal       1   500  ERR           error       internal
of-tomorrow    1   500  OFTOMORROW    error       of-tomorrow
`

func TestCode_IsCalledTheSameEverywhere(t *testing.T) {
	got := "\n"
	for _, name := range append(constants(t, "errors.go", "Code"), "of-tomorrow") {
		c := events.Code(name)
		got += fmt.Sprintf("%-14s %-3d %-4d %-13s %-11s %s\n", name, c.ExitStatus(), c.HTTPStatus(), c.RESPWord(), c.Status(), c.Error())
	}
	if got != wantCodes {
		t.Errorf("got%s\nwant%s", got, wantCodes)
	}
}

func TestCode_OfEveryStatusThatIsAnError(t *testing.T) {
	fine := []events.Status{events.StatusStored, events.StatusNotStored, events.StatusFound, events.StatusAbsent, events.StatusDeleted,
		events.StatusUnchanged, events.StatusListed, events.StatusSilent, events.StatusError} // the last one comes with a code
	for _, name := range constants(t, "words.go", "Status") {
		s := events.Status(name)
		code := s.Code()
		switch {
		case slices.Contains(fine, s) && code != "":
			t.Errorf("status %s means %s", s, code)
		case !slices.Contains(fine, s) && code.Status() != s:
			t.Errorf("status %s means %q, whose status is %s", s, code, code.Status())
		}
	}
}

// constants are the values of all constants of a type that a file declares.
func constants(t *testing.T, file, kind string) (values []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == kind && len(spec.Values) == 1 {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
		return true
	})
	if len(values) < 10 {
		t.Fatalf("only %d constants of type %s in %s: %s", len(values), kind, file, strings.Join(values, " "))
	}
	return values
}
