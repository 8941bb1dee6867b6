package broker

import "net/http"

// Monitor serves what the server tells of itself in JSON, at /varz, /connz and
// /routez, with nats-server's own query parameters. It keeps back who is logged
// in, and that pages from elsewhere may read along.
func (b *Broker) Monitor() http.Handler {
	mux := http.NewServeMux()
	for path, tell := range map[string]http.HandlerFunc{
		"/varz":   b.server.HandleVarz,
		"/connz":  b.server.HandleConnz,
		"/routez": b.server.HandleRoutez,
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			query := r.URL.Query()
			query.Del("auth")
			r.URL.RawQuery = query.Encode()
			w.Header().Set("Content-Type", "text/plain; charset=utf-8") // of its errors
			tell(sameOrigin{w}, r)
		})
	}
	return mux
}

// sameOrigin takes back that any page may read a response.
type sameOrigin struct{ http.ResponseWriter }

func (w sameOrigin) WriteHeader(status int) {
	w.Header().Del("Access-Control-Allow-Origin")
	w.ResponseWriter.WriteHeader(status)
}
