package oauth

import (
	"net/url"
	"strings"
)

// RedirectURL returns redirectURI, unchanged byte for byte, with params added to
// its query in alphabetical order. The caller has checked redirectURI: it is
// registered and has no fragment.
func RedirectURL(redirectURI string, params url.Values) string {
	encoded := params.Encode()
	if encoded == "" {
		return redirectURI
	}
	separator := "?"
	if strings.Contains(redirectURI, "?") {
		separator = "&"
		if last := redirectURI[len(redirectURI)-1]; last == '?' || last == '&' {
			separator = ""
		}
	}
	return redirectURI + separator + encoded
}

// CodeRedirect returns redirectURI with code, the client's state unless empty,
// and iss (RFC 6749 4.1.2, RFC 9207).
func CodeRedirect(redirectURI, code, state, issuer string) string {
	v := url.Values{"code": {code}, "iss": {issuer}}
	if state != "" {
		v.Set("state", state)
	}
	return RedirectURL(redirectURI, v)
}
