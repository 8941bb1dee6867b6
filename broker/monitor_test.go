package broker_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"dht/broker"
)

func TestBroker_Monitor(t *testing.T) {
	b, err := broker.Open(t.Context(), broker.Options{Name: "told", Cluster: "c", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for path, field := range map[string]string{"/varz": "server_name", "/connz": "connections", "/routez": "routes"} {
		w := httptest.NewRecorder()
		b.Monitor().ServeHTTP(w, httptest.NewRequest("GET", path+"?auth=1", nil))
		var body map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != 200 {
			t.Errorf("%s: %d %v: %s", path, w.Code, err, w.Body)
		}
		if _, there := body[field]; !there {
			t.Errorf("%s tells nothing of %s: %s", path, field, w.Body)
		}
		if origin := w.Header().Get("Access-Control-Allow-Origin"); origin != "" {
			t.Errorf("%s may be read by pages of %s", path, origin)
		}
	}
	for _, path := range []string{"/jsz", "/accountz", "/"} {
		w := httptest.NewRecorder()
		b.Monitor().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
