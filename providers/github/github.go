package github

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// Kind is what configuration calls this provider.
const Kind = "github"

const (
	loginHost = "https://github.com"
	apiHost   = "https://api.github.com"

	maxName = 120
)

// Options are those of OAuth 2.0 and the endpoints that only GitHub has.
type Options struct {
	oauth2.Options

	Emails    string // the list of addresses; empty is /emails below the userinfo endpoint
	TokenInfo string // says which app a token belongs to; empty is GitHub's own, or that of a simulation
}

// New returns Login with GitHub. O needs Instance.ID, Instance.ClientID,
// ClientSecret and Fetch; what it leaves empty is GitHub's own. An Issuer that is
// given is the base of a simulation, which serves both of GitHub's hosts. The
// instance's issuer becomes the authorization endpoint, because there is none.
func New(o Options) (*oauth2.Provider, error) {
	o.Instance.Kind = Kind
	login, api := loginHost, apiHost
	if o.Instance.Issuer != "" {
		login = strings.TrimSuffix(o.Instance.Issuer, "/")
		api = login
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "GitHub"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthNone
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"read:user", "user:email"}
	}
	o.Endpoints = o.Endpoints.Or(oauth2.Endpoints{
		Authorize: login + "/login/oauth/authorize",
		Token:     login + "/login/oauth/access_token",
		Userinfo:  api + "/user",
	})
	if o.Emails == "" {
		o.Emails = strings.TrimSuffix(o.Endpoints.Userinfo, "/") + "/emails"
	}
	if o.TokenInfo == "" {
		o.TokenInfo = api + "/applications/" + url.PathEscape(o.Instance.ClientID) + "/token"
	}
	o.Instance.Issuer = o.Endpoints.Authorize
	o.PKCE = true
	o.AuthMethod = oauth2.SecretPost
	o.Owner = &oauth2.Owner{Endpoint: o.TokenInfo, Request: asks(o.Instance.ClientID), App: app}
	o.More = addresses(o.Emails)
	o.Quirks = oauth2.Quirks{
		Authorize: authorize, Userinfo: userinfo, Classify: classify, Refused: refused,
		SecretRefused: []string{"incorrect_client_credentials"},
	}
	return oauth2.New(o.Options, identify)
}

func authorize(leg providers.Leg, query url.Values) {
	if leg.Fresh {
		query.Set("prompt", "select_account")
	}
	if leg.LoginHint != "" && !strings.Contains(leg.LoginHint, "@") {
		query.Set("login", leg.LoginHint)
	}
}

// The form of API answers that is wanted.
const (
	accept  = "application/vnd.github+json"
	version = "2022-11-28"
)

func userinfo(r *http.Request, _ oauth2.Token) {
	r.Header.Set("Accept", accept)
	r.Header.Set("X-GitHub-Api-Version", version)
}

// asks makes the question which app a token belongs to, with the secret that it
// was given for. Both stay out of its URL.
func asks(clientID string) func(context.Context, string, oauth2.Token) (*http.Request, error) {
	return func(ctx context.Context, endpoint string, token oauth2.Token) (*http.Request, error) {
		body, err := json.Marshal(map[string]string{"access_token": token.Access})
		if err != nil {
			return nil, err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		userinfo(r, token)
		r.Header.Set("Content-Type", "application/json")
		r.SetBasicAuth(clientID, token.Secret())
		return r, nil
	}
}

func app(d oauth2.Document) string { return d.Object("app").Raw("client_id") }

// identify reads {"id":583231,"login":"octocat","name":…,"avatar_url":…}. The
// address that may stand there is the public one, of which nothing is said.
func identify(d oauth2.Document) (providers.Identity, error) {
	found := providers.Identity{
		Name:    d.Text("name", maxName),
		Picture: oauth2.Picture(d.Raw("avatar_url")),
	}
	if number, ok := d.Integer("id"); ok {
		found.Subject = number
	}
	if found.Subject == "" && d.Raw("login") == "" && d["id"] == nil {
		return providers.Identity{}, oauth2.Refuse(providers.Unknown, "the profile names nobody")
	}
	if found.Name == "" {
		found.Name = d.Text("login", maxName)
	}
	return found, nil
}

// addresses takes the primary address from the list, and whether it is verified
// from the same entry.
func addresses(endpoint string) func(context.Context, *oauth2.Wire, oauth2.Token, *providers.Identity) error {
	return func(ctx context.Context, w *oauth2.Wire, token oauth2.Token, identity *providers.Identity) error {
		list, err := w.List(ctx, endpoint, token)
		if err != nil {
			return err
		}
		for _, entry := range list {
			if address := oauth2.Email(entry.Raw("email")); address != "" && entry.Bool("primary") {
				identity.Email, identity.EmailVerified = address, entry.Bool("verified")
				return nil
			}
		}
		return nil
	}
}

// What GitHub's own codes mean; those of RFC 6749 are known.
var codes = map[string]providers.Outcome{
	"incorrect_client_credentials": providers.Ours,
	"application_suspended":        providers.Ours,
	"device_flow_disabled":         providers.Ours,

	"bad_verification_code": providers.Unknown,
	"unverified_user_email": providers.Unknown, // the person's account has no checked address
}

// classify reads the codes of the login, and of the API the statuses by which it
// refuses an app rather than a person.
func classify(a oauth2.Answer) (providers.Outcome, string, bool) {
	if outcome, known := codes[a.Code()]; known {
		return outcome, a.Code(), true
	}
	if a.Step != providers.StepUserinfo || a.Document == nil {
		return providers.Unknown, "", false
	}
	switch message := strings.ToLower(a.Document.Raw("message")); {
	case a.Status == http.StatusForbidden && strings.Contains(message, "rate limit"):
		return providers.Ours, "rate_limit", true
	case a.Status == http.StatusForbidden && strings.Contains(message, "suspended"):
		return providers.Ours, "suspended", true
	}
	return providers.Unknown, "", false
}

func refused(a oauth2.Answer) bool { return a.Document.Raw("error") == "bad_verification_code" }
