package broker_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev"
	"github.com/bongsu/bongsu/keys"
)

// nodeFolder is where the website in JavaScript lies.
const nodeFolder = "../deploy/websites/node"

// Libraries that nobody here wrote log people in, in every algorithm we sign
// ID tokens with, and agree with each other on who came.
func TestWebsites(t *testing.T) {
	i := brokertest.Start(t, func(o *dev.Options) { o.Configure = everyAlgorithm })
	for _, alg := range []keys.Algorithm{keys.RS256, keys.ES256, keys.EdDSA} {
		t.Run("go-oidc verifies "+string(alg), func(t *testing.T) {
			s := newGoWebsite(t, i.Issuer(), clientOf(alg))
			came := s.signIn(t, i, "kakao", "minji")
			if came.alg != string(alg) {
				t.Errorf("the ID token is signed with %s", came.alg)
			}
		})
	}
	t.Run("go-oidc and openid-client see the same person, whichever way they came", func(t *testing.T) {
		inGo := newGoWebsite(t, i.Issuer(), "demo").signIn(t, i, "naver", "minji")
		inNode := runNode(t, i.Issuer(), "kakao", "minji")
		if inNode.Subject != inGo.subject || inNode.Name != inGo.name {
			t.Errorf("openid-client saw %+v, go-oidc %+v", inNode, inGo)
		}
		if inNode.Way != "kakao" || inNode.Issuer != i.Issuer() {
			t.Errorf("openid-client saw %+v", inNode)
		}
	})
	for _, way := range []string{"google", "apple"} {
		t.Run("openid-client opens an account by "+way+" that go-oidc finds again", func(t *testing.T) {
			inNode := runNode(t, i.Issuer(), way, "newcomer")
			inGo := newGoWebsite(t, i.Issuer(), "demo").signIn(t, i, way, "newcomer")
			if inNode.Subject != inGo.subject {
				t.Errorf("openid-client saw %s, go-oidc %s", inNode.Subject, inGo.subject)
			}
		})
	}
}

// clientOf is the client whose ID tokens are signed with alg.
func clientOf(alg keys.Algorithm) string {
	if alg == keys.RS256 {
		return "demo"
	}
	return "demo-" + strings.ToLower(string(alg))
}

// everyAlgorithm adds to dev's clients one for each algorithm it does not use.
func everyAlgorithm(cfg *config.Config) {
	cfg.Keys.Algorithms = []keys.Algorithm{keys.RS256, keys.ES256, keys.EdDSA}
	for _, c := range cfg.Clients {
		if c.ID != "demo" {
			continue
		}
		for _, alg := range []keys.Algorithm{keys.ES256, keys.EdDSA} {
			other := *c
			other.ID, other.IDTokenAlg = clientOf(alg), alg
			cfg.Clients = append(cfg.Clients, &other)
		}
		return
	}
}

// goWebsite is a website as the README shows it, with the sessions that the
// README leaves to the reader.
type goWebsite struct {
	url      string
	issuer   string
	clientID string

	mu      sync.Mutex
	pending map[string][2]string // state → nonce, verifier
	visits  chan visitor
	failed  chan error
}

// visitor is what the website learned of a person.
type visitor struct{ subject, name, email, alg string }

func newGoWebsite(t *testing.T, issuer, clientID string) *goWebsite {
	t.Helper()
	s := &goWebsite{
		issuer: issuer, clientID: clientID, pending: make(map[string][2]string),
		visits: make(chan visitor, 1), failed: make(chan error, 1),
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ServeHTTP implements [http.Handler].
func (s *goWebsite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	ctx := oidc.ClientContext(r.Context(), &http.Client{Transport: transport, Timeout: 10 * time.Second})
	if err := s.serve(ctx, w, r); err != nil {
		s.failed <- err
		http.Error(w, "failed", http.StatusBadGateway)
	}
}

// serve holds the README's lines as they stand there.
func (s *goWebsite) serve(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	issuer, website := s.issuer, s.url
	provider, err := oidc.NewProvider(ctx, issuer) // dev: "http://localhost:8417"
	if err != nil {
		return err
	}
	config := oauth2.Config{
		ClientID: "demo", ClientSecret: "demo-secret", Endpoint: provider.Endpoint(),
		RedirectURL: website + "/callback", Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}
	config.ClientID = s.clientID

	if r.URL.Path != "/callback" {
		// at the login button; keep the three in the browser's session:
		state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
		http.Redirect(w, r, config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), http.StatusFound)

		s.remember(state, nonce, verifier)
		return nil
	}
	nonce, verifier, err := s.recall(r.FormValue("state"), r.FormValue("iss"))
	if err != nil {
		return err
	}

	// at /callback, when the session's state is the one that came back:
	tokens, err := config.Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return err
	}
	raw, _ := tokens.Extra("id_token").(string)
	idToken, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return err
	}
	if idToken.Nonce != nonce {
		return errors.New("the ID token belongs to another login")
	}
	profile, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens)) // optional; its Subject must be idToken's
	if err != nil {
		return err
	}
	return s.welcome(w, raw, tokens, idToken, profile)
}

