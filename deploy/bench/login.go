package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	clientID     = "bench"
	clientSecret = "bench-secret-of-forty-letters-and-digits"
	callback     = "https://website.example/callback"
	persons      = 500
)

// website logs people in at a broker as a client library would.
type website struct {
	issuer   string
	upstream *upstream
	verifier *oidc.IDTokenVerifier
	scope    string // asked for; default openid and profile
}

func newWebsite(ctx context.Context, issuer string, u *upstream, alg string) *website {
	keySet := oidc.NewRemoteKeySet(context.WithoutCancel(ctx), issuer+"/jwks")
	return &website{issuer: issuer, upstream: u, verifier: oidc.NewVerifier(issuer, keySet, &oidc.Config{
		ClientID: clientID, SupportedSigningAlgs: []string{alg},
	})}
}

// tokens are what a login gives.
type tokens struct {
	Access string `json:"access_token"`
	ID     string `json:"id_token"`
	Next   string `json:"refresh_token"`
}

// login is the task of one full login of a known person: three requests to the
// broker, and the ID token's signature checked.
func (s *website) login(ctx context.Context, c *http.Client, worker, n int) error {
	code, err := s.authorize(ctx, c, fmt.Sprintf("person-%d", (worker*7919+n)%persons), false)
	if err != nil {
		return err
	}
	given, err := s.redeem(ctx, c, code)
	if err != nil {
		return err
	}
	checked, err := s.verifier.Verify(ctx, given.ID)
	if err != nil {
		return err
	}
	if checked.Nonce != "nonce" {
		return fmt.Errorf("nonce %q", checked.Nonce)
	}
	return nil
}

// authorize takes a browser from the website to the provider and back.
func (s *website) authorize(ctx context.Context, c *http.Client, person string, unknown bool) (string, error) {
	query := url.Values{
		"client_id": {clientID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {cmp.Or(s.scope, "openid profile")},
		"state": {"state"}, "nonce": {"nonce"}, "idp_hint": {"up"},
	}
	answer, err := s.get(ctx, c, s.issuer+"/authorize?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	away, err := answer.Location()
	if err != nil {
		return "", err
	}
	jar := answer.Cookies()
	asked := away.Query()
	back := url.Values{"code": {s.upstream.code(asked, person)}, "state": {asked.Get("state")}}
	answer, err = s.get(ctx, c, asked.Get("redirect_uri")+"?"+back.Encode(), jar)
	if err != nil {
		return "", err
	}
	if unknown {
		return s.open(ctx, c, answer, jar)
	}
	return codeOf(answer)
}

var stepToken = regexp.MustCompile(`name="step_token" value="([^"]+)"`)

// open makes the account of a person who comes for the first time.
func (s *website) open(ctx context.Context, c *http.Client, answer *http.Response, jar []*http.Cookie) (string, error) {
	at, err := answer.Location()
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(at.String(), callback) {
		return codeOf(answer) // known already
	}
	jar = append(jar[:0:0], answer.Cookies()...)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return "", err
	}
	addCookies(r, jar)
	_, page, err := call(c, r, http.StatusOK)
	if err != nil {
		return "", err
	}
	found := stepToken.FindSubmatch(page)
	if found == nil {
		return "", fmt.Errorf("no form on the page at %s", at.Path)
	}
	form := url.Values{"step_token": {string(found[1])}}
	r, err = http.NewRequestWithContext(ctx, http.MethodPost, at.String()+"/new-account", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	addCookies(r, jar)
	_, _, err = call(c, r, http.StatusOK)
	return "", err
}

func (s *website) get(ctx context.Context, c *http.Client, target string, jar []*http.Cookie) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	addCookies(r, jar)
	answer, _, err := call(c, r, http.StatusSeeOther)
	return answer, err
}

func addCookies(r *http.Request, jar []*http.Cookie) {
	for _, cookie := range jar {
		if cookie.MaxAge >= 0 {
			r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
		}
	}
}

func codeOf(answer *http.Response) (string, error) {
	at, err := answer.Location()
	if err != nil {
		return "", err
	}
	code := at.Query().Get("code")
	if code == "" {
		return "", fmt.Errorf("no code at %s: %s", at.Path, at.Query().Get("error"))
	}
	return code, nil
}

func (s *website) redeem(ctx context.Context, c *http.Client, code string) (tokens, error) {
	return s.post(ctx, c, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}})
}

// own is the task of a client's token for itself.
func (s *website) own(ctx context.Context, c *http.Client, _, _ int) error {
	_, err := s.post(ctx, c, url.Values{"grant_type": {"client_credentials"}})
	return err
}

func (s *website) post(ctx context.Context, c *http.Client, form url.Values) (tokens, error) {
	var given tokens
	return given, s.ask(ctx, c, "/token", form, &given)
}

// ask posts a form to path, with the website's secret.
func (s *website) ask(ctx context.Context, c *http.Client, path string, form url.Values, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(clientID, clientSecret)
	_, body, err := call(c, r, http.StatusOK)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, answer)
}
