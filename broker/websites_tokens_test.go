package broker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/bongsu/bongsu/broker/brokertest"
)

// Libraries that nobody here wrote keep people logged in: x/oauth2 refreshes by
// itself once the access token has expired, openid-client refreshes, asks and
// revokes.
func TestWebsitesUseTheirTokens(t *testing.T) {
	n := brokertest.StartNode(t)
	answer := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request(brokertest.Offline))
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	ctx := oidc.ClientContext(t.Context(), &http.Client{Transport: transport, Timeout: 10 * time.Second})
	provider, err := oidc.NewProvider(ctx, n.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	website := oauth2.Config{
		ClientID: brokertest.RP1.ID, ClientSecret: brokertest.RP1.Secret,
		RedirectURL: brokertest.RP1.RedirectURI, Endpoint: provider.Endpoint(),
	}
	tokens, err := website.Exchange(ctx, answer.Code, oauth2.VerifierOption(answer.Request.Verifier))
	if err != nil {
		t.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: website.ClientID})
	verify := func(of *oauth2.Token) *oidc.IDToken {
		t.Helper()
		raw, _ := of.Extra("id_token").(string)
		checked, err := verifier.Verify(ctx, raw)
		if err != nil {
			t.Fatal(err)
		}
		return checked
	}
	first := verify(tokens)
	old := *tokens
	old.Expiry = time.Now().Add(-time.Second) // as if it had been kept over lunch
	next, err := website.TokenSource(ctx, &old).Token()
	if err != nil {
		t.Fatal(err)
	}
	second := verify(next)
	if next.RefreshToken == tokens.RefreshToken || next.AccessToken == tokens.AccessToken || second.Subject != first.Subject || second.Nonce != "" {
		t.Errorf("x/oauth2 got the same tokens, or another person's: %+v after %+v", second, first)
	}

	said := tokensInNode(t, n.Issuer, brokertest.RP1, next)
	want := toldByNode{
		Subject: first.Subject, Name: said.Name, AuthTime: said.AuthTime, Scope: "openid profile email phone offline_access",
		Before: true, Between: true, Refused: "invalid_grant",
	}
	if said != want || said.Name == "" || said.AuthTime == 0 {
		t.Errorf("openid-client learned %+v, want %+v", said, want)
	}
	if _, err := website.TokenSource(ctx, &oauth2.Token{RefreshToken: next.RefreshToken}).Token(); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("after the revocation x/oauth2 got %v", err)
	}
}

// toldByNode is what the website in JavaScript prints.
type toldByNode struct {
	Subject  string `json:"sub"`
	AuthTime int64  `json:"auth_time"`
	Nonce    string `json:"nonce"`
	Name     string `json:"name"`
	Scope    string `json:"scope"`
	Before   bool   `json:"before"`
	Between  bool   `json:"between"`
	After    bool   `json:"after"`
	Refused  string `json:"refused"`
}

func tokensInNode(t *testing.T, issuer string, website brokertest.Website, given *oauth2.Token) toldByNode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, "node", "tokens.mjs", issuer, website.ID, given.AccessToken)
	command.Dir = nodeFolder
	command.Stdin = strings.NewReader(website.Secret + "\n" + given.RefreshToken + "\n")
	var out, complaints bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaints
	if err := command.Run(); err != nil {
		t.Fatalf("node (20 or later must be in PATH, \"npm ci --prefix deploy/websites/node\" done): %v\n%s", err, complaints.String())
	}
	var said toldByNode
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		t.Fatalf("the website printed %q: %v", out.String(), err)
	}
	return said
}
