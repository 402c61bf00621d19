package telegram

import (
	"net/url"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/openid"
)

// Kind is what configuration calls this provider.
const Kind = "telegram"

const (
	issuer  = "https://oauth.telegram.org"
	maxName = 120
)

// New returns Log In With Telegram. O needs Instance.ID, Instance.ClientID (the
// bot's id), ClientSecret and Fetch; what it leaves empty is Telegram's own. An
// Issuer that is given is the base of a simulation. Algorithms are RS256 unless
// another was chosen in BotFather.
func New(o openid.Options) (*openid.Provider, error) {
	o.Instance.Kind = Kind
	if o.Instance.Issuer == "" {
		o.Instance.Issuer = issuer
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "Telegram"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthNone
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid", "profile"}
	}
	base := strings.TrimSuffix(o.Instance.Issuer, "/")
	o.Endpoints = o.Endpoints.Or(openid.Endpoints{
		Authorize: base + "/auth",
		Token:     base + "/token",
		Keys:      base + "/.well-known/jwks.json",
	})
	o.PKCE = true
	o.AuthMethod = oauth2.SecretBasic
	if len(o.Algorithms) == 0 {
		o.Algorithms = []string{"RS256"}
	}
	o.Quirks = openid.Quirks{Quirks: oauth2.Quirks{Authorize: authorize}, Claims: claims}
	return openid.New(o)
}

// authorize keeps to the parameters that Telegram knows.
func authorize(_ providers.Leg, query url.Values) {
	for _, name := range []string{"prompt", "max_age", "login_hint", "ui_locales"} {
		query.Del(name)
	}
}

func claims(d oauth2.Document, _ providers.Return, identity *providers.Identity) {
	if identity.Name = d.Text("name", maxName); identity.Name == "" {
		identity.Name = d.Text("preferred_username", maxName)
	}
	identity.Picture = oauth2.Picture(d.Raw("picture"))
	number := d.ID("phone_number")
	if number != "" && !strings.HasPrefix(number, "+") {
		number = "+" + number
	}
	identity.Phone = oauth2.Phone(number)
	identity.PhoneVerified = identity.Phone != "" && d.Bool("phone_number_verified")
}
