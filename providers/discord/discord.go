package discord

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/openid"
)

// Kind is what configuration calls this provider.
const Kind = "discord"

const (
	issuer  = "https://discord.com"
	avatars = "https://cdn.discordapp.com/avatars/"
	maxName = 120
)

// New returns Login with Discord. O needs Instance.ID, Instance.ClientID,
// ClientSecret and Fetch; what it leaves empty is Discord's own. An Issuer that is
// given is the base of a simulation.
func New(o openid.Options) (*openid.Provider, error) {
	o.Instance.Kind = Kind
	if o.Instance.Issuer == "" {
		o.Instance.Issuer = issuer
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "Discord"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthNone
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid", "identify", "email"}
	}
	base := strings.TrimSuffix(o.Instance.Issuer, "/")
	o.Endpoints = o.Endpoints.Or(openid.Endpoints{
		Authorize: base + "/oauth2/authorize",
		Token:     base + "/api/oauth2/token",
		Keys:      base + "/api/oauth2/keys",
		Userinfo:  base + "/api/users/@me",
	})
	o.PKCE = true
	o.AuthMethod = oauth2.SecretPost
	o.Algorithms = []string{"RS256"}
	o.Quirks = openid.Quirks{
		Quirks:  oauth2.Quirks{Authorize: authorize, Classify: classify},
		Claims:  func(oauth2.Document, providers.Return, *providers.Identity) {}, // the ID token holds no profile
		Profile: profile,
	}
	return openid.New(o)
}

// authorize keeps to the parameters that Discord knows.
func authorize(_ providers.Leg, query url.Values) {
	for _, name := range []string{"prompt", "max_age", "login_hint", "ui_locales"} {
		query.Del(name)
	}
}

var avatar = regexp.MustCompile(`^(a_)?[0-9a-f]{32}$`)

// profile reads {"id":"80351110224678912","username":…,"global_name":…,"avatar":…,"email":…,"verified":…}.
func profile(d oauth2.Document, identity *providers.Identity) error {
	switch id := d.ID("id"); {
	case id == "":
		return oauth2.Refuse(providers.Unknown, "the profile names nobody")
	case id != identity.Subject:
		return oauth2.Refuse(providers.Trust, "the profile is about someone else")
	}
	if identity.Name = d.Text("global_name", maxName); identity.Name == "" {
		identity.Name = d.Text("username", maxName)
	}
	identity.Email = oauth2.Email(d.Raw("email"))
	identity.EmailVerified = identity.Email != "" && d.Bool("verified")
	identity.Locale = oauth2.Locale(d.Raw("locale"))
	if hash := d.Raw("avatar"); avatar.MatchString(hash) {
		identity.Picture = oauth2.Picture(avatars + url.PathEscape(identity.Subject) + "/" + hash + ".png")
	}
	return nil
}

// classify reads what the API in front of everything says of a request: a number
// and a message, beside the codes of RFC 6749.
func classify(a oauth2.Answer) (providers.Outcome, string, bool) {
	if a.Document == nil || a.Code() != "" || a.Document.Raw("message") == "" {
		return providers.Unknown, "", false
	}
	code := "api_" + a.Document.ID("code")
	switch {
	case a.Status == 429:
		return providers.Ours, "rate_limited", true
	case a.Status >= 500:
		return providers.Down, code, true
	}
	return providers.Unknown, code, true
}