func (s *goWebsite) remember(state, nonce, verifier string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[state] = [2]string{nonce, verifier}
}

func (s *goWebsite) recall(state, iss string) (nonce, verifier string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, ok := s.pending[state]
	delete(s.pending, state)
	if !ok || iss != s.issuer {
		return "", "", fmt.Errorf("state %q of issuer %q is not this website's", state, iss)
	}
	return kept[0], kept[1], nil
}

// welcome checks what the README does not ask of everybody, and keeps who came.
func (s *goWebsite) welcome(w http.ResponseWriter, raw string, tokens *oauth2.Token, idToken *oidc.IDToken, profile *oidc.UserInfo) error {
	var claims struct {
		Name string `json:"name"`
	}
	if err := errors.Join(idToken.VerifyAccessToken(tokens.AccessToken), idToken.Claims(&claims)); err != nil {
		return err
	}
	if profile.Subject != idToken.Subject {
		return fmt.Errorf("userinfo is about %s, the ID token about %s", profile.Subject, idToken.Subject)
	}
	if lives := time.Until(tokens.Expiry); lives < 9*time.Minute || lives > 10*time.Minute {
		return fmt.Errorf("the access token lives %v", lives)
	}
	s.visits <- visitor{idToken.Subject, claims.Name, profile.Email, algorithmOf(raw)}
	_, err := fmt.Fprint(w, "<p id=greeting>Hello</p>")
	return err
}

// algorithmOf is the alg of a token's header.
func algorithmOf(token string) string {
	var header struct{ Alg string }
	encoded, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || json.Unmarshal(raw, &header) != nil {
		return ""
	}
	return header.Alg
}

// signIn sends a new browser to the website and returns what it learned.
func (s *goWebsite) signIn(t *testing.T, i *dev.Instance, way, person string) visitor {
	t.Helper()
	b := brokertest.NewBrowser(t)
	b.Open(s.url + "/")
	b.Click("way-" + way)
	page := b.Continue(person)
	if page.Has("new-account") {
		page = b.Click("new-account")
	}
	select {
	case err := <-s.failed:
		t.Fatalf("the website says: %v", err)
	case came := <-s.visits:
		if !page.Has("greeting") || !strings.HasPrefix(came.subject, "u_") {
			t.Fatalf("at %s as %+v", page.URL, came)
		}
		if want := i.Upstreams().PersonNamed(person); came.name != want.FullName || came.email != want.Email {
			t.Errorf("the website knows %+v, not %s %s", came, want.FullName, want.Email)
		}
		return came
	default:
	}
	t.Fatalf("the login ended at %s: %s", page.URL, page.Text())
	return visitor{}
}

// learned is what the website in JavaScript prints.
type learned struct {
	Subject string `json:"sub"`
	Name    string `json:"name"`
	Way     string `json:"way"`
	Issuer  string `json:"iss"`
}

// runNode lets person log in by way at the website in JavaScript.
func runNode(t *testing.T, issuer, way, person string) learned {
	t.Helper()
	if _, err := os.Stat(nodeFolder + "/node_modules/openid-client"); err != nil {
		t.Fatalf("openid-client is not installed: run \"npm ci --prefix deploy/websites/node\", or deploy/test.sh, which does: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, "node", "login.mjs", issuer, way, person)
	command.Dir = nodeFolder
	var out, complaints bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaints
	if err := command.Run(); err != nil {
		t.Fatalf("node (20 or later must be in PATH): %v\n%s", err, complaints.String())
	}
	var l learned
	if err := json.Unmarshal(out.Bytes(), &l); err != nil {
		t.Fatalf("the website printed %q: %v", out.String(), err)
	}
	return l
}

var codeBlock = regexp.MustCompile("(?s)```(go|js)\n(.*?)\n```")

// Whoever copies from the README copies what these tests ran.
func TestReadmeShowsWhatRuns(t *testing.T) {
	files := map[string]string{"go": "websites_test.go", "js": nodeFolder + "/login.mjs"}
	blocks := codeBlock.FindAllStringSubmatch(readFile(t, "../README.md"), -1)
	if len(blocks) != len(files) {
		t.Fatalf("the README has %d snippets", len(blocks))
	}
	for _, block := range blocks {
		ran := unindented(readFile(t, files[block[1]]))
		for paragraph := range strings.SplitSeq(block[2], "\n\n") {
			if !strings.Contains(ran, unindented(paragraph)) {
				t.Errorf("%s does not run this:\n%s", files[block[1]], paragraph)
			}
		}
	}
}

// unindented takes leading white space off every line.
func unindented(text string) string {
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		lines[n] = strings.TrimLeft(line, " \t")
	}
	return strings.Join(lines, "\n")
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
