package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// patience bounds one request to the issuer.
const patience = 10 * time.Second

// maxAnswer bounds one answer of the issuer, in bytes.
const maxAnswer = 1 << 20

// party is the website's side of OpenID Connect.
type party struct {
	issuer string
	config oauth2.Config // without endpoints
	client *http.Client

	mu    sync.Mutex
	known *issuer // nil until it answered once
}

// issuer is what discovery said.
type issuer struct {
	config     oauth2.Config
	verifier   *oidc.IDTokenVerifier
	endSession string
	saysIssuer bool // RFC 9207: every answer names its issuer
}

// received is an ID token that was verified, taken apart for showing.
type received struct {
	raw       string
	keyID     string
	algorithm string
	claims    map[string]any // numbers as json.Number
}

func newParty(o Options) *party {
	return &party{
		issuer: o.Issuer,
		config: oauth2.Config{
			ClientID: o.ClientID, ClientSecret: o.ClientSecret,
			RedirectURL: o.URL + "/callback",
			Scopes:      []string{oidc.ScopeOpenID, "profile", "email"},
		},
		client: &http.Client{
			Transport: bounded{o.Transport}, Timeout: patience,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// discover returns what the issuer says about itself; it is asked until it
// answered once.
func (p *party) discover(ctx context.Context) (*issuer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known != nil {
		return p.known, nil
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.issuer)
	if err != nil {
		return nil, fmt.Errorf("discover issuer: %w", err)
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
		SaysIssuer bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("read discovery: %w", err)
	}
	known := &issuer{config: p.config, endSession: more.EndSession, saysIssuer: more.SaysIssuer}
	known.config.Endpoint = provider.Endpoint()
	known.config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader // or a refused code would be sent twice to find out
	known.verifier = provider.Verifier(&oidc.Config{ClientID: p.config.ClientID})
	p.known = known
	return known, nil
}

// redeem exchanges the code and verifies the ID token that comes for it.
func (p *party) redeem(ctx context.Context, code string, began pending) (received, error) {
	known, err := p.discover(ctx)
	if err != nil {
		return received{}, failure{Status: http.StatusServiceUnavailable, Reason: reasonSilent, cause: err}
	}
	ctx = oidc.ClientContext(ctx, p.client)
	answer, err := known.config.Exchange(ctx, code, oauth2.VerifierOption(began.verifier))
	if err != nil {
		return received{}, refusal(err)
	}
	raw, _ := answer.Extra("id_token").(string)
	token, err := known.verifier.Verify(ctx, raw)
	if err != nil {
		return received{}, failure{Status: http.StatusBadGateway, Reason: reasonToken, cause: fmt.Errorf("verify ID token: %w", err)}
	}
	if token.Nonce != began.nonce {
		return received{}, failure{Status: http.StatusBadGateway, Reason: reasonToken, cause: errors.New("nonce differs")}
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(answer.AccessToken); err != nil {
			return received{}, failure{Status: http.StatusBadGateway, Reason: reasonToken, cause: fmt.Errorf("verify access token: %w", err)}
		}
	}
	return takeApart(raw, token)
}

// refusal tells what the token endpoint said from not being able to ask it.
func refusal(err error) failure {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return failure{Status: http.StatusServiceUnavailable, Reason: reasonSilent, cause: errors.New("the token endpoint did not answer")}
	}
	f := failure{
		Status: http.StatusBadGateway, Reason: reasonToken,
		Code: clean(refused.ErrorCode), Description: clean(refused.ErrorDescription),
		cause: fmt.Errorf("token endpoint answered %d", refused.Response.StatusCode),
	}
	if f.Code == "temporarily_unavailable" {
		f.Status, f.Reason = http.StatusServiceUnavailable, reasonBusy
	}
	return f
}

// takeApart reads a verified token for showing.
func takeApart(raw string, token *oidc.IDToken) (received, error) {
	var payload json.RawMessage
	if err := token.Claims(&payload); err != nil {
		return received{}, fmt.Errorf("read claims: %w", err)
	}
	parts := received{raw: raw}
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber() // times are shown as they were written
	if err := decoder.Decode(&parts.claims); err != nil {
		return received{}, fmt.Errorf("read claims: %w", err)
	}
	head, _, _ := strings.Cut(raw, ".")
	plain, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return received{}, fmt.Errorf("read header: %w", err)
	}
	var header struct {
		KeyID     string `json:"kid"`
		Algorithm string `json:"alg"`
	}
	if err := json.Unmarshal(plain, &header); err != nil {
		return received{}, fmt.Errorf("read header: %w", err)
	}
	parts.keyID, parts.algorithm = header.KeyID, header.Algorithm
	return parts, nil
}

// text returns a claim that is a string, or "".
func (r received) text(claim string) string {
	s, _ := r.claims[claim].(string)
	return s
}

// bounded reads at most maxAnswer bytes of any answer.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxAnswer), response.Body}
	return response, nil
}
