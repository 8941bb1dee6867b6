package cli_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme_NamesTests wants every test that a README names: a promise whose
// test is gone is none.
func TestReadme_NamesTests(t *testing.T) {
	known := testNames(t)
	name := regexp.MustCompile("`((?:Test|Benchmark|Fuzz)\\w+|[\\w-]+\\.txtar)`")
	found := 0
	for _, path := range readmes(t) {
		for _, named := range name.FindAllStringSubmatch(contents(t, path), -1) {
			found++
			if !known[named[1]] {
				t.Errorf("%s: there is no test %s", path, named[1])
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d names of tests found", found)
	}
}

// testNames are those of all test functions and scripts of the tree.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	known := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w+)\(`)
	err := filepath.WalkDir(repository(t, "."), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasSuffix(path, ".txtar"):
			known[entry.Name()] = true
		case strings.HasSuffix(path, "_test.go"):
			for _, f := range declared.FindAllStringSubmatch(contents(t, path), -1) {
				known[f[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// TestReadme_Links wants a file or folder behind every link into this tree.
func TestReadme_Links(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	found := 0
	for _, path := range readmes(t) {
		for _, l := range link.FindAllStringSubmatch(contents(t, path), -1) {
			found++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), l[1])); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d links found", found)
	}
}

// TestReadme_NamesEveryPackage wants a row for each package in the table of them.
func TestReadme_NamesEveryPackage(t *testing.T) {
	table := contents(t, repository(t, ".ci/README.md"))
	for _, p := range packages(t) {
		folder, inside := strings.CutPrefix(p.ImportPath, "dht/")
		if inside && !strings.Contains(table, "\n| `"+folder+"` |") {
			t.Errorf(".ci/README.md has no row for %s", folder)
		}
	}
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
