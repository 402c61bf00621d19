package oauth2

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/url"
	"strings"

	"github.com/bongsu/bongsu/providers"
)

// AuthorizeURL returns where the browser is sent for leg, with extra added to
// the parameters of RFC 6749 4.1.1 and RFC 7636 4.3.
func (w *Wire) AuthorizeURL(leg providers.Leg, extra url.Values) string {
	query := maps.Clone(w.query)
	query.Set("response_type", "code")
	query.Set("client_id", w.o.Instance.ClientID)
	query.Set("redirect_uri", leg.RedirectURI)
	query.Set("state", leg.State)
	if len(w.o.Scopes) > 0 {
		query.Set("scope", strings.Join(w.o.Scopes, " "))
	}
	if w.o.PKCE {
		query.Set("code_challenge", challenge(leg.Verifier))
		query.Set("code_challenge_method", "S256")
	}
	maps.Copy(query, extra)
	if w.o.Quirks.Authorize != nil {
		w.o.Quirks.Authorize(leg, query)
	}
	target := w.authorize
	target.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // a form's plus for a space is not understood everywhere
	target.Fragment = w.o.Fragment
	return target.String()
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
