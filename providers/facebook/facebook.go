package facebook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// Kind is what configuration calls this provider.
const Kind = "facebook"

// DefaultVersion is the version of the API that is spoken unless another is
// configured, and DefaultVersionEnds when Facebook is expected to end it.
const DefaultVersion = "v24.0"

// DefaultVersionEnds is two years after [DefaultVersion] came.
var DefaultVersionEnds = time.Date(2027, 10, 8, 0, 0, 0, 0, time.UTC)

const (
	loginHost = "https://www.facebook.com"
	graphHost = "https://graph.facebook.com"

	maxName = 120

	// notice is how long before the version ends the probe says so.
	notice = 90 * 24 * time.Hour
)

var versions = regexp.MustCompile(`^v[1-9][0-9]{0,2}\.[0-9]{1,2}$`)

// Options are those of OAuth 2.0 and what only Facebook has.
type Options struct {
	oauth2.Options

	Version     string    // of the API, "v24.0"; empty is [DefaultVersion]
	VersionEnds time.Time // zero: [DefaultVersionEnds] for the default, never for others
	TokenInfo   string    // says which app a token belongs to; empty is Facebook's own, or that of a simulation
}

// Provider is Facebook Login. It is safe for concurrent use.
type Provider struct {
	*oauth2.Provider
	ends time.Time // zero: not known
	now  func() time.Time
}

var (
	_ providers.Provider = (*Provider)(nil)
	_ providers.Prober   = (*Provider)(nil)
)

// New returns Facebook Login. O needs Instance.ID, Instance.ClientID (the app
// id), ClientSecret and Fetch; what it leaves empty is Facebook's own. An Issuer
// that is given is the base of a simulation, which serves both of Facebook's
// hosts. The instance's issuer becomes the authorization endpoint without its
// version, which is not what makes an app another one.
func New(o Options) (*Provider, error) {
	o.Instance.Kind = Kind
	login, graph := loginHost, graphHost
	if o.Instance.Issuer != "" {
		login = strings.TrimSuffix(o.Instance.Issuer, "/")
		graph = login
	}
	if o.Version == "" {
		o.Version = DefaultVersion
		if o.VersionEnds.IsZero() {
			o.VersionEnds = DefaultVersionEnds
		}
	}
	if !versions.MatchString(o.Version) {
		return nil, fmt.Errorf("provider %q: %w", o.Instance.ID, errors.New("the API's version is written like v24.0"))
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "Facebook"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthAsked
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"public_profile", "email"}
	}
	o.Endpoints = o.Endpoints.Or(oauth2.Endpoints{
		Authorize: login + "/" + o.Version + "/dialog/oauth",
		Token:     graph + "/" + o.Version + "/oauth/access_token",
		Userinfo:  graph + "/" + o.Version + "/me",
	})
	if o.TokenInfo == "" {
		o.TokenInfo = graph + "/" + o.Version + "/debug_token"
	}
	o.Instance.Issuer = login + "/dialog/oauth"
	o.PKCE = true
	o.AuthMethod = oauth2.SecretPost
	o.Owner = &oauth2.Owner{Endpoint: o.TokenInfo, Request: asks(o.Instance.ClientID), App: app}
	o.Quirks = oauth2.Quirks{
		Authorize: authorize, Userinfo: userinfo, Classify: classify, Refused: refused,
	}
	base, err := oauth2.New(o.Options, identify)
	if err != nil {
		return nil, err
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &Provider{Provider: base, ends: o.VersionEnds, now: now}, nil
}

// Probe implements [providers.Prober]. The login page of a version that is about
// to end is ok and says version_ends.
func (p *Provider) Probe(ctx context.Context, l providers.Level) providers.Probed {
	found := p.Provider.Probe(ctx, l)
	if l == providers.LevelAuthorize && found.Outcome == providers.OK && found.Code == "" && !p.ends.IsZero() && p.ends.Sub(p.now()) < notice {
		found.Code = "version_ends"
	}
	return found
}

func authorize(leg providers.Leg, query url.Values) {
	query.Set("scope", strings.ReplaceAll(query.Get("scope"), " ", ","))
	if leg.Fresh || leg.MaxAge != nil {
		query.Set("auth_type", "reauthenticate")
	}
}

// asks makes the question whose token it is, in the name of the app: with the
// secret that the token was given for.
func asks(clientID string) func(context.Context, string, oauth2.Token) (*http.Request, error) {
	return func(ctx context.Context, endpoint string, token oauth2.Token) (*http.Request, error) {
		at := endpoint + "?" + url.Values{"input_token": {token.Access}}.Encode()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+clientID+"|"+token.Secret())
		return r, nil
	}
}

// app reads {"data":{"app_id":"…","is_valid":true,…}}.
func app(d oauth2.Document) string {
	about := d.Object("data")
	if !about.Bool("is_valid") {
		return ""
	}
	return about.ID("app_id")
}

// fields are what is asked for of a person.
const fields = "id,name,email,picture.width(200).height(200)"

// userinfo names the fields and proves that whoever holds the token is the app.
func userinfo(r *http.Request, token oauth2.Token) {
	mac := hmac.New(sha256.New, []byte(token.Secret()))
	mac.Write([]byte(token.Access))
	r.URL.RawQuery = url.Values{"fields": {fields}, "appsecret_proof": {hex.EncodeToString(mac.Sum(nil))}}.Encode()
}

// identify reads {"id":"10158…","name":…,"email":…,"picture":{"data":{"url":…}}}.
func identify(d oauth2.Document) (providers.Identity, error) {
	found := providers.Identity{
		Subject: d.ID("id"),
		Name:    d.Text("name", maxName),
		Email:   oauth2.Email(d.Raw("email")),
	}
	if found.Subject == "" && d["id"] == nil && found.Name == "" {
		return providers.Identity{}, oauth2.Refuse(providers.Unknown, "the profile names nobody")
	}
	if shown := d.Object("picture").Object("data"); !shown.Bool("is_silhouette") {
		found.Picture = oauth2.Picture(shown.Raw("url"))
	}
	return found, nil
}
