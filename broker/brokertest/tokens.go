package brokertest

import (
	"net/http"
	"net/url"
)

// API is the resource server that every node knows. RP-1 and RP-3 may ask for
// its tokens, and it asks about them as RP-2.
const API = "https://api.example"

// Offline asks for refresh tokens beside everything else.
func Offline(v url.Values) { v.Set("scope", v.Get("scope")+" offline_access") }

// Refresh sends a refresh token to the token endpoint as website.
func (n *Node) Refresh(website Website, token string, changes ...func(url.Values)) Response {
	n.t.Helper()
	return n.asWebsite(website, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, changes)
}

// Introspect asks about a token as website.
func (n *Node) Introspect(website Website, token string, changes ...func(url.Values)) Response {
	n.t.Helper()
	return n.asWebsite(website, "/introspect", url.Values{"token": {token}}, changes)
}

// Revoke has a token revoked as website.
func (n *Node) Revoke(website Website, token string, changes ...func(url.Values)) Response {
	n.t.Helper()
	return n.asWebsite(website, "/revoke", url.Values{"token": {token}}, changes)
}

// asWebsite posts a form with the website's proof. Every answer of these
// endpoints must say that nobody may store it.
func (n *Node) asWebsite(website Website, path string, form url.Values, changes []func(url.Values)) Response {
	n.t.Helper()
	for _, change := range changes {
		change(form)
	}
	var proof []string
	if website.Secret == "" {
		form.Set("client_id", website.ID)
	} else {
		proof = []string{"Authorization", website.Basic()}
	}
	n.Secret("refresh token", form.Get("refresh_token"), form.Get("token"))
	got := n.Post(path, form, proof...)
	if got.Status != http.StatusNotFound && got.Header.Get("Cache-Control") != "no-store" {
		n.t.Errorf("%s: Cache-Control %q", path, got.Header.Get("Cache-Control"))
	}
	n.Secret("token", got.Text("refresh_token"), got.Text("access_token"), got.Text("id_token"))
	return got
}
