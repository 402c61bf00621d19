package openid

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// Endpoints are where a provider is spoken to, absolute URLs. Those left empty
// are discovered; with Authorize, Token and Keys given, nothing is, and an
// empty Userinfo means that there is none.
type Endpoints struct {
	Authorize string `json:"authorize"`
	Token     string `json:"token"`
	Keys      string `json:"jwks"` // jwks_uri
	Userinfo  string `json:"userinfo,omitempty"`
}

// Or returns e with its empty fields taken from other.
func (e Endpoints) Or(other Endpoints) Endpoints {
	return Endpoints{
		Authorize: cmp.Or(e.Authorize, other.Authorize),
		Token:     cmp.Or(e.Token, other.Token),
		Keys:      cmp.Or(e.Keys, other.Keys),
		Userinfo:  cmp.Or(e.Userinfo, other.Userinfo),
	}
}

func (e Endpoints) complete() bool { return e.Authorize != "" && e.Token != "" && e.Keys != "" }

// Quirks are where a provider leaves the standard. A nil function keeps to it.
type Quirks struct {
	oauth2.Quirks

	// Claims fills the profile from the verified ID token and from what the
	// browser brought along, which is not verified. Nil is [Standard].
	Claims func(claims oauth2.Document, ret providers.Return, identity *providers.Identity)

	// Profile checks that the userinfo answer is about identity.Subject and
	// fills the profile from it. An error with outcome [providers.Trust] ends
	// the leg, any other leaves the profile missing. Nil demands an equal sub
	// and takes [Standard] claims.
	Profile func(answer oauth2.Document, identity *providers.Identity) error

	// Issuer returns which issuer an ID token with these claims must name, for a
	// provider with one issuer per tenant; "" refuses it. Nil is Instance.Issuer
	// and its spellings. It sees claims whose signature holds.
	Issuer func(claims oauth2.Document) string
}

// Options say how one provider is spoken to and what of its tokens is believed.
type Options struct {
	Instance  providers.Instance // Issuer is compared exactly with iss
	Endpoints Endpoints
	Scopes    []string
	PKCE      bool // send a challenge (S256) and its verifier

	ClientSecret string
	Secret       func() (string, error) // replaces ClientSecret where it is made for each use
	Secrets      func() []string        // replaces ClientSecret where it changes: the newest first, never empty
	AuthMethod   oauth2.AuthMethod      // empty: what discovery allows, basic first; client_secret_post where nothing is discovered

	// Shared says that our client secret, the one that the code was redeemed with,
	// verifies HS256: for the one provider that signs ID tokens with a secret it
	// shares with us. A token under any other algorithm is never tried with it.
	Shared bool

	Algorithms  []string // that may sign ID tokens; empty is RS256 alone, HS256 needs Shared. What discovery lists plays no part
	Template    string   // the issuer as the metadata of a provider with many tenants writes it; empty: as Instance.Issuer
	Issuers     []string // further spellings of Instance.Issuer
	Audiences   []string // further audiences an ID token may name beside our client id
	ResponseIss bool     // the provider promises iss in its responses (RFC 9207), whatever discovery says

	// Callback is our registered callback URL, for probes that show it to the
	// provider. Empty: the provider is not probed beyond its metadata.
	Callback string

	// Pins keeps the last good metadata; nil keeps it in memory alone.
	Pins Pins

	// Distrusted reports whether an operator has taken the trust from the key
	// with that id, published or not. It must be quick; nil is never.
	Distrusted func(kid string) bool

	Quirks  Quirks
	Fetch   *fetch.Client
	Timeout time.Duration // of each step, at most 20 s; 0 is fetch.DefaultTimeout
	Now     func() time.Time
	Logger  *slog.Logger
}

// The algorithms that an operator may allow: those whose public key verifies
// and cannot sign.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
	oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

func (o *Options) defaults() {
	if o.Timeout <= 0 {
		o.Timeout = fetch.DefaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if len(o.Algorithms) == 0 {
		o.Algorithms = []string{oidc.RS256}
	}
	if o.Distrusted == nil {
		o.Distrusted = func(string) bool { return false }
	}
	if o.Quirks.Claims == nil {
		o.Quirks.Claims = func(claims oauth2.Document, _ providers.Return, i *providers.Identity) { Standard(claims, i) }
	}
	if o.Quirks.Profile == nil {
		o.Quirks.Profile = StandardProfile
	}
}

// shares reports whether there is a secret for HS256.
func (o *Options) shares() bool { return o.Shared && (o.ClientSecret != "" || o.Secrets != nil) }

func (o *Options) validate() error {
	if o.Fetch == nil {
		return errors.New("nothing to fetch with")
	}
	var problems []error
	for _, alg := range o.Algorithms {
		if !slices.Contains(algorithms, alg) && (alg != symmetric || !o.shares()) {
			problems = append(problems, fmt.Errorf("algorithm %q may not sign ID tokens", alg))
		}
	}
	if issuer, err := url.Parse(o.Instance.Issuer); err != nil || issuer.RawQuery != "" || issuer.ForceQuery {
		problems = append(problems, errors.New("issuer must be a URL without query"))
	}
	if err := o.Fetch.CheckURL(o.Instance.Issuer); err != nil {
		problems = append(problems, fmt.Errorf("issuer: %w", err))
	}
	for _, e := range []struct{ name, url string }{
		{"authorization endpoint", o.Endpoints.Authorize},
		{"token endpoint", o.Endpoints.Token},
		{"key endpoint", o.Endpoints.Keys},
		{"userinfo endpoint", o.Endpoints.Userinfo},
	} {
		if e.url == "" {
			continue
		}
		if err := o.Fetch.CheckURL(e.url); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", e.name, err))
		}
	}
	return errors.Join(problems...)
}
