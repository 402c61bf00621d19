package look

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the style sheet and the script
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
)

//go:embed assets/look.css
var sheet []byte

//go:embed assets/copy.js
var copyScript []byte

// policy lets a page use its own style sheet, scripts and forms, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Headers sets what every page of dev mode says about itself.
func Headers(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Cache-Control", "no-store")
}

// Sheet returns the shared style sheet with a page's own rules behind it.
func Sheet(own []byte) []byte {
	return bytes.Join([][]byte{sheet, own}, []byte("\n"))
}

// CopyScript returns the module that makes copy buttons work: elements with
// data-copy, hidden until it runs.
func CopyScript() []byte { return copyScript }

// Asset serves body under kind; browsers ask again each time and are told
// when nothing changed.
func Asset(kind string, body []byte) http.Handler {
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("ETag", etag)
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(body) // a browser that left needs no answer
	})
}

// Render writes the template name of pages with view as a whole page, or
// nothing but an error.
func Render(w http.ResponseWriter, pages *template.Template, name string, status int, view any) error {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, view); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	Headers(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // a browser that left needs no answer
	return nil
}

// Funcs is what templates of dev pages may call.
func Funcs() template.FuncMap {
	return template.FuncMap{"glyph": glyph}
}
