package oauth2

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/bongsu/bongsu/providers"
)

// Owner asks a provider which app an access token was issued to. A token of
// another app proves nothing to us, whatever a profile endpoint says about it:
// it was given to somebody else, who could hand it on (RFC 6749 10.16).
type Owner struct {
	Endpoint string // absolute URL

	// Request makes the question. Nil is [AskBearer]. Credentials in the URL
	// are for providers that take them nowhere else.
	Request func(ctx context.Context, endpoint string, token Token) (*http.Request, error)

	// App returns which app the answer names, "" if none. Nil reads the member
	// client_id of RFC 7662.
	App func(Document) string

	// Want is how the provider calls our app; empty is our client id.
	Want string
}

var (
	errStranger = errors.New("the token was issued to another app")
	errNoApp    = errors.New("the answer does not say which app the token was issued to")
)

// AskBearer asks with GET and the token itself for authorization.
func AskBearer(ctx context.Context, endpoint string, token Token) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token.Access)
	return r, nil
}

// Introspection asks as RFC 7662 2.1 has it: the token in a form, our client
// authenticated by HTTP Basic with the secret that the token was given for.
func Introspection(clientID string) func(context.Context, string, Token) (*http.Request, error) {
	return func(ctx context.Context, endpoint string, token Token) (*http.Request, error) {
		form := url.Values{"token": {token.Access}, "token_type_hint": {"access_token"}}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(token.secret))
		return r, nil
	}
}

// Active is [Owner].App for RFC 7662 2.2: an answer that is not about a live
// token names no app.
func Active(app func(Document) string) func(Document) string {
	return func(d Document) string {
		if !d.Bool("active") {
			return ""
		}
		return app(d)
	}
}

// checkOwner returns nil only if the provider says that the token is ours.
func (w *Wire) checkOwner(ctx context.Context, token Token) error {
	owner := w.o.Owner
	if owner == nil {
		return nil
	}
	ask := owner.Request
	if ask == nil {
		ask = AskBearer
	}
	r, err := ask(ctx, owner.Endpoint, token)
	if err != nil {
		return Refuse(providers.Ours, "the token-info endpoint does not parse")
	}
	d, err := w.answer(r)
	if err != nil {
		return err
	}
	app := d.ID("client_id")
	if owner.App != nil {
		app = owner.App(d)
	}
	want := owner.Want
	if want == "" {
		want = w.o.Instance.ClientID
	}
	switch app {
	case "":
		return &providers.Error{Outcome: providers.Unknown, Code: "no_app", Err: errNoApp}
	case want:
		return nil
	}
	return &providers.Error{Outcome: providers.Trust, Code: "another_app", Err: errStranger}
}

// answer sends a request of the userinfo step and returns the document that it
// was answered with, or the error that the answer is.
func (w *Wire) answer(r *http.Request) (Document, error) {
	status, body, err := w.send(r)
	if err != nil {
		return nil, err
	}
	d, err := ParseDocument(body)
	if err != nil {
		d = nil
	}
	if status != http.StatusOK || d == nil || d.failed() {
		return nil, w.judgeAnswer(Answer{Step: providers.StepUserinfo, Status: status, Document: d})
	}
	return d, nil
}

func (w *Wire) send(r *http.Request) (status int, body []byte, err error) {
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "application/json")
	}
	answer, err := w.profile.Do(r)
	if err != nil {
		return 0, nil, err
	}
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, body, errors.Join(err, answer.Body.Close())
}
