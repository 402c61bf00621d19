package kakao

import (
	"errors"
	"net/url"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/openid"
)

// Kind is what configuration calls this provider.
const Kind = "kakao"

const (
	issuer  = "https://kauth.kakao.com"
	apiHost = "https://kapi.kakao.com"

	maxName = 120
)

// New returns Kakao Login. O needs Instance.ID, Instance.ClientID (the REST API
// key) and Fetch; what it leaves empty is Kakao's own. An Issuer that is given
// is the base of a simulation, which serves both of Kakao's hosts.
func New(o openid.Options) (*openid.Provider, error) {
	o.Instance.Kind = Kind
	api := apiHost
	if o.Instance.Issuer == "" {
		o.Instance.Issuer = issuer
	} else {
		api = o.Instance.Issuer
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "Kakao"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthAsked
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid", "profile_nickname", "account_email"}
	}
	base := strings.TrimSuffix(o.Instance.Issuer, "/")
	o.Endpoints = o.Endpoints.Or(openid.Endpoints{
		Authorize: base + "/oauth/authorize",
		Token:     base + "/oauth/token",
		Keys:      base + "/.well-known/jwks.json",
		Userinfo:  strings.TrimSuffix(api, "/") + "/v2/user/me?secure_resource=true", // pictures by https
	})
	o.PKCE = true
	o.AuthMethod = oauth2.SecretPost
	o.Algorithms = []string{"RS256"}
	o.Quirks = openid.Quirks{
		Quirks:  oauth2.Quirks{Authorize: authorize, Classify: classify, Refused: refused, Page: page, SecretRefused: []string{"KOE010"}},
		Claims:  claims,
		Profile: profile,
	}
	return openid.New(o)
}

// authorize asks in the words that Kakao knows: it has no max_age, so a bound
// on the age of the proof asks for a new one.
func authorize(_ providers.Leg, query url.Values) {
	if query.Has("max_age") {
		query.Set("prompt", "login")
	}
	query.Del("max_age")
	query.Del("ui_locales")
}

// claims takes the profile from the ID token, which never says that an address
// was checked.
func claims(d oauth2.Document, _ providers.Return, identity *providers.Identity) {
	openid.Standard(d, identity)
	identity.EmailVerified = false
	identity.PhoneVerified = false
}

var errAPI = errors.New("the profile answers with an error")

// profile takes what /v2/user/me knows. Its numeric id is the ID token's sub.
func profile(d oauth2.Document, identity *providers.Identity) error {
	switch id := d.ID("id"); {
	case id == "":
		if outcome, code, ok := classify(oauth2.Answer{Step: providers.StepUserinfo, Document: d}); ok {
			return &providers.Error{Outcome: outcome, Code: code, Err: errAPI}
		}
		return oauth2.Refuse(providers.Unknown, "the profile does not say whose it is")
	case id != identity.Subject:
		return oauth2.Refuse(providers.Trust, "the profile is someone else's")
	}
	account := d.Object("kakao_account")
	shown := account.Object("profile")
	for _, name := range []string{account.Text("name", maxName), shown.Text("nickname", maxName)} {
		if name != "" {
			identity.Name = name
			break
		}
	}
	if email := oauth2.Email(account.Raw("email")); email != "" {
		identity.Email = email
		identity.EmailVerified = account.Bool("is_email_valid") && account.Bool("is_email_verified")
	}
	if phone := oauth2.Phone(account.Raw("phone_number")); phone != "" {
		identity.Phone = phone
	}
	if picture := oauth2.Picture(shown.Raw("profile_image_url")); picture != "" && !shown.Bool("is_default_image") {
		identity.Picture = picture
	}
	return nil
}
