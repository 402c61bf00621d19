package client

import (
	"testing"
)

// website is a confidential client that validates, with the given changes.
func website(changes ...func(*Client)) *Client {
	c := &Client{
		ID: "rp-1", Name: "한빛상점", SecretHashes: [][32]byte{HashSecret("a long random secret")},
		RedirectURIs: []string{"https://rp1.example/cb"},
	}
	for _, change := range changes {
		change(c)
	}
	return c
}

// app is a public native client that validates, with the given changes.
func app(changes ...func(*Client)) *Client {
	c := &Client{ID: "rp-3", Name: "App", Public: true, Native: true, RedirectURIs: []string{"http://127.0.0.1/cb"}}
	for _, change := range changes {
		change(c)
	}
	return c
}

func TestWhatAClientMay(t *testing.T) {
	pinned := website(func(c *Client) { c.AuthMethod = AuthPost })
	machine := website(func(c *Client) { c.GrantTypes = []string{GrantClientCredentials} })
	narrow := website(func(c *Client) { c.Providers = []string{"kakao"} })
	tests := []struct {
		name string
		got  bool
		want bool
	}{
		{"a website redeems codes", website().AllowsGrant(GrantAuthorizationCode), true},
		{"a website gets no token of its own unless registered for it", website().AllowsGrant(GrantClientCredentials), false},
		{"a machine gets a token of its own", machine.AllowsGrant(GrantClientCredentials), true},
		{"a machine redeems no codes", machine.AllowsGrant(GrantAuthorizationCode), false},
		{"nobody uses passwords", website().AllowsGrant("password"), false},
		{"a website authenticates by header", website().AllowsAuth(AuthBasic), true},
		{"a website authenticates by body", website().AllowsAuth(AuthPost), true},
		{"a website does not go without", website().AllowsAuth(AuthNone), false},
		{"a pinned method is taken", pinned.AllowsAuth(AuthPost), true},
		{"another than the pinned method is not", pinned.AllowsAuth(AuthBasic), false},
		{"an app has no secret to authenticate with", app().AllowsAuth(AuthPost), false},
		{"an app goes without", app().AllowsAuth(AuthNone), true},
		{"a website needs PKCE", website().RequiresPKCE(), true},
		{"unless it says so", website(func(c *Client) { c.PKCEOptional = true }).RequiresPKCE(), false},
		{"an app always does", app(func(c *Client) { c.PKCEOptional = true }).RequiresPKCE(), true},
		{"every way is allowed where none is listed", website().AllowsWay("naver"), true},
		{"a listed way is allowed", narrow.AllowsWay("kakao"), true},
		{"another is not", narrow.AllowsWay("naver"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %t", tt.got)
			}
		})
	}
}

func TestDisplayName(t *testing.T) {
	c := &Client{ID: "rp", Name: "Hanbit Store", Names: map[string]string{"ko": "한빛상점"}}
	for lang, want := range map[string]string{"ko": "한빛상점", "ja": "Hanbit Store", "": "Hanbit Store"} {
		if got := c.DisplayName(lang); got != want {
			t.Errorf("in %q it is %q, want %q", lang, got, want)
		}
	}
	if got := (&Client{ID: "rp"}).DisplayName("ko"); got != "rp" {
		t.Errorf("a client without a name is %q", got)
	}
}

func TestHome(t *testing.T) {
	c := &Client{URI: "https://rp.example/"}
	if got := c.Home(); got != c.URI {
		t.Errorf("Home = %q", got)
	}
	c.InitiateLoginURI = "https://rp.example/login"
	if got := c.Home(); got != c.InitiateLoginURI {
		t.Errorf("Home = %q", got)
	}
}
