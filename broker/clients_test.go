package broker

import "testing"

// TestClientsOf_LeavesFiles: clients of the bus take a share of the process's files,
// however few there are.
func TestClientsOf_LeavesFiles(t *testing.T) {
	for files, want := range map[uint64]int{16: 8, 64: 8, 1024: 128, 20_000: 2500, 1 << 40: 64 << 10} {
		if got := clientsOf(files); got != want {
			t.Errorf("of %d files clients get %d, want %d", files, got, want)
		}
	}
	opts, err := Options{Name: "few", Listen: "127.0.0.1:0"}.server()
	if err != nil {
		t.Fatal(err)
	}
	if opts.MaxConn != clientsOf(files()) {
		t.Errorf("the server takes %d clients, want %d", opts.MaxConn, clientsOf(files()))
	}
}
