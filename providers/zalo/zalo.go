package zalo

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// Kind is what configuration calls this provider.
const Kind = "zalo"

const (
	loginHost = "https://oauth.zaloapp.com"
	graphHost = "https://graph.zalo.me"
	fields    = "id,name,picture"
	maxName   = 120
)

// New returns Zalo Login. O needs Instance.ID, Instance.ClientID (the app id),
// ClientSecret and Fetch; what it leaves empty is Zalo's own. An Issuer that is
// given is the base of a simulation, which serves both hosts. The instance's
// issuer becomes the authorization endpoint, because there is none.
func New(o oauth2.Options) (*oauth2.Provider, error) {
	o.Instance.Kind = Kind
	login, graph := loginHost, graphHost
	if o.Instance.Issuer != "" {
		login = strings.TrimSuffix(o.Instance.Issuer, "/")
		graph = login
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "Zalo"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthNone
	}
	o.Endpoints = o.Endpoints.Or(oauth2.Endpoints{
		Authorize: login + "/v4/permission",
		Token:     login + "/v4/access_token",
		Userinfo:  graph + "/v2.0/me",
	})
	o.Instance.Issuer = o.Endpoints.Authorize
	o.PKCE = true
	o.AuthMethod = oauth2.SecretPost
	o.Quirks = oauth2.Quirks{
		Authorize: authorize, Exchange: exchange, Userinfo: userinfo,
		Classify: classify, Refused: refused, Page: page, SecretRefused: []string{"-14004"},
	}
	return oauth2.New(o, identify)
}

// authorize calls the app as Zalo does.
func authorize(_ providers.Leg, query url.Values) {
	query.Set("app_id", query.Get("client_id"))
	query.Del("client_id")
}

// exchange puts app and secret where Zalo looks for them.
func exchange(form url.Values, r *http.Request) {
	r.Header.Set("Secret_key", form.Get("client_secret"))
	form.Set("app_id", form.Get("client_id"))
	for _, foreign := range []string{"client_id", "client_secret", "redirect_uri"} {
		form.Del(foreign)
	}
}

// userinfo moves the token to where Zalo looks for it.
func userinfo(r *http.Request, token oauth2.Token) {
	r.Header.Del("Authorization")
	r.Header.Set("Access_token", token.Access)
	query := r.URL.Query()
	query.Set("fields", fields)
	r.URL.RawQuery = query.Encode()
}

// identify reads {"id":"6309…","name":…,"picture":{"data":{"url":…}},"error":0}.
func identify(d oauth2.Document) (providers.Identity, error) {
	found := providers.Identity{
		Subject: d.ID("id"),
		Name:    d.Text("name", maxName),
		Picture: oauth2.Picture(d.Object("picture").Object("data").Raw("url")),
	}
	if found.Subject == "" && found.Name == "" {
		return providers.Identity{}, oauth2.Refuse(providers.Unknown, "the profile names nobody")
	}
	return found, nil
}

// codes are what the numbers of error mean.
var codes = map[string]providers.Outcome{
	"-32":    providers.Down, // an internal error of the API
	"-14000": providers.Down, // the same of the login

	"-14002": providers.Ours, // no such app
	"-14003": providers.Ours, // a parameter, mostly the redirect URI
	"-14004": providers.Ours, // the secret is wrong

	"-14019": providers.Unknown, // a code that nobody gave
	"452":    providers.Unknown, // a token that is none
}

func classify(a oauth2.Answer) (providers.Outcome, string, bool) {
	code := providers.CleanCode(a.Document.ID("error"))
	outcome, known := codes[code]
	if known && code == "-14003" && a.Step == providers.StepToken {
		return providers.Unknown, code, true // a code can be such a parameter
	}
	return outcome, code, known
}

func refused(a oauth2.Answer) bool { return a.Document.ID("error") == "-14019" }

// page reads Zalo's error page, a redirect to a path of its own.
func page(p oauth2.Page) (providers.Outcome, string, bool) {
	to, err := url.Parse(p.Location)
	if err != nil || !strings.HasSuffix(to.Path, "/v4/permission/error") {
		return providers.Unknown, "", false
	}
	code := providers.CleanCode(to.Query().Get("error_code"))
	if outcome, known := codes[code]; known {
		return outcome, code, true
	}
	return providers.Unknown, code, true
}
