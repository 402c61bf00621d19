package naver

import (
	"net/url"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/openid"
)

// KindOpenID is what configuration calls Naver's OpenID Connect family.
const KindOpenID = "naver-openid"

// NewOpenID returns Naver Login in its OpenID Connect family. O needs
// Instance.ID, Instance.ClientID, ClientSecret and Fetch; what it leaves empty is
// Naver's own. An Issuer that is given is the base of a simulation, which serves
// both of Naver's hosts.
func NewOpenID(o openid.Options) (*openid.Provider, error) {
	o.Instance.Kind = KindOpenID
	if o.Instance.Issuer == "" {
		o.Instance.Issuer = loginHost
	}
	login, api := strings.TrimSuffix(o.Instance.Issuer, "/"), apiHost
	if login != loginHost {
		api = login
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "Naver"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthAsked
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid", "profile"} // there is no scope for an address: the console decides
	}
	o.Endpoints = o.Endpoints.Or(openid.Endpoints{
		Authorize: login + "/oauth2/authorize",
		Token:     login + "/oauth2/token",
		Keys:      login + "/oauth2/jwks",
		Userinfo:  api + "/v1/nid/me",
	})
	o.PKCE = true
	o.AuthMethod = oauth2.SecretPost // the credentials are not read from a header
	o.Algorithms = []string{"RS256"}
	o.Quirks = openid.Quirks{
		Quirks:  oauth2.Quirks{Authorize: authorizeOpenID, Redeem: redeem, Classify: classify, Refused: refusedOpenID},
		Claims:  func(oauth2.Document, providers.Return, *providers.Identity) {}, // it holds no profile
		Profile: profile,
	}
	return openid.New(o)
}

// authorizeOpenID asks for a fresh proof in Naver's own word, too: that prompt
// and max_age are understood is not documented.
func authorizeOpenID(leg providers.Leg, query url.Values) {
	for _, foreign := range []string{"prompt", "max_age", "login_hint", "ui_locales"} {
		query.Del(foreign)
	}
	authorize(leg, query)
}

func refusedOpenID(a oauth2.Answer) bool {
	return refused(a) || a.Document.Raw("error") == "invalid_grant"
}

// profile reads /v1/nid/me, which names the person by id.
func profile(answer oauth2.Document, identity *providers.Identity) error {
	found, err := identify(answer)
	switch {
	case err != nil:
		return err
	case found.Subject == "":
		return oauth2.Refuse(providers.Unknown, "the profile does not say who it is about")
	case found.Subject != identity.Subject:
		return oauth2.Refuse(providers.Trust, "the profile is about someone else")
	}
	identity.Name, identity.Email, identity.Phone, identity.Picture = found.Name, found.Email, found.Phone, found.Picture
	return nil
}
