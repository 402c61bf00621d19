package openid

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// metadata is what is known of a provider: immutable, replaced as a whole.
type metadata struct {
	at   Endpoints
	wire *oauth2.Wire
	keys *keySet
}

// published is what we read of a discovery document (OpenID Connect Discovery
// 3, RFC 9207 3), besides what go-oidc reads.
type published struct {
	Keys        string   `json:"jwks_uri"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	ResponseIss bool     `json:"authorization_response_iss_parameter_supported"`
}

var errMoved = errors.New("the metadata names another host than before")

// discover reads the provider's metadata. Old is what was good until now.
func (p *Provider) discover(ctx context.Context, old *metadata) (*metadata, error) {
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.o.Fetch.HTTP()), p.o.Instance.Issuer)
	if err != nil {
		return nil, discoveryError(err)
	}
	var extra published
	if err := found.Claims(&extra); err != nil {
		return nil, oauth2.Refuse(providers.Down, "the metadata cannot be read")
	}
	at := p.o.Endpoints.Or(Endpoints{
		Authorize: found.Endpoint().AuthURL,
		Token:     found.Endpoint().TokenURL,
		Keys:      extra.Keys,
		Userinfo:  found.UserInfoEndpoint(),
	})
	if err := p.check(at); err != nil {
		return nil, &providers.Error{Outcome: providers.Trust, Err: err}
	}
	if old != nil && !at.sameHosts(old.at) {
		return nil, &providers.Error{Outcome: providers.Trust, Err: errMoved}
	}
	return p.assemble(at, extra, old)
}

// discoveryError classifies what go-oidc says. Its texts quote the answer.
func discoveryError(err error) error {
	var mismatch *oidc.IssuerMismatchError
	var onTheWay *url.Error
	switch {
	case errors.As(err, &mismatch):
		return oauth2.Refuse(providers.Trust, "the metadata names another issuer")
	case errors.As(err, &onTheWay):
		return &providers.Error{Outcome: oauth2.OutcomeOf(err), Err: oauth2.Plain(err)}
	default:
		return oauth2.Refuse(providers.Down, "the metadata cannot be read")
	}
}

func (p *Provider) check(at Endpoints) error {
	for _, e := range []struct {
		name, url string
		required  bool
	}{
		{"authorization", at.Authorize, true},
		{"token", at.Token, true},
		{"key", at.Keys, true},
		{"userinfo", at.Userinfo, false},
	} {
		if e.url == "" && !e.required {
			continue
		}
		if p.o.Fetch.CheckURL(e.url) != nil {
			return fmt.Errorf("the metadata's %s endpoint is missing or not a place to connect to", e.name)
		}
	}
	return nil
}

// sameHosts reports whether every endpoint stands where it stood before. An
// endpoint that appears or disappears has not moved.
func (e Endpoints) sameHosts(old Endpoints) bool {
	same := func(a, b string) bool { return a == "" || b == "" || origin(a) == origin(b) }
	return same(e.Authorize, old.Authorize) && same(e.Token, old.Token) &&
		same(e.Keys, old.Keys) && same(e.Userinfo, old.Userinfo)
}

func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	return u.Scheme + "://" + u.Host
}

// assemble makes metadata of checked endpoints. The key set lives on when its
// address stays.
func (p *Provider) assemble(at Endpoints, extra published, old *metadata) (*metadata, error) {
	method := p.o.AuthMethod
	if method == "" && !p.o.Endpoints.complete() {
		method = preferred(extra.AuthMethods)
	}
	wire, err := oauth2.NewWire(oauth2.Options{
		Instance:     p.o.Instance,
		Endpoints:    oauth2.Endpoints{Authorize: at.Authorize, Token: at.Token, Userinfo: at.Userinfo},
		Scopes:       p.o.Scopes,
		PKCE:         p.o.PKCE,
		ClientSecret: p.o.ClientSecret,
		Secret:       p.o.Secret,
		AuthMethod:   method,
		Issuers:      p.o.Issuers,
		ResponseIss:  p.o.ResponseIss || extra.ResponseIss,
		Callback:     p.o.Callback,
		Quirks:       p.o.Quirks.Quirks,
		Fetch:        p.o.Fetch,
		Timeout:      p.o.Timeout,
		Now:          p.o.Now,
	})
	if err != nil {
		return nil, err
	}
	keys := newKeySet(at.Keys, p.o.Fetch, p.o.Timeout, p.o.Now)
	if old != nil && old.at.Keys == at.Keys {
		keys = old.keys
	}
	return &metadata{at: at, wire: wire, keys: keys}, nil
}

// preferred chooses a client authentication method. An absent list means
// client_secret_basic (OpenID Connect Discovery 3).
func preferred(methods []string) oauth2.AuthMethod {
	if len(methods) == 0 || slices.Contains(methods, string(oauth2.SecretBasic)) {
		return oauth2.SecretBasic
	}
	return oauth2.SecretPost
}
