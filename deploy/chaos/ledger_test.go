//go:build linux

package chaos

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// ledger is a website's transport that writes down what became of every code and
// refresh token, and what was said of tokens that are good.
type ledger struct {
	*website

	road *road
}

// fingerprint stands for a code or token in the history.
func fingerprint(secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:8])
}

// RoundTrip implements [http.RoundTripper].
func (l *ledger) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method != http.MethodPost || request.URL.Path != "/token" {
		return l.road.RoundTrip(request)
	}
	sent, err := io.ReadAll(io.LimitReader(request.Body, 1<<16))
	if err = errors.Join(err, request.Body.Close()); err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(sent))
	if err != nil {
		return nil, err
	}
	var by reached
	ctx := context.WithValue(request.Context(), reachedKey{}, &by)
	again := request.Clone(ctx)
	again.Body = io.NopCloser(bytes.NewReader(sent))
	u := use{
		code: fingerprint(form.Get("code")), who: l.number, from: l.road.at(),
	}
	if refresh := form.Get("refresh_token"); refresh != "" {
		u.code, u.family = fingerprint(refresh), true
	}
	answer, err := l.road.via.RoundTrip(again)
	if err == nil {
		err = l.read(answer, &u)
	}
	if err != nil {
		u.result, u.said = unheard, err.Error()
	}
	u.to = l.road.at()
	if by.node == nil { // nobody has got it
		return answer, err
	}
	u.node = by.node.name()
	l.history.note(func(h *history) { h.uses = append(h.uses, u) })
	return answer, err
}

// read reads what the token endpoint says and puts it back.
func (l *ledger) read(answer *http.Response, u *use) error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Refresh     string `json:"refresh_token"`
	}
	_ = json.Unmarshal(body, &said) // what is no JSON says nothing
	u.said = said.Error
	switch {
	case answer.StatusCode == http.StatusOK:
		u.result, u.next = given, fingerprint(said.Refresh)
	case said.Error == "invalid_grant":
		u.result, u.said = gone, said.Description
	case answer.StatusCode == http.StatusServiceUnavailable:
		u.result = busy
	default:
		u.result = kindless
	}
	return nil
}
