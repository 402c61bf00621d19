package google

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/openid"
)

// Kind is what configuration calls this provider.
const Kind = "google"

const issuer = "https://accounts.google.com"

// New returns Sign in with Google. O needs Instance.ID, Instance.ClientID,
// ClientSecret and Fetch; what it leaves empty is Google's own. An Issuer that
// is given is the base of a simulation, which serves all of Google's hosts.
func New(o openid.Options) (*openid.Provider, error) {
	o.Instance.Kind = Kind
	at := openid.Endpoints{
		Authorize: issuer + "/o/oauth2/v2/auth",
		Token:     "https://oauth2.googleapis.com/token",
		Keys:      "https://www.googleapis.com/oauth2/v3/certs",
	}
	if o.Instance.Issuer == "" {
		o.Instance.Issuer = issuer
	}
	if o.Instance.Issuer != issuer {
		base := strings.TrimSuffix(o.Instance.Issuer, "/")
		at = openid.Endpoints{
			Authorize: base + "/o/oauth2/v2/auth",
			Token:     base + "/token",
			Keys:      base + "/oauth2/v3/certs",
		}
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "Google"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthAsked
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid", "email", "profile"}
	}
	o.Endpoints = o.Endpoints.Or(at)
	_, bare, _ := strings.Cut(o.Instance.Issuer, "://")
	o.Issuers = append(o.Issuers, bare) // iss is seen without its scheme
	o.PKCE = true
	o.AuthMethod = oauth2.SecretPost
	o.Algorithms = []string{"RS256"}
	o.Quirks = openid.Quirks{Quirks: oauth2.Quirks{Authorize: authorize, Page: page}}
	return openid.New(o)
}

// page reads Google's error page, which is a redirect to a path of its own; the
// reason stands in a parameter, wrapped in Base64.
func page(p oauth2.Page) (providers.Outcome, string, bool) {
	to, err := url.Parse(p.Location)
	if err != nil || !strings.HasSuffix(to.Path, "/signin/oauth/error") {
		return providers.Unknown, "", false
	}
	reason, err := base64.StdEncoding.DecodeString(padded(to.Query().Get("authError")))
	if err != nil {
		return providers.Unknown, "oauth_error", true
	}
	for _, code := range []string{"redirect_uri_mismatch", "invalid_client", "deleted_client", "disabled_client", "invalid_scope", "org_internal"} {
		if strings.Contains(string(reason), code) {
			return providers.Ours, code, true
		}
	}
	return providers.Unknown, "oauth_error", true
}

// padded makes standard Base64 of either alphabet, with or without padding.
func padded(text string) string {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return text + strings.Repeat("=", (4-len(text)%4)%4)
}

// authorize asks in the words that Google knows: the nearest to login is to
// have the account chosen anew.
func authorize(_ providers.Leg, query url.Values) {
	if query.Get("prompt") == "login" {
		query.Set("prompt", "select_account")
	}
	query.Del("ui_locales")
}
