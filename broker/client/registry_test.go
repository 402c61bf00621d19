package client

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRegistry(t *testing.T) {
	given := website(func(c *Client) { c.Subject = SubjectPairwise })
	r, err := NewRegistry([]*Client{given, app()})
	if err != nil {
		t.Fatal(err)
	}
	c, ok := r.Client("rp-1")
	if !ok {
		t.Fatal("rp-1 is not found")
	}
	if c.Tag != TagOf("rp-1") || c.IDTokenAlg != "RS256" || c.Sector != "rp1.example" || !c.AllowsGrant(GrantAuthorizationCode) {
		t.Errorf("not complete: %+v", c)
	}
	if diff := cmp.Diff([]string{"https://rp1.example"}, c.Origins); diff != "" {
		t.Error(diff)
	}
	if given.Tag != "" || given.Origins != nil {
		t.Error("the client that was given has changed")
	}
	if same, ok := r.ByTag(c.Tag); !ok || same != c {
		t.Error("not found by its tag")
	}
	for _, nobody := range []string{"", "RP-1", c.Tag} {
		if _, ok := r.Client(nobody); ok {
			t.Errorf("client %q is found", nobody)
		}
		if _, ok := r.ByTag(strings.ToUpper(nobody) + "x"); ok {
			t.Errorf("tag %q is found", nobody)
		}
	}
	public, _ := r.Client("rp-3")
	if public.AuthMethod != AuthNone || public.Subject != SubjectPublic {
		t.Errorf("not complete: %+v", public)
	}
	if all := r.All(); len(all) != 2 || all[0] != c || all[1] != public {
		t.Errorf("All = %v", all)
	}
}

func TestRegistryRefuses(t *testing.T) {
	colliding := []*Client{
		website(func(c *Client) { c.ID = "c-19842" }),
		website(func(c *Client) { c.ID = "c-32432" }),
	}
	if TagOf(colliding[0].ID) != TagOf(colliding[1].ID) {
		t.Fatal("the ids of this test do not collide")
	}
	tests := []struct {
		name    string
		clients []*Client
		say     []string
	}{
		{"an id twice", []*Client{website(), website()}, []string{`client "rp-1": the id is used twice`}},
		{"two ids with one tag", colliding, []string{`client "c-32432"`, `client "c-19842"`, "rename"}},
		{"unsound clients, all at once", []*Client{{ID: "a"}, website(), {ID: "b"}}, []string{`client "a": name`, `client "b": name`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := NewRegistry(tt.clients)
			if err == nil || r != nil {
				t.Fatalf("NewRegistry = %v, %v", r, err)
			}
			for _, words := range tt.say {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("does not say %q: %v", words, err)
				}
			}
		})
	}
}

// A tag stands in states that are under way: it must never change.
func TestTagsAreStable(t *testing.T) {
	for id, want := range map[string]string{"demo": "fklvc3", "demo-spa": "wejqcs", "rp-1": "z6ykjo"} {
		got := TagOf(id)
		if got != want {
			t.Errorf("TagOf(%q) = %q, want %q", id, got, want)
		}
		if len(got) != tagLength || strings.Trim(got, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("TagOf(%q) = %q", id, got)
		}
	}
}

func TestOriginAllowed(t *testing.T) {
	r, err := NewRegistry([]*Client{website(), app(func(c *Client) { c.RedirectURIs = []string{"com.example.app:/cb"} })})
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"https://rp1.example": true, "https://rp1.example:8443": false, "http://rp1.example": false, "https://evil.example": false,
		"null": false, "": false, "https://rp1.example/": false, "http://localhost:8418": false,
	} {
		if got := r.OriginAllowed(origin); got != want {
			t.Errorf("OriginAllowed(%q) = %t", origin, got)
		}
	}
}

