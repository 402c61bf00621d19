package status

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/bongsu/bongsu/broker/web"
)

// caching lets anybody between us and the reader keep a copy: shortly while we
// answer, for a day when we do not.
const caching = "public, max-age=15, stale-while-revalidate=60, stale-if-error=86400"

// document is one answer, made once and sent many times.
type document struct {
	header        http.Header
	body, gzipped []byte
	tag           string // of the body; the compressed one has a tag of its own
}

func newDocument(header http.Header, body []byte) (*document, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if _, err := w.Write(body); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	sum := sha256.Sum256(body)
	header.Set("Cache-Control", caching)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Add("Vary", "Accept-Encoding")
	return &document{header: header, body: body, gzipped: packed.Bytes(), tag: hex.EncodeToString(sum[:9])}, nil
}

// serve answers GET and HEAD, with 304 to whoever has this very document.
func (d *document) serve(w http.ResponseWriter, r *http.Request) error {
	header := w.Header()
	maps.Copy(header, d.header)
	body, tag := d.body, d.tag
	zipped := web.AcceptsGzip(r.Header.Get("Accept-Encoding"))
	if zipped {
		body, tag = d.gzipped, tag+"-gzip"
	}
	header.Set("ETag", `"`+tag+`"`)
	if has(r.Header.Get("If-None-Match"), `"`+tag+`"`) {
		header.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if zipped {
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// has compares If-None-Match weakly (RFC 9110 13.1.2).
func has(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}
