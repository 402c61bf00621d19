package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/openid"
)

// ClaimApp is what [Options].Claims call the member of a token-info answer that
// names the app. Unless named it is client_id (RFC 7662 2.2).
const ClaimApp = "app"

// How a token-info endpoint is asked which app a token was issued to.
const (
	tokenInfoIntrospection = "introspection" // RFC 7662: POST, our credentials, the token in the form
	tokenInfoBearer        = "bearer"        // GET, the token for authorization
)

// TokenInfos returns the ways in which a token-info endpoint can be asked.
func TokenInfos() []string { return []string{tokenInfoIntrospection, tokenInfoBearer} }

// AuthMethods returns the ways in which a token endpoint can be told who we are.
func AuthMethods() []string {
	return []string{string(oauth2.SecretBasic), string(oauth2.SecretPost)}
}

// newOpenID returns an OpenID Provider that is known by its issuer alone.
func newOpenID(o Options) (providers.Provider, error) {
	g := o.openid()
	g.PKCE = !o.NoPKCE
	g.AuthMethod = oauth2.AuthMethod(o.AuthMethod)
	g.Algorithms = o.Algorithms
	if len(g.Algorithms) == 0 {
		g.Algorithms = []string{"RS256", "ES256"}
	}
	if len(g.Scopes) == 0 {
		g.Scopes = []string{"openid", "profile", "email"}
	}
	g.Instance.Name = cmp.Or(g.Instance.Name, g.Instance.ID)
	g.Instance.Reauth = cmp.Or(g.Instance.Reauth, providers.ReauthAsked)
	if len(o.Claims) > 0 {
		claims := oauth2.Mapping(o.Claims)
		if err := oauth2.CheckMapping(claims); err != nil {
			return nil, fmt.Errorf("provider %q: %w", o.ID, err)
		}
		g.Quirks.Claims, g.Quirks.Profile = openid.Mapped(claims)
	}
	return built(openid.New(g))
}

// newOAuth2 returns a plain OAuth 2.0 service that is known by its endpoints and
// by where its profile holds what.
func newOAuth2(o Options) (providers.Provider, error) {
	g := o.oauth2()
	g.PKCE = !o.NoPKCE
	g.AuthMethod = oauth2.AuthMethod(o.AuthMethod)
	g.Instance.Name = cmp.Or(g.Instance.Name, g.Instance.ID)
	g.Instance.Reauth = cmp.Or(g.Instance.Reauth, providers.ReauthNone)
	g.Instance.Issuer = cmp.Or(g.Instance.Issuer, g.Endpoints.Authorize)
	owner, err := o.owner()
	if o.Issuer != "" && o.Fetch != nil { // it is not asked, but a name that leads inside is a slip
		err = errors.Join(err, o.Fetch.CheckURL(o.Issuer))
	}
	if err != nil {
		return nil, fmt.Errorf("provider %q: %w", o.ID, err)
	}
	g.Owner = owner
	claims := oauth2.Mapping(maps.Clone(o.Claims))
	delete(claims, ClaimApp)
	return built(oauth2.NewMapped(g, claims))
}

// owner is how the provider says which app a token was issued to, nil where
// nothing is configured.
func (o Options) owner() (*oauth2.Owner, error) {
	at := o.Endpoints["tokeninfo"]
	if at == "" {
		if o.TokenInfo != "" || o.AppID != "" || o.Claims[ClaimApp] != "" {
			return nil, errors.New("token_info, app_id and claims.app are for a tokeninfo endpoint, and there is none")
		}
		return nil, nil
	}
	path := cmp.Or(o.Claims[ClaimApp], "client_id")
	if err := oauth2.CheckPath(path); err != nil {
		return nil, fmt.Errorf("claim %s: %w", ClaimApp, err)
	}
	app := func(d oauth2.Document) string {
		holder, name := d.Find(path)
		return holder.ID(name)
	}
	owner := &oauth2.Owner{Endpoint: at, App: app, Want: o.AppID}
	switch how := cmp.Or(o.TokenInfo, tokenInfoIntrospection); how {
	case tokenInfoBearer:
	case tokenInfoIntrospection:
		owner.Request, owner.App = oauth2.Introspection(o.ClientID), oauth2.Active(app)
	default:
		return nil, fmt.Errorf("token_info is %q; known are %s", how, strings.Join(TokenInfos(), ", "))
	}
	return owner, nil
}

// ClaimNames returns what [Options].Claims may name for a kind, sorted; nil for
// a kind whose answers are known.
func ClaimNames(kind string) []string {
	switch names := oauth2.Fields(); kind {
	case "openid":
		return slices.DeleteFunc(names, func(name string) bool { return name == "subject" })
	case "oauth2":
		return slices.Sorted(slices.Values(append(names, ClaimApp)))
	}
	return nil
}
