package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// pair is two real processes on one database, behind a door that leads to one of them.
type pair struct {
	*site // the first

	second *site
	door   *site
	listen map[*site]string
}

const bankSecret = "bank-secret-of-more-than-thirty-two" //nolint:gosec // of a website that does not exist

func newPair(t *testing.T, dsn string) *pair {
	t.Helper()
	first := newPlace(t, fmt.Sprintf(`store: {driver: postgres, writer: %q}
clients:
  - {id: shop, name: Shop, secret: %s, first_party: true, continuation: true, redirect_uris: ["%s"]}
  - {id: bank, name: Bank, secret: %s, first_party: true, redirect_uris: ["%s"]}
`, dsn, shopSecret, shopCallback, bankSecret, shopCallback))
	port, err := freePort(t)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(first.issuer)
	if err != nil {
		t.Fatal(err)
	}
	second := &site{t: t, dir: t.TempDir(), issuer: first.issuer, upstream: first.upstream, admin: fmt.Sprintf("127.0.0.1:%d", port+1)}
	second.write(strings.NewReplacer(
		"node: seoul-1", "node: seoul-2", "listen: "+at.Host, fmt.Sprintf("listen: localhost:%d", port), "admin: "+first.admin, "admin: "+second.admin,
	).Replace(first.read()))
	return &pair{site: first, second: second, door: first, listen: map[*site]string{first: at.Host, second: fmt.Sprintf("localhost:%d", port)}}
}

// RoundTrip implements [http.RoundTripper]: the issuer is whoever stands behind the door.
func (p *pair) RoundTrip(r *http.Request) (*http.Response, error) {
	if "http://"+r.URL.Host != p.issuer {
		return p.site.RoundTrip(r)
	}
	inside := r.Clone(r.Context())
	inside.Host, inside.URL.Host = r.URL.Host, p.listen[p.door]
	answer, err := http.DefaultTransport.RoundTrip(inside)
	if answer != nil {
		answer.Request = r
	}
	return answer, err
}

// enter walks a login in a browser to where it ends.
func (p *pair) enter(b *browser.Browser, person, client, verifier string) *browser.Page {
	p.t.Helper()
	page, err := walk(p.t.Context(), b, p.issuer, person, client, shopCallback, verifier)
	if err != nil {
		p.t.Fatal(err)
	}
	return page
}

// claims are those of the ID token that a login gives.
func (p *pair) claims(b *browser.Browser, person, client, secret string) (claims map[string]any) {
	p.t.Helper()
	verifier := oauth2.GenerateVerifier()
	page := p.enter(b, person, client, verifier)
	code := page.URL.Query().Get("code")
	if code == "" {
		p.t.Fatalf("no code at %s: %d %s", page.URL, page.Status, page.Text())
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {shopCallback}, "code_verifier": {verifier}}
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client, secret)
	answer, err := p.RoundTrip(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var tokens map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&tokens); err != nil || answer.StatusCode != http.StatusOK || tokens["refresh_token"] != nil {
		p.t.Fatalf("token endpoint: %d %v %v", answer.StatusCode, tokens, err)
	}
	token, _ := tokens["id_token"].(string)
	_, payload, _ := strings.Cut(token, ".")
	payload, _, _ = strings.Cut(payload, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return claims
}

// serving reports whether a process answers the public.
func (p *pair) serving(s *site) bool {
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.issuer+"/jwks", http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Host, r.URL.Host = r.URL.Host, p.listen[s]
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// Every database is gone, and two processes start from their disks: who was here
// before goes on where the website allows it, everybody else is told that it is not
// now. With the database back all is whole.
func TestTwoProcessesStartWhileNoDatabaseAnswers(t *testing.T) {
	server := pgtest.Start(t)
	p := newPair(t, server.Database("alone", func(context.Context, string) error { return nil }))
	p.start()
	p.second.start()
	known := browser.New(browser.Options{Transport: p, Language: "en"})
	defer known.Close()
	before := p.claims(known, "minji", "shop", shopSecret)
	p.door = p.second // it knows the provider too
	other := browser.New(browser.Options{Transport: p, Language: "en"})
	defer other.Close()
	p.claims(other, "solo", "bank", bankSecret)

	server.Kill()
	for _, s := range []*site{p.site, p.second} {
		s.signal(os.Kill)
		_ = s.end(10 * time.Second) // it was killed
		began := time.Now()
		s.launch()
		s.await("node that starts from its disk alone", func() bool { return p.serving(s) })
		took := time.Since(began)
		t.Logf("serving from the disk alone after %s", took.Round(time.Millisecond))
		if took > 15*time.Second { // a busy machine's
			t.Errorf("it took %s", took)
		}
		s.await("word that the node goes by its disk", func() bool { return s.log.event("snapshot.served") != nil })
	}
	for _, s := range []*site{p.second, p.site} {
		p.door = s
		claims := p.claims(known, "minji", "shop", shopSecret)
		if claims["sub"] != before["sub"] || claims["acr"] != "urn:bongsu:acr:continued" {
			t.Errorf("a known device gets %v, and was %v", claims, before["sub"])
		}
		stranger := browser.New(browser.Options{Transport: p, Language: "en"})
		for what, page := range map[string]*browser.Page{
			"an unknown device":              p.enter(stranger, "minji", "shop", oauth2.GenerateVerifier()),
			"a website that has not said so": p.enter(known, "minji", "bank", oauth2.GenerateVerifier()),
		} {
			if page.Status != http.StatusServiceUnavailable || page.Header.Get("Retry-After") == "" || !page.Has("onward") {
				t.Errorf("%s: %d at %s: %s", what, page.Status, page.URL, page.Text())
			}
		}
		stranger.Close()
	}

	server.Restart()
	for _, s := range []*site{p.site, p.second} {
		s.await("node that is whole", s.whole)
	}
	if claims := p.claims(known, "minji", "bank", bankSecret); claims["sub"] != before["sub"] || claims["acr"] != "urn:bongsu:acr:provider" {
		t.Errorf("with the database back the person is %v, and was %v", claims, before["sub"])
	}
}
