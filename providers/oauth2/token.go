package oauth2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"github.com/bongsu/bongsu/providers"
)

// maxToken bounds an access token or ID token in bytes.
const maxToken = 32 << 10

// Token is what a code was redeemed for. It prints as a placeholder.
type Token struct {
	Access string
	ID     string // the ID token, if there is one

	// Subject is whom the token answer names, where [Quirks].Names asks for it.
	Subject string

	secret string // of ours, that the provider took
}

// Secret is what proved us when the token was given, for questions that the
// provider wants our secret for: while it changes, what the configuration says
// may be another. It is empty where none was needed.
func (t Token) Secret() string { return t.secret }

// String hides the token.
func (Token) String() string { return "[token]" }

// GoString hides the token.
func (Token) GoString() string { return "[token]" }

// LogValue hides the token.
func (Token) LogValue() slog.Value { return slog.StringValue("[token]") }

// Redeem sends the code to the token endpoint, once: whatever goes wrong, it is
// never sent again. Only while our secret changes, and the provider refuses the
// new one, the one before is tried: nobody has looked at the code then.
func (w *Wire) Redeem(ctx context.Context, leg providers.Leg, code string) (token Token, err error) {
	err = w.steps.Observe(ctx, leg, providers.StepToken, func(ctx context.Context) error {
		token, err = w.redeem(ctx, leg, code)
		return err
	})
	return token, err
}

func (w *Wire) redeem(ctx context.Context, leg providers.Leg, code string) (token Token, err error) {
	secrets, err := w.secrets()
	if err != nil {
		return Token{}, err
	}
	for _, secret := range secrets {
		token, err = w.redeemWith(ctx, leg, code, secret)
		if !w.secretRefused(err) {
			break
		}
	}
	return token, err
}

// secrets returns what proves us, best first; never none.
func (w *Wire) secrets() ([]string, error) {
	if w.o.Secret != nil {
		made, err := w.o.Secret()
		if err != nil {
			return nil, Refuse(providers.Ours, "the client secret cannot be made")
		}
		return []string{made}, nil
	}
	if w.o.Secrets != nil {
		if changing := w.o.Secrets(); len(changing) > 0 {
			return changing, nil
		}
	}
	return []string{w.o.ClientSecret}, nil
}

// secretRefused reports whether err says that the provider does not take our
// secret, and so has not looked at the code.
func (w *Wire) secretRefused(err error) bool {
	failed, ok := errors.AsType[*providers.Error](err)
	return ok && failed.Outcome == providers.Ours &&
		(failed.Code == "invalid_client" || slices.Contains(w.o.Quirks.SecretRefused, failed.Code))
}

func (w *Wire) redeemWith(ctx context.Context, leg providers.Leg, code, secret string) (Token, error) {
	style := oauth2.AuthStyleInParams
	if w.o.AuthMethod == SecretBasic && secret != "" {
		style = oauth2.AuthStyleInHeader
	}
	c := oauth2.Config{
		ClientID:     w.o.Instance.ClientID,
		ClientSecret: secret,
		RedirectURL:  leg.RedirectURI,
		Endpoint:     oauth2.Endpoint{TokenURL: w.o.Endpoints.Token, AuthStyle: style},
	}
	got, err := c.Exchange(context.WithValue(ctx, oauth2.HTTPClient, w.exchange), code, w.formOptions(leg)...)
	if err != nil {
		return Token{}, unreadable(err)
	}
	token := Token{Access: got.AccessToken, secret: secret}
	if id := got.Extra("id_token"); id != nil {
		text, ok := id.(string)
		if !ok {
			return Token{}, Refuse(providers.Unknown, "id_token is no string")
		}
		token.ID = text
	}
	if name, ok := got.Extra(w.o.Quirks.Names).(string); ok && w.o.Quirks.Names != "" {
		token.Subject = name
	}
	if len(token.Access) > maxToken || len(token.ID) > maxToken || !printable(token.Access) {
		return Token{}, Refuse(providers.Unknown, "token is malformed")
	}
	return token, nil
}

func (w *Wire) formOptions(leg providers.Leg) []oauth2.AuthCodeOption {
	var options []oauth2.AuthCodeOption
	if w.o.PKCE {
		options = append(options, oauth2.VerifierOption(leg.Verifier))
	}
	if w.o.Quirks.Redeem == nil {
		return options
	}
	form := url.Values{}
	w.o.Quirks.Redeem(leg, form)
	for name := range form {
		options = append(options, oauth2.SetAuthURLParam(name, form.Get(name)))
	}
	return options
}

// unreadable keeps what is classified already, and what happened on the way.
// Everything else is an answer that the library could not read; its text quotes
// the answer and is dropped.
func unreadable(err error) error {
	var known *providers.Error
	var onTheWay *url.Error
	if errors.As(err, &known) || errors.As(err, &onTheWay) {
		return err
	}
	return Refuse(providers.Unknown, "the token answer cannot be read")
}

// judge lets only token answers through to the library, which tells errors by
// status and by a member "error" that must be a string. Everything else becomes
// a classified error here, where the body is still at hand.
type judge struct {
	next http.RoundTripper
	wire *Wire
}

// RoundTrip implements [http.RoundTripper].
func (j judge) RoundTrip(r *http.Request) (*http.Response, error) {
	own := *r // a transport leaves the request as it is
	own.Header = r.Header.Clone()
	own.Header.Set("Accept", "application/json")
	if r.Context().Value(hearingKey{}) != nil {
		own.Header.Set("User-Agent", Agent(j.wire.o.Callback))
	}
	if err := j.wire.respell(&own); err != nil {
		return nil, err
	}
	answer, err := j.next.RoundTrip(&own)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	a := tokenAnswer(answer.StatusCode, body)
	listen(r, a, answer.Header)
	if err := j.wire.judgeToken(a); err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	answer.Header.Set("Content-Type", "application/json") // it is, whatever it was called
	return answer, nil
}

// respell writes a token request as the provider wants it.
func (w *Wire) respell(r *http.Request) error {
	if w.o.Quirks.Exchange == nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		return err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return err
	}
	at := *r.URL
	r.URL = &at
	w.o.Quirks.Exchange(form, r)
	if r.Method == http.MethodGet {
		r.URL.RawQuery = form.Encode()
		r.Body, r.GetBody, r.ContentLength = http.NoBody, nil, 0
		r.Header.Del("Content-Type")
		return nil
	}
	text := form.Encode()
	r.Body, r.GetBody, r.ContentLength = io.NopCloser(strings.NewReader(text)), nil, int64(len(text))
	return nil
}

func tokenAnswer(status int, body []byte) Answer {
	d, err := ParseDocument(body)
	if err != nil {
		d = nil
	}
	return Answer{Step: providers.StepToken, Status: status, Document: d}
}

func (w *Wire) judgeToken(a Answer) error {
	if a.Status >= 200 && a.Status <= 299 && a.Document.Text("access_token", maxToken) != "" && !a.Document.failed() {
		return nil
	}
	return w.judgeAnswer(a)
}
