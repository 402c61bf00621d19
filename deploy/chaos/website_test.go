//go:build linux

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// registered is a website's registration.
type registered struct {
	ID, Secret, Redirect string
	Stale                bool // goes on where a site has been cut off for long
	Continuation         bool // goes on for known devices where no database answers
}

// The websites: people log in at all of them. One accepts old news, and one known
// devices.
var websites = []registered{
	{ID: "shop", Secret: "shop-secret-of-more-than-thirty-two", Redirect: "https://" + shopHost + "/shop"},
	{ID: staleClient, Secret: "travel-secret-of-more-than-32-bytes", Redirect: "https://" + shopHost + "/travel", Stale: true},
	{ID: "paper", Secret: "paper-secret-of-more-than-32-bytes!", Redirect: "https://" + shopHost + "/paper", Continuation: true},
}

const (
	redeemWithin = 12 * time.Second // that a website tries before it sends people away
	redeemPause  = 400 * time.Millisecond
)

// website is a website's server: an ordinary OpenID Connect library behind which
// every request to the token endpoint is written down.
type website struct {
	registered

	history  *history
	number   int
	visitor  *visitor
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
}

var servers atomic.Int64

// newWebsite starts a server of a website; it finds out where everything is, once.
func newWebsite(ctx context.Context, d *door, h *history, r registered, near string) (*website, error) {
	w := &website{registered: r, history: h, number: int(servers.Add(1)), visitor: d.visit(near)}
	client := w.client(w.visitor)
	var err error
	w.provider, err = oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), client), issuerURL)
	if err != nil {
		return nil, err
	}
	w.verifier = w.provider.Verifier(&oidc.Config{ClientID: w.ID})
	return w, nil
}

// client asks as this website does, by some visitor's ways.
func (w *website) client(v *visitor) *http.Client {
	return &http.Client{Transport: &ledger{website: w, road: v.road()}, Timeout: answersWithin}
}

func (w *website) config() *oauth2.Config {
	endpoint := w.provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return &oauth2.Config{
		ClientID: w.ID, ClientSecret: w.Secret, Endpoint: endpoint, RedirectURL: w.Redirect,
		Scopes: []string{oidc.ScopeOpenID, "profile", oidc.ScopeOfflineAccess},
	}
}

// asked is a login that a website has begun.
type asked struct {
	*website

	state, nonce, verifier string
}

// begin begins a login.
func (w *website) begin() asked {
	return asked{w, oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()}
}

// address is where it sends the browser.
func (a asked) address(more ...oauth2.AuthCodeOption) string {
	return a.config().AuthCodeURL(a.state, append(more, oidc.Nonce(a.nonce), oauth2.S256ChallengeOption(a.verifier))...)
}

// tokens is what a website has of a login.
type tokens struct {
	sub     string
	access  string
	refresh string
	id      string
}

// The ways for a website's part of a login not to end.
var (
	errLater = errors.New("the website is told to try again later")
	errAnew  = errors.New("the website got no answer and begins anew")
)

// refusal is an answer that nothing excuses.
type refusal struct{ said string }

func (r refusal) Error() string { return "the website is told " + r.said }

// finish is what the website does when the browser comes back. It asks again where
// nobody has got its code, or somebody could not check it, and never where it got
// no answer.
func (a asked) finish(ctx context.Context, got url.Values) (tokens, error) {
	if said := got.Get("error"); said == "temporarily_unavailable" {
		return tokens{}, errLater
	} else if said != "" {
		return tokens{}, refusal{said + ": " + got.Get("error_description")}
	}
	if got.Get("state") != a.state || got.Get("code") == "" {
		return tokens{}, refusal{"neither code nor error"}
	}
	ctx, cancel := context.WithTimeout(ctx, redeemWithin)
	defer cancel()
	for {
		token, err := a.exchange(ctx, a.visitor, got.Get("code"))
		switch {
		case err == nil:
			return a.read(ctx, token)
		case !errors.Is(err, errLater):
			return tokens{}, err
		case !wait(ctx, redeemPause):
			return tokens{}, errLater
		}
	}
}

// exchange shows a code once, by some visitor's ways.
func (a asked) exchange(ctx context.Context, v *visitor, code string) (*oauth2.Token, error) {
	token, err := a.config().Exchange(oidc.ClientContext(ctx, a.client(v)), code, oauth2.VerifierOption(a.verifier))
	return token, a.meaning(err)
}

// meaning is what an error of the token endpoint is to a website.
func (w *website) meaning(err error) error {
	var said *oauth2.RetrieveError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errUndelivered):
		return fmt.Errorf("%w: %w", errLater, err)
	case !errors.As(err, &said):
		return fmt.Errorf("%w: %w", errAnew, err)
	case said.Response.StatusCode == http.StatusServiceUnavailable && said.Response.Header.Get("Retry-After") != "":
		return fmt.Errorf("%w: %w", errLater, err)
	}
	return refusal{fmt.Sprintf("%d %s: %s", said.Response.StatusCode, said.ErrorCode, said.ErrorDescription)}
}

// read verifies what was given.
func (a asked) read(ctx context.Context, token *oauth2.Token) (tokens, error) {
	raw, _ := token.Extra("id_token").(string)
	verified, err := a.website.verifier.Verify(oidc.ClientContext(ctx, a.client(a.visitor)), raw)
	if err != nil {
		return tokens{}, fmt.Errorf("the ID token does not verify: %w", err)
	}
	if verified.Nonce != a.nonce {
		return tokens{}, errors.New("the ID token is another login's")
	}
	return tokens{verified.Subject, token.AccessToken, token.RefreshToken, raw}, nil
}

// renew uses a refresh token once.
func (w *website) renew(ctx context.Context, v *visitor, refresh string) (*oauth2.Token, error) {
	source := w.config().TokenSource(oidc.ClientContext(ctx, w.client(v)), &oauth2.Token{RefreshToken: refresh})
	token, err := source.Token()
	return token, w.meaning(err)
}

// pair is people's ways to two nodes of different sites.
func (d *door) pair() (a, b *visitor) {
	first, second := rand.Perm(len(siteNames)), rand.N(2)
	a, b = d.visit(siteNames[first[0]]), d.visit(siteNames[first[1]])
	a.only, b.only = d.of(a.near)[second], d.of(b.near)[rand.N(2)]
	return a, b
}

// introspect asks about an access token (RFC 7662).
func (w *website) introspect(ctx context.Context, v *visitor, access string) (active bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, issuerURL+"/introspect", strings.NewReader(url.Values{"token": {access}}.Encode()))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(w.ID, w.Secret)
	answer, err := w.client(v).Do(request)
	if err != nil {
		return false, err
	}
	var said struct{ Active bool }
	err = json.NewDecoder(io.LimitReader(answer.Body, 1<<16)).Decode(&said)
	if err = errors.Join(err, answer.Body.Close()); err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return said.Active, err
}
