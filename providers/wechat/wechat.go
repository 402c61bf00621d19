package wechat

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// Kind is what configuration calls this provider.
const Kind = "wechat"

const (
	pageHost = "https://open.weixin.qq.com"
	apiHost  = "https://api.weixin.qq.com"
	maxName  = 120
)

// New returns WeChat Login for websites. O needs Instance.ID, Instance.ClientID
// (the appid), ClientSecret and Fetch; what it leaves empty is WeChat's own. An
// Issuer that is given is the base of a simulation, which serves both hosts. The
// instance's issuer becomes the authorization endpoint, because there is none.
func New(o oauth2.Options) (*oauth2.Provider, error) {
	o.Instance.Kind = Kind
	page, api := pageHost, apiHost
	if o.Instance.Issuer != "" {
		page = strings.TrimSuffix(o.Instance.Issuer, "/")
		api = page
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "WeChat"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthNone
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"snsapi_login"}
	}
	o.Endpoints = o.Endpoints.Or(oauth2.Endpoints{
		Authorize: page + "/connect/qrconnect",
		Token:     api + "/sns/oauth2/access_token",
		Userinfo:  api + "/sns/userinfo",
	})
	o.Instance.Issuer = o.Endpoints.Authorize
	o.Fragment = "wechat_redirect"
	o.AuthMethod = oauth2.SecretPost
	o.Quirks = oauth2.Quirks{
		Authorize: authorize, Exchange: exchange, Userinfo: userinfo, Names: "openid",
		Classify: classify, Refused: refused, SecretRefused: []string{"40125"},
	}
	return oauth2.New(o, identify)
}

// authorize calls the app as WeChat does, and separates scopes by commas.
func authorize(_ providers.Leg, query url.Values) {
	query.Set("appid", query.Get("client_id"))
	query.Del("client_id")
	query.Set("scope", strings.ReplaceAll(query.Get("scope"), " ", ","))
}

// exchange makes the GET that WeChat wants.
func exchange(form url.Values, r *http.Request) {
	r.Method = http.MethodGet
	form.Set("appid", form.Get("client_id"))
	form.Set("secret", form.Get("client_secret"))
	for _, foreign := range []string{"client_id", "client_secret", "redirect_uri"} {
		form.Del(foreign)
	}
}

// userinfo moves the token to where WeChat looks for it.
func userinfo(r *http.Request, token oauth2.Token) {
	r.Header.Del("Authorization")
	query := r.URL.Query()
	query.Set("access_token", token.Access)
	query.Set("openid", token.Subject)
	query.Set("lang", "en")
	r.URL.RawQuery = query.Encode()
}

// identify reads {"openid":…,"nickname":…,"headimgurl":…,"unionid":…}.
func identify(d oauth2.Document) (providers.Identity, error) {
	found := providers.Identity{
		Subject: d.Raw("openid"),
		Name:    d.Text("nickname", maxName),
		Picture: oauth2.Picture(d.Raw("headimgurl")),
	}
	if found.Subject == "" && found.Name == "" {
		return providers.Identity{}, oauth2.Refuse(providers.Unknown, "the profile names nobody")
	}
	return found, nil
}

// codes are what the numbers of errcode mean.
var codes = map[string]providers.Outcome{
	"-1":    providers.Down, // the system is busy
	"50001": providers.Ours, // no permission for the call
	"40013": providers.Ours, // no such app
	"40125": providers.Ours, // the secret is wrong
	"41004": providers.Ours, // the secret is missing
	"41002": providers.Ours, // the app is missing
	"10003": providers.Ours, // the redirect URI's domain is not registered
	"10005": providers.Ours, // the app may not use this scope
	"45009": providers.Ours, // the quota
	"45011": providers.Ours, // too many calls in a minute
	"48001": providers.Ours, // the app may not make the call

	"40029": providers.Unknown, // a code that nobody gave
	"40163": providers.Unknown, // a code that was used
	"42001": providers.Unknown, // a token that has expired
	"40001": providers.Unknown, // a token that is none
}

func classify(a oauth2.Answer) (providers.Outcome, string, bool) {
	code := providers.CleanCode(a.Document.ID("errcode"))
	outcome, known := codes[code]
	return outcome, code, known
}

func refused(a oauth2.Answer) bool { return a.Document.ID("errcode") == "40029" }
