package line

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/openid"
)

// Kind is what configuration calls this provider.
const Kind = "line"

const (
	loginHost = "https://access.line.me" // and the issuer
	apiHost   = "https://api.line.me"
)

// The algorithms of LINE's ID tokens.
const (
	ES256 = "ES256" // by a published key
	HS256 = "HS256" // by the channel secret
)

// New returns LINE Login. O needs Instance.ID, Instance.ClientID (the channel
// id), ClientSecret and Fetch; what it leaves empty is LINE's own. Algorithms may
// name [ES256] and [HS256]: both unless set, and LINE is asked for ES256 unless
// HS256 stands alone. The userinfo endpoint is not asked unless it is set. An
// Issuer that is given is the base of a simulation, which serves both of LINE's
// hosts.
func New(o openid.Options) (*openid.Provider, error) {
	o.Instance.Kind = Kind
	if o.Instance.Issuer == "" {
		o.Instance.Issuer = loginHost
	}
	login, api := strings.TrimSuffix(o.Instance.Issuer, "/"), apiHost
	if login != loginHost {
		api = login
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "LINE"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthAsked
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid", "profile", "email"}
	}
	o.Endpoints = o.Endpoints.Or(openid.Endpoints{
		Authorize: login + "/oauth2/v2.1/authorize",
		Token:     api + "/oauth2/v2.1/token",
		Keys:      api + "/oauth2/v2.1/certs",
	})
	o.PKCE = true
	o.AuthMethod = oauth2.SecretPost
	if len(o.Algorithms) == 0 {
		o.Algorithms = []string{ES256, HS256}
	}
	quirks := oauth2.Quirks{Authorize: authorize, Classify: classify, Redeem: redeem}
	for _, alg := range o.Algorithms {
		if alg != ES256 && alg != HS256 {
			return nil, fmt.Errorf("provider %q: LINE signs ID tokens with ES256 or HS256, not with %q", o.Instance.ID, alg)
		}
	}
	if !slices.Contains(o.Algorithms, ES256) {
		quirks.Redeem = nil
	}
	o.Shared = slices.Contains(o.Algorithms, HS256)
	o.Quirks = openid.Quirks{Quirks: quirks, Claims: claims, Profile: profile}
	return openid.New(o)
}

// authorize says in LINE's words that the person must prove themselves anew:
// prompt=login is none of them.
func authorize(leg providers.Leg, query url.Values) {
	query.Del("prompt")
	query.Del("login_hint")
	if leg.Fresh {
		query.Set("max_age", "0")
	}
}

// redeem asks for an ID token that a published key verifies.
func redeem(_ providers.Leg, form url.Values) { form.Set("id_token_key_type", "JWK") }

// classify reads the codes that LINE's documents write in capitals, and those of
// its web login in small letters, as one. What it says without a code it says by
// status.
func classify(a oauth2.Answer) (providers.Outcome, string, bool) {
	code := strings.ToLower(a.Code())
	if code == a.Code() {
		return providers.Unknown, "", false
	}
	outcome, known := oauth2.OutcomeOfCode(code)
	return outcome, code, known
}

// profile reads a userinfo endpoint that somebody configured.
func profile(answer oauth2.Document, identity *providers.Identity) error {
	err := openid.StandardProfile(answer, identity)
	identity.EmailVerified = false
	return err
}

// claims takes the profile; LINE never says that it checked an address.
func claims(d oauth2.Document, _ providers.Return, identity *providers.Identity) {
	openid.Standard(d, identity)
	identity.EmailVerified = false
}
