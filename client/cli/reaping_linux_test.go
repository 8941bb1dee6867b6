package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUp_FirstProcess runs dht up as the first process of a container: it reaps
// the orphans that come to it, and ends as its processes do.
func TestUp_FirstProcess(t *testing.T) {
	if out, err := exec.Command("unshare", "-Urpf", "--mount-proc", "true").CombinedOutput(); err != nil {
		t.Skipf("this system lets nobody make a process namespace: %v, %s", err, out)
	}
	w := newWorkplace(t)
	const orphans = `#!/bin/sh
for i in 1 2 3 4 5; do (sh -c true & sh -c true &); done
while grep -q "^State:.Z" /proc/[0-9]*/status 2> /dev/null; do sleep 0.05; done
echo none is left
exit 7
`
	for name, text := range map[string]string{"orphans": orphans, "Procfile": "one: timeout 20 sh ./orphans\n"} {
		if err := os.WriteFile(filepath.Join(w.folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("unshare", "-Urpf", "--mount-proc", filepath.Join(w.folder, "dht"), "up", "-f", "Procfile")
	cmd.Dir, cmd.Env = w.folder, w.env
	out, _ := cmd.CombinedOutput()
	if !strings.Contains(string(out), "none is left") || !strings.Contains(string(out), "dht: one: exit status 7") ||
		cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("exit status %d, %s", cmd.ProcessState.ExitCode(), out)
	}
}
