package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed assets
var assets embed.FS

// contentTypes are ours, not what this machine's tables say.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".png":  "image/png",
}

// asset serves one embedded file; a browser keeps it and asks whether it changed.
type asset struct {
	name    string
	kind    string
	content []byte
	tag     string
}

func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", a.tag)
	http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(a.content))
}

// mountAssets serves index.html at / and every file below /assets/.
func mountAssets(mux *http.ServeMux) error {
	return fs.WalkDir(assets, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		kind, known := contentTypes[path.Ext(name)]
		if !known {
			return fmt.Errorf("%s: no content type is known for it", name)
		}
		a := &asset{name, kind, content, fmt.Sprintf("\"%x\"", sha256.Sum256(content))}
		mux.Handle("GET /"+name, a)
		if name == "assets/index.html" {
			mux.Handle("GET /{$}", a)
		}
		return nil
	})
}
