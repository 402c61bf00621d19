package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// session is what the website remembers of a browser, by its cookie.
type session struct {
	state, nonce, verifier string
	subject, issuer        string
}

// website keeps sessions in memory: a real one keeps them where they outlive it.
type website struct {
	config   oauth2.Config
	provider *oidc.Provider

	mu       sync.Mutex
	sessions map[string]session
}

const cookie = "quickstart"

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	app := os.Getenv("APP_URL")
	at, err := url.Parse(app)
	if err != nil {
		return err
	}
	provider, err := oidc.NewProvider(ctx, os.Getenv("BONGSU_ISSUER"))
	if err != nil {
		return err
	}
	w := &website{provider: provider, sessions: make(map[string]session), config: oauth2.Config{
		ClientID: os.Getenv("BONGSU_CLIENT_ID"), ClientSecret: os.Getenv("BONGSU_CLIENT_SECRET"),
		Endpoint: provider.Endpoint(), RedirectURL: app + "/callback", Scopes: []string{oidc.ScopeOpenID, "profile"},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", w.login)
	mux.HandleFunc("GET /callback", w.callback)
	mux.HandleFunc("GET /me", w.me)
	server := &http.Server{Addr: "127.0.0.1:" + at.Port(), Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

func (w *website) login(out http.ResponseWriter, r *http.Request) {
	s := session{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	w.begin(out, s)
	http.Redirect(out, r, w.config.AuthCodeURL(s.state, oidc.Nonce(s.nonce), oauth2.S256ChallengeOption(s.verifier)), http.StatusFound)
}

func (w *website) callback(out http.ResponseWriter, r *http.Request) {
	s, ok := w.session(r)
	if !ok || s.state == "" || r.FormValue("state") != s.state {
		http.Error(out, "this login was begun elsewhere", http.StatusBadRequest)
		return
	}
	token, err := w.finish(r.Context(), s, r.FormValue("code"))
	if err != nil {
		http.Error(out, "the login failed; try again", http.StatusBadGateway)
		return
	}
	w.begin(out, session{subject: token.Subject, issuer: token.Issuer}) // a new name for what is worth more
	http.Redirect(out, r, "/me", http.StatusSeeOther)
}

// finish turns a code into the ID token of this very login.
func (w *website) finish(ctx context.Context, s session, code string) (*oidc.IDToken, error) {
	tokens, err := w.config.Exchange(ctx, code, oauth2.VerifierOption(s.verifier))
	if err != nil {
		return nil, err
	}
	raw, _ := tokens.Extra("id_token").(string)
	token, err := w.provider.Verifier(&oidc.Config{ClientID: w.config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if token.Nonce != s.nonce {
		return nil, errors.New("the ID token belongs to another login")
	}
	return token, nil
}

func (w *website) me(out http.ResponseWriter, r *http.Request) {
	s, ok := w.session(r)
	if !ok || s.subject == "" {
		http.Redirect(out, r, "/login", http.StatusSeeOther)
		return
	}
	out.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(out).Encode(map[string]string{"sub": s.subject, "iss": s.issuer}) // to a browser that may be gone
}

func (w *website) begin(out http.ResponseWriter, s session) {
	name := rand.Text()
	w.mu.Lock()
	w.sessions[name] = s
	w.mu.Unlock()
	http.SetCookie(out, &http.Cookie{
		Name: cookie, Value: name, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(w.config.RedirectURL, "https://"),
	})
}

func (w *website) session(r *http.Request) (session, bool) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return session{}, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.sessions[c.Value]
	return s, ok
}
