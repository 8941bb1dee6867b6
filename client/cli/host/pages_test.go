package host

import (
	"maps"
	"testing"

	"dht/configs"
)

// Only what a browser can go to is offered as a page.
func TestPages(t *testing.T) {
	c := &configs.Config{Nodes: []configs.Node{{Name: "linux", HTTP: "127.0.0.1:8401"}, {Name: "mac", HTTP: "mac.lan:80"},
		{Name: "six", HTTP: "[::1]:8403"}, {Name: "any", HTTP: "0.0.0.0:8404"}, {Name: "all", HTTP: ":8405"}, {Name: "later", HTTP: "127.0.0.1:0"}, {Name: "none"}}}
	want := map[string]string{"linux": "http://127.0.0.1:8401/", "mac": "http://mac.lan:80/", "six": "http://[::1]:8403/"}
	if got := pages(c); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
