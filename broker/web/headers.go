package web

import (
	"cmp"
	"maps"
	"net/http"
	"strings"
)

// headers are the fixed headers of every page, ready to be shared by all
// answers.
type headers struct {
	fixed     map[string][]string
	languages map[string][]string
	styles    map[string]string // the hashes of the style of templates that have some of their own
	styleHash string            // of the style sheet that every page has
}

// policy is the content security policy of every page, the hash of the style
// sheet in its middle. No inline script, no nonce: state goes into classes and
// data attributes, and all JavaScript is one file of our own.
//
// origins are those that forms of the page are sent to, beside our own.
func policy(styleHash string, origins ...string) string {
	to := strings.Join(append([]string{"'self'"}, origins...), " ")
	return "default-src 'none'; style-src 'self' '" + styleHash + "'; script-src 'self'; " +
		"img-src 'self' data:; connect-src 'self'; form-action " + to + "; base-uri 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"
}

// newHeaders prepares the headers. The referrer policy is same-origin, not
// no-referrer: under that one browsers send "Origin: null" with our own forms,
// which the cross-origin protection has to refuse.
func newHeaders(files *assets, dev bool) headers {
	h := headers{
		fixed: make(map[string][]string), languages: make(map[string][]string),
		styles:    map[string]string{"status": files.statusHash},
		styleHash: files.styleHash,
	}
	for _, template := range []string{"nothing", "problem", "wait"} {
		h.styles[template] = files.troubleHash
	}
	for _, template := range []string{"link", "unlink", "logged_out"} {
		h.styles[template] = files.accountHash
	}
	for _, template := range []string{"account", "consent", "ended", "step"} {
		h.styles[template] = files.partsHash
	}
	add := func(name, value string) { h.fixed[name] = []string{value} }
	add("Content-Type", "text/html; charset=utf-8")
	add("Content-Security-Policy", policy(files.styleHash))
	add("Referrer-Policy", "same-origin")
	add("X-Content-Type-Options", "nosniff")
	add("X-Frame-Options", "DENY")
	add("X-Robots-Tag", "noindex")
	add("Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self), "+
		"camera=(), microphone=(), geolocation=()")
	add("Cache-Control", "no-store")
	if !dev {
		add("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
	for _, lang := range languages {
		h.languages[lang] = []string{lang}
	}
	return h
}

// set puts the headers of a page that template draws into to, whose forms are sent
// to origins beside our own. The values are shared: their capacity is their length,
// so nobody can append to them in place.
func (h headers) set(to http.Header, lang, template string, origins ...string) {
	maps.Copy(to, h.fixed)
	style, own := h.styles[template]
	if own || len(origins) > 0 {
		to.Set("Content-Security-Policy", policy(cmp.Or(style, h.styleHash), origins...))
	}
	to["Content-Language"] = h.languages[lang]
}
