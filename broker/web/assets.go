package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // for the style sheet and the script
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed assets/page.css
var pageCSS string

//go:embed assets/status.css
var statusCSS string

//go:embed assets/trouble.css
var troubleCSS string

//go:embed assets/wide.css
var wideCSS string

//go:embed assets/parts.css
var partsCSS string

//go:embed assets/account.css
var accountCSS string

//go:embed assets/app.js
var appJS []byte

//go:embed assets/icon.svg
var iconSVG []byte

// assets are the files beside the pages. Only the script is fetched; the style
// sheet stands in every page, where its hash allows it.
type assets struct {
	style      string // as it stands between the style tags
	styleHash  string // sha256-… of exactly that
	statusMore string // what the status page says behind it
	statusHash string // of both together
	// The same of pages of a login that cannot go on for now.
	troubleMore, troubleHash string
	// The same of the account page and the questions about it.
	accountMore, accountHash string
	// The same again of what lists devices, websites and what they see.
	partsMore, partsHash string
	scriptPath           string // /assets/app.<hash>.js
	icon                 string // data URL, so that browsers ask for no favicon
	files                map[string]file
}

type file struct {
	kind, cache   string
	body, gzipped []byte
}

// Caching of the assets: a name with a hash never changes its meaning.
const (
	forever = "public, max-age=31536000, immutable"
	oneDay  = "public, max-age=86400"
)

func loadAssets() (*assets, error) {
	short := shorten(pageCSS)
	sheet := func(css string) string { return short.Replace(minify(css)) }
	style := sheet(pageCSS)
	trouble, wide, parts := sheet(troubleCSS), sheet(troubleCSS+wideCSS), sheet(partsCSS)
	more, account := wide+sheet(statusCSS), wide+sheet(accountCSS)
	scriptSum := sha256.Sum256(appJS)
	a := &assets{
		style:      style,
		styleHash:  hashOf(style),
		statusMore: more,
		statusHash: hashOf(style + more),

		troubleMore: trouble, troubleHash: hashOf(style + trouble),
		accountMore: account, accountHash: hashOf(style + account),
		partsMore: parts, partsHash: hashOf(style + account + parts),
		scriptPath: "/assets/app." + hex.EncodeToString(scriptSum[:6]) + ".js",
		icon: "data:image/svg+xml," + strings.NewReplacer("#", "%23", "<", "%3C", ">", "%3E", "{", "%7B", "}", "%7D").
			Replace(strings.TrimSpace(string(iconSVG))),
	}
	gzipped, err := compress(appJS)
	if err != nil {
		return nil, err
	}
	a.files = map[string]file{
		a.scriptPath:   {kind: "text/javascript; charset=utf-8", cache: forever, body: appJS, gzipped: gzipped},
		"/favicon.ico": {kind: "image/svg+xml", cache: oneDay, body: iconSVG},
	}
	return a, nil
}

// hashOf names a style sheet in a content security policy.
func hashOf(style string) string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func compress(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return b.Bytes(), nil
}

// Assets serves what pages fetch, GET and HEAD: the script under its hashed name
// below /assets/, cached for good, and /favicon.ico for documents that are no
// pages of ours. Anything else is 404.
func (p *Pages) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		f, ok := p.assets.files[r.URL.Path]
		if !ok {
			header.Set("Cache-Control", "no-store")
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		body := f.body
		if f.gzipped != nil {
			header.Set("Vary", "Accept-Encoding")
			if AcceptsGzip(r.Header.Get("Accept-Encoding")) {
				header.Set("Content-Encoding", "gzip")
				body = f.gzipped
			}
		}
		header.Set("Content-Type", f.kind)
		header.Set("Cache-Control", f.cache)
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Content-Security-Policy", "default-src 'none'")
		header.Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method != http.MethodHead {
			// An error here is a browser that went away: nobody is left to tell.
			_, _ = w.Write(body)
		}
	})
}

// AcceptsGzip reads the Accept-Encoding header as far as browsers write it: gzip is named
// and not refused by a weight of 0.
func AcceptsGzip(header string) bool {
	for item := range strings.SplitSeq(header, ",") {
		coding, weight, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		_, q, weighted := strings.Cut(weight, "q=")
		value, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		return !weighted || err == nil && value > 0
	}
	return false
}

var (
	comments = regexp.MustCompile(`(?s)/\*.*?\*/`)
	spaces   = regexp.MustCompile(`\s+`)
	around   = regexp.MustCompile(`\s?([{};,])\s?`)
	after    = regexp.MustCompile(`:\s`)
)

// token finds the definitions of the colours and other tokens.
var token = regexp.MustCompile(`(--[a-z-]+):`)

// shorten gives the tokens that are defined in the style sheet names of a letter or
// two, in all sheets: they are written for people, stand on every page a hundred
// times, and mean nothing to a browser.
func shorten(css string) *strings.Replacer {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	var names []string
	for _, found := range token.FindAllStringSubmatch(minify(css), -1) {
		if !slices.Contains(names, found[1]) {
			names = append(names, found[1])
		}
	}
	var pairs []string
	for i, name := range names {
		short := "--" + letters[i%len(letters):][:1] + strings.Repeat("_", i/len(letters))
		// Only the whole name: it ends where it is defined, or used.
		for _, end := range []string{":", ")", ","} {
			pairs = append(pairs, name+end, short+end)
		}
	}
	return strings.NewReplacer(pairs...)
}

// minify takes comments and spare white space out of the style sheet, which has
// no strings that hold any. The template package would remove the comments
// itself and so break the hash.
func minify(css string) string {
	css = comments.ReplaceAllString(css, "")
	css = spaces.ReplaceAllString(css, " ")
	css = around.ReplaceAllString(css, "$1")
	css = after.ReplaceAllString(css, ":")
	return strings.TrimSpace(strings.ReplaceAll(css, ";}", "}"))
}
