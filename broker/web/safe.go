package web

import (
	"errors"
	"html"
	"html/template"
	"strings"
	"unicode"
)

// ErrHref says that a terminal page was asked to lead to an address it must not
// lead to: relative, with spaces or control characters, or of a scheme that
// belongs neither to websites nor to an app.
var ErrHref = errors.New("web: unsafe return address")

// maxName bounds names that others chose, in characters.
const maxName = 80

// clean makes a name that others chose fit for the middle of a sentence: one
// line, bounded, without characters that turn the reading direction of what
// follows. Escaping is the templates' business.
func clean(name string) string {
	name = strings.TrimSpace(name)
	for i, r := range name {
		if i >= maxName || unfit(r) {
			return rebuild(name)
		}
	}
	return name
}

func rebuild(name string) string {
	var b strings.Builder
	count := 0
	for _, r := range name {
		if r == '\n' || r == '\r' || r == '\t' {
			r = ' '
		}
		if unfit(r) {
			continue
		}
		if count++; count > maxName {
			b.WriteRune('…')
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

func unfit(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}

// link returns address if a page may lead there: a path of our own, or http or
// https. Anything else is as good as no link at all.
func link(address string) string {
	if isLocal(address) || isWeb(address) {
		return address
	}
	return ""
}

// outside is an address that has an app open the person's own browser; empty for
// one of a scheme that does something else.
func outside(address string) template.URL {
	for _, start := range []string{"https://", "http://", "kakaotalk://web/openExternal?url=", "intent://"} {
		if strings.HasPrefix(address, start) && printable(address) {
			return template.URL(address) //nolint:gosec // made by us of a registered address, and of one of these schemes
		}
	}
	return ""
}

// isLocal reports whether address is a path on our own origin. A second slash or
// a backslash would make browsers read it as another host.
func isLocal(address string) bool {
	return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") && printable(address) &&
		!strings.Contains(address, `\`)
}

func isWeb(address string) bool {
	scheme, rest, ok := strings.Cut(address, "://")
	return ok && rest != "" && printable(address) &&
		(strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http"))
}

func printable(address string) bool {
	return !strings.ContainsFunc(address, func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == unicode.ReplacementChar
	})
}

// isApp reports whether address has the private-use scheme of an app, which is a
// domain name turned round and so has a dot (RFC 8252, 7.1). No scheme that
// browsers act upon themselves, such as javascript or data, has one.
func isApp(address string) bool {
	scheme, rest, ok := strings.Cut(address, ":")
	if !ok || rest == "" || !strings.Contains(scheme, ".") || !printable(address) {
		return false
	}
	for i, r := range scheme {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", r)) {
			return false
		}
	}
	return true
}

// returning writes a return address into the two places of the terminal page.
// The template package would rewrite parts of it (an apostrophe becomes %27);
// the website must get its redirect URI exactly as registered, so it is only
// escaped for HTML, here.
func returning(address string) (refresh, href template.HTMLAttr, err error) {
	if !isWeb(address) && !isApp(address) {
		return "", "", ErrHref
	}
	escaped := html.EscapeString(address)
	refresh = template.HTMLAttr(`content="0;url=` + escaped + `"`) // checked and escaped above
	href = template.HTMLAttr(`href="` + escaped + `"`)             // checked and escaped above
	return refresh, href, nil
}

// logo returns an address an image may be loaded from: https (the policy of the
// page then allows our own origin only) or a data URL of an image type. Anything
// else leaves the neutral mark.
func logo(address string) template.URL {
	if isLocal(address) || strings.HasPrefix(address, "https://") && isWeb(address) {
		return template.URL(address) // no scheme but https
	}
	for _, kind := range []string{"png", "jpeg", "webp", "gif", "svg+xml"} {
		rest, ok := strings.CutPrefix(address, "data:image/"+kind+";base64,")
		if ok && !strings.ContainsFunc(rest, notBase64) {
			return template.URL(address) // an image in base64, which scripts cannot hide in
		}
	}
	return ""
}

func notBase64(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("+/=", r)
}