func TestDevelopmentAcceptsLoopback(t *testing.T) {
	demo := website(func(c *Client) { c.RedirectURIs = []string{"http://localhost:8418/callback"} })
	r, err := NewRegistry([]*Client{demo}, InsecureLoopback(), InsecureRedirects(LoopbackHTTP))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := r.Client("rp-1")
	for uri, want := range map[string]bool{
		"http://localhost:8418/callback": true, "http://localhost:3000/any": true, "http://127.0.0.1:1/": true,
		"https://evil.example/": false, "http://localhost:3000@evil.example/": false,
	} {
		if got := c.RedirectAllowed(uri); got != want {
			t.Errorf("RedirectAllowed(%q) = %t", uri, got)
		}
		if got := c.PostLogoutAllowed(uri); got != want {
			t.Errorf("PostLogoutAllowed(%q) = %t", uri, got)
		}
	}
	for origin, want := range map[string]bool{
		"http://localhost:3000": true, "http://127.0.0.1": true, "https://evil.example": false, "http://localhost:3000/x": false,
		"null": false, "": false,
	} {
		if c.OriginAllowed(origin) != want || r.OriginAllowed(origin) != want {
			t.Errorf("OriginAllowed(%q) = %t", origin, !want)
		}
	}
	if demo.RedirectAllowed("http://localhost:3000/any") {
		t.Error("the client that was given has changed")
	}
}

func TestSecrets(t *testing.T) {
	secret, hash, err := NewSecret(bytes.NewReader(bytes.Repeat([]byte{0x5a}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(secret, SecretPrefix) || len(secret) != len(SecretPrefix)+52+7 || hash != HashSecret(secret) {
		t.Errorf("secret %q", secret)
	}
	if _, _, err := NewSecret(strings.NewReader("too short")); err == nil {
		t.Error("a secret was made of too little randomness")
	}

	if Mistyped(secret) || Mistyped("demo-secret") || Mistyped("") {
		t.Error("a good secret, or one not made here, counts as mistyped")
	}
	for i := len(SecretPrefix); i < len(secret); i++ {
		changed := []byte(secret)
		changed[i] = 'a' + (changed[i]-'a'+1)%26
		if !Mistyped(string(changed)) {
			t.Errorf("a change at %d is not noticed", i)
		}
	}
	if !Mistyped(secret[:len(secret)-1]) || !Mistyped(SecretPrefix) || !Mistyped(secret+"a") {
		t.Error("a secret of another length is not noticed")
	}

	c := website(func(c *Client) { c.SecretHashes = [][32]byte{HashSecret("old"), hash} })
	for given, want := range map[string]bool{"old": true, secret: true, "new": false, "": false, string(hash[:]): false} {
		if got := c.CheckSecret(given); got != want {
			t.Errorf("CheckSecret(%q) = %t", given, got)
		}
	}
	if app().CheckSecret("") || app().CheckSecret("x") {
		t.Error("a client without secrets takes one")
	}
}

func TestARightSecretIsNoted(t *testing.T) {
	type use struct {
		id   string
		hash [32]byte
	}
	var noted []use
	d := NewDirectory(NoteSecrets(func(id string, hash [32]byte) { noted = append(noted, use{id, hash}) }))
	if err := d.SetFile([]*Client{website()}); err != nil {
		t.Fatal(err)
	}
	c, _ := d.Client("rp-1")
	if c.CheckSecret("wrong") || len(noted) != 0 {
		t.Errorf("of a wrong secret is noted %v", noted)
	}
	if !c.CheckSecret("a long random secret") || len(noted) != 1 || noted[0] != (use{"rp-1", HashSecret("a long random secret")}) {
		t.Errorf("of a right secret is noted %v", noted)
	}
}

func TestHashes(t *testing.T) {
	hash := HashSecret("s")
	for _, text := range []string{FormatHash(hash), fmt.Sprintf("%x", hash), fmt.Sprintf(" sha256:%X\n", hash)} {
		if got, err := ParseHash(text); err != nil || got != hash {
			t.Errorf("ParseHash(%q) = %x, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "sha256:", "demo-secret", strings.Repeat("0", 63), strings.Repeat("0", 65), strings.Repeat("g", 64)} {
		if _, err := ParseHash(text); !errors.Is(err, ErrHash) {
			t.Errorf("ParseHash(%q): %v", text, err)
		}
	}
}
