package naver

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// Kind is what configuration calls this provider.
const Kind = "naver"

const (
	loginHost = "https://nid.naver.com"
	apiHost   = "https://openapi.naver.com"

	maxName = 120
)

// New returns Naver Login. O needs Instance.ID, Instance.ClientID, ClientSecret
// and Fetch; what it leaves empty is Naver's own. An Issuer that is given is the
// base of a simulation, which serves both of Naver's hosts. The instance's
// issuer becomes the authorization endpoint, because this family has none.
func New(o oauth2.Options) (*oauth2.Provider, error) {
	o.Instance.Kind = Kind
	login, api := loginHost, apiHost
	if o.Instance.Issuer != "" {
		login = strings.TrimSuffix(o.Instance.Issuer, "/")
		api = login
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "Naver"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthAsked
	}
	o.Endpoints = o.Endpoints.Or(oauth2.Endpoints{
		Authorize: login + "/oauth2.0/authorize",
		Token:     login + "/oauth2.0/token",
		Userinfo:  api + "/v1/nid/me",
	})
	o.Instance.Issuer = o.Endpoints.Authorize
	o.Issuers = append(o.Issuers, login) // as its OpenID Connect family calls itself, should it ever be told
	o.AuthMethod = oauth2.SecretPost
	o.Quirks = oauth2.Quirks{Authorize: authorize, Redeem: redeem, Classify: classify, Refused: refused}
	return oauth2.New(o, identify)
}

var errResult = errors.New("the profile answers with an error")

func authorize(leg providers.Leg, query url.Values) {
	if leg.Fresh || leg.MaxAge != nil {
		query.Set("auth_type", "reauthenticate")
	}
}

// redeem repeats the state, which Naver wants to see again.
func redeem(leg providers.Leg, form url.Values) { form.Set("state", leg.State) }

// refused knows how Naver refuses a code that nobody gave. The code alone says
// less than the text: a request of ours that is malformed has the same.
func refused(a oauth2.Answer) bool {
	return a.Document.Raw("error") == "invalid_request" &&
		strings.Contains(strings.ToLower(a.Document.Raw("error_description")), "no valid data in session")
}

// What the profile's result codes mean.
var resultCodes = map[string]providers.Outcome{
	"403": providers.Ours, // the app may not
	"404": providers.Ours, // no such API
	"500": providers.Down,
}

// classify reads the profile's result codes, and the text by which the token
// endpoint refuses our secret: the code there is that of a malformed request.
// What is wrong with a token that is a moment old (024, 028) cannot be told.
func classify(a oauth2.Answer) (providers.Outcome, string, bool) {
	if a.Step == providers.StepToken && strings.Contains(strings.ToLower(a.Document.Raw("error_description")), "client secret pair") {
		return providers.Ours, "invalid_client", true // that our secret was refused is acted upon
	}
	code := a.Document.ID("resultcode")
	if a.Step != providers.StepUserinfo || code == "" {
		return providers.Unknown, "", false
	}
	outcome, known := resultCodes[code]
	if !known {
		outcome = providers.Unknown
	}
	return outcome, code, known || a.Status < http.StatusInternalServerError
}

// identify reads {"resultcode":"00","message":"success","response":{"id":…}}.
func identify(d oauth2.Document) (providers.Identity, error) {
	if code := d.ID("resultcode"); code != "00" {
		outcome, code, _ := classify(oauth2.Answer{Step: providers.StepUserinfo, Document: d})
		return providers.Identity{}, &providers.Error{Outcome: outcome, Code: code, Err: errResult}
	}
	person := d.Object("response")
	found := providers.Identity{
		Subject: person.Raw("id"),
		Name:    person.Text("name", maxName),
		Email:   oauth2.Email(person.Raw("email")),
		Phone:   phone(person),
		Picture: oauth2.Picture(person.Raw("profile_image")),
	}
	if found.Name == "" {
		found.Name = person.Text("nickname", maxName)
	}
	return found, nil
}

// phone prefers the international form. The other is Korean: 010-1234-5678.
func phone(person oauth2.Document) string {
	if number := oauth2.Phone(person.Raw("mobile_e164")); number != "" {
		return number
	}
	if domestic, ok := strings.CutPrefix(person.Raw("mobile"), "0"); ok {
		return oauth2.Phone("+82" + domestic)
	}
	return ""
}
