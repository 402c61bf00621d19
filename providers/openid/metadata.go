package openid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

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
// 3, RFC 9207 3).
type published struct {
	Issuer      string   `json:"issuer"`
	Authorize   string   `json:"authorization_endpoint"`
	Token       string   `json:"token_endpoint"`
	Userinfo    string   `json:"userinfo_endpoint"`
	Keys        string   `json:"jwks_uri"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms  []string `json:"id_token_signing_alg_values_supported"`
	ResponseIss bool     `json:"authorization_response_iss_parameter_supported"`
}

const wellKnown = "/.well-known/openid-configuration"

var errIssuer = errors.New("the metadata names another issuer")

// read asks for the provider's metadata, in the name of agent if that is not
// empty. What it returns is about our issuer and leads nowhere that is closed.
func (p *Provider) read(ctx context.Context, agent string) (published, heard, error) {
	at := strings.TrimSuffix(p.o.Instance.Issuer, "/") + wellKnown
	body, how, err := get(ctx, p.o.Fetch, at, agent, p.o.Now())
	if err != nil {
		return published{}, how, err
	}
	d, err := p.parse(body)
	return d, how, err
}

func (p *Provider) parse(body []byte) (published, error) {
	var d published
	if err := json.Unmarshal(body, &d); err != nil {
		return published{}, oauth2.Refuse(providers.Down, "the metadata cannot be read")
	}
	if d.Issuer != p.o.Instance.Issuer && (p.o.Template == "" || d.Issuer != p.o.Template) {
		return published{}, &providers.Error{Outcome: providers.Trust, Code: "issuer", Err: errIssuer}
	}
	if err := p.check(p.o.Endpoints.Or(d.endpoints())); err != nil {
		return published{}, &providers.Error{Outcome: providers.Trust, Code: "endpoint", Err: err}
	}
	return d, nil
}

func (d published) endpoints() Endpoints {
	return Endpoints{Authorize: d.Authorize, Token: d.Token, Keys: d.Keys, Userinfo: d.Userinfo}
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

// assemble makes metadata of checked endpoints. The key set lives on when its
// address stays.
func (p *Provider) assemble(at Endpoints, pin Pin, old *metadata) (*metadata, error) {
	method := p.o.AuthMethod
	if method == "" && !p.o.Endpoints.complete() {
		method = preferred(pin.AuthMethods)
	}
	wire, err := oauth2.NewWire(oauth2.Options{
		Instance:     p.o.Instance,
		Endpoints:    oauth2.Endpoints{Authorize: at.Authorize, Token: at.Token, Userinfo: at.Userinfo},
		Scopes:       p.o.Scopes,
		PKCE:         p.o.PKCE,
		ClientSecret: p.o.ClientSecret,
		Secret:       p.o.Secret,
		Secrets:      p.o.Secrets,
		AuthMethod:   method,
		Issuers:      p.o.Issuers,
		ResponseIss:  p.o.ResponseIss || pin.ResponseIss && !p.o.Endpoints.complete(),
		Callback:     p.o.Callback,
		Quirks:       p.o.Quirks.Quirks,
		Fetch:        p.o.Fetch,
		Timeout:      p.o.Timeout,
		Now:          p.o.Now,
	})
	if err != nil {
		return nil, err
	}
	keys := newKeySet(at.Keys, &p.o)
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
