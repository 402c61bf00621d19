package client

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/choice"
)

// fields are the fields that err complains about, in order.
func fields(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("not joined: %v", err)
	}
	var names []string
	for _, err := range joined.Unwrap() {
		var p *Problem
		if !errors.As(err, &p) {
			t.Fatalf("not a problem: %v", err)
		}
		if p.Reason == "" || strings.ContainsAny(p.Reason, "\r\n") {
			t.Errorf("%s: reason %q", p.Field, p.Reason)
		}
		names = append(names, p.Field)
	}
	return names
}

func TestSoundClients(t *testing.T) {
	tests := []struct {
		name   string
		client *Client
	}{
		{"a website", website()},
		{"an app", app()},
		{"a confidential app", app(func(c *Client) { c.Public, c.SecretHashes = false, website().SecretHashes })},
		{"a website while its secret is rotated", website(func(c *Client) { c.SecretHashes = append(c.SecretHashes, HashSecret("another")) })},
		{"a machine", website(func(c *Client) { c.GrantTypes, c.RedirectURIs = []string{GrantClientCredentials}, nil })},
		{"everything at once", website(func(c *Client) {
			c.Names = map[string]string{"en": "Hanbit Store", "ja": "ハンビット"}
			c.PKCEOptional, c.FirstParty, c.AuthMethod = true, true, AuthBasic
			c.GrantTypes = []string{GrantAuthorizationCode, GrantClientCredentials}
			c.RedirectURIs = []string{"https://a.example/cb", "https://b.example:8443/cb?x=%20y&z=[1]"}
			c.PostLogoutRedirectURIs = []string{"https://a.example/"}
			c.Subject, c.Sector, c.IDTokenAlg, c.MinACR = SubjectPairwise, "hanbit.example", "EdDSA", choice.ACRProvider
			c.Providers, c.Language = []string{"kakao", "google-2"}, "ko-KR"
			c.URI, c.InitiateLoginURI = "https://a.example", "https://a.example/login"
			c.LogoURI, c.PolicyURI, c.TermsURI = "https://a.example/logo.png", "https://a.example/policy", "https://a.example/terms"
		})},
		{"pairwise for one host", website(func(c *Client) { c.Subject = SubjectPairwise })},
		{"an internationalised host", website(func(c *Client) { c.RedirectURIs = []string{"https://xn--bj0bj06e.example/cb"} })},
		{"an address", website(func(c *Client) { c.RedirectURIs = []string{"https://192.0.2.1/cb", "https://[2001:db8::1]:8443/cb"} })},
		{"a private-use scheme", app(func(c *Client) { c.RedirectURIs = []string{"com.example.app:/cb", "com.example.app://host/cb"} })},
		{"localhost", app(func(c *Client) { c.RedirectURIs = []string{"http://localhost:8000/cb", "http://[::1]/cb"} })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.client.Validate(); err != nil {
				t.Errorf("Validate: %v", err)
			}
		})
	}
}

func TestUnsafeRedirectURIs(t *testing.T) {
	tests := []struct {
		name   string
		uri    string
		native bool // is refused to native apps too
	}{
		{"AB-04 without TLS", "http://rp.example/cb", true},
		{"AB-04 a script", "javascript:alert(1)", true},
		{"AB-04 a data URL", "data:text/html,x", true},
		{"AB-04 a wildcard in the host", "https://*.rp.example/cb", true},
		{"a wildcard in the path", "https://rp.example/*", true},
		{"AB-04 a fragment", "https://rp.example/cb#x", true},
		{"an empty fragment", "https://rp.example/cb#", true},
		{"AB-04 no scheme", "//rp.example/cb", true},
		{"a path alone", "/cb", true},
		{"nothing", "", true},
		{"no host", "https:///cb", true},
		{"no slashes", "https:rp.example/cb", true},
		{"a user name", "https://me@rp.example/cb", true},
		{"an empty user name", "https://@rp.example/cb", true},
		{"a user name and password", "https://me:pw@rp.example/cb", true},
		{"a newline", "https://rp.example/cb\n", true},
		{"a tab in the scheme", "java\tscript:alert(1)", true},
		{"a space", "https://rp.example/c b", true},
		{"a backslash", "https://rp.example\\@evil.example/cb", true},
		{"a quote", "https://rp.example/\"onload=", true},
		{"letters that are not ASCII", "https://한빛.example/cb", true},
		{"bad percent encoding", "https://rp.example/%zz", true},
		{"dot segments", "https://rp.example/a/../cb", true},
		{"encoded dot segments", "https://rp.example/a/%2e%2e/cb", true},
		{"port 0", "https://rp.example:0/cb", true},
		{"port 65536", "https://rp.example:65536/cb", true},
		{"an empty port", "https://rp.example:/cb", true},
		{"an empty label", "https://rp..example/cb", true},
		{"a host that begins with a hyphen", "https://-rp.example/cb", true},
		{"a network zone", "https://[fe80::1%25eth0]/cb", true},
		{"a scheme in capitals", "HTTPS://rp.example/cb", true},
		{"513 bytes", "https://rp.example/" + strings.Repeat("a", maxURI-18), true},
		{"a private-use scheme without a dot", "myapp:/cb", true},
		{"a private-use scheme without a slash", "com.example.app:cb", true},
		{"a private-use scheme in capitals", "COM.example.app:/cb", true},
		{"a file", "file:///etc/passwd", true},
		{"http on loopback", "http://127.0.0.1/cb", false},
		{"http on localhost", "http://localhost:8000/cb", false},
		{"a private-use scheme", "com.example.app:/cb", false},
		{"http on another loopback address", "http://127.0.0.2/cb", true},
		{"a name below localhost", "http://localhost.evil.example/cb", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			uris := []string{"https://rp.example/ok", tt.uri}
			web := website(func(c *Client) { c.RedirectURIs, c.PostLogoutRedirectURIs = uris, uris })
			want := []string{"redirect_uris[1]", "post_logout_redirect_uris[1]"}
			if diff := cmp.Diff(want, fields(t, web.Validate())); diff != "" {
				t.Errorf("a website's problems (-want +got):\n%s", diff)
			}
			native := app(func(c *Client) { c.RedirectURIs, c.PostLogoutRedirectURIs = uris, uris })
			if !tt.native {
				want = nil
			}
			if diff := cmp.Diff(want, fields(t, native.Validate())); diff != "" {
				t.Errorf("an app's problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnsoundClients(t *testing.T) {
	many := func(n int) (uris []string) {
		for i := range n {
			uris = append(uris, fmt.Sprintf("https://rp.example/%d", i))
		}
		return uris
	}
	tests := []struct {
		name   string
		client *Client
		want   []string
	}{
		{"nothing at all", &Client{}, []string{"id", "name", "secrets", "redirect_uris"}},
		{"an id with a space", website(func(c *Client) { c.ID = "rp 1" }), []string{"id"}},
		{"an id with a colon", website(func(c *Client) { c.ID = "rp:1" }), []string{"id"}},
		{"an endless id", website(func(c *Client) { c.ID = strings.Repeat("a", maxID+1) }), []string{"id"}},
		{"an endless name", website(func(c *Client) { c.Name = strings.Repeat("한", maxName+1) }), []string{"name"}},
		{"a name with a newline", website(func(c *Client) { c.Name = "a\nb" }), []string{"name"}},
		{"a name that turns the direction of text", website(func(c *Client) { c.Name = "a\u202eb" }), []string{"name"}},
		{"names of which one is empty", website(func(c *Client) { c.Names = map[string]string{"ko": ""} }), []string{"names.ko"}},
		{"a name in no language", website(func(c *Client) { c.Names = map[string]string{"<b>": "x"} }), []string{"names"}},
		{"a public client with a secret", app(func(c *Client) { c.SecretHashes = website().SecretHashes }), []string{"secrets"}},
		{"a confidential client without one", website(func(c *Client) { c.SecretHashes = nil }), []string{"secrets"}},
		{"three secrets, two of them the same", website(func(c *Client) {
			c.SecretHashes = [][32]byte{{1}, {2}, {1}}
		}), []string{"secrets", "secrets[2]"}},
		{"an empty secret", website(func(c *Client) { c.SecretHashes = [][32]byte{HashSecret("")} }), []string{"secrets[0]"}},
		{"no hash", website(func(c *Client) { c.SecretHashes = [][32]byte{{}} }), []string{"secrets[0]"}},
		{"a public client that authenticates", app(func(c *Client) { c.AuthMethod = AuthPost }), []string{"auth_method"}},
		{"a confidential client that does not", website(func(c *Client) { c.AuthMethod = AuthNone }), []string{"auth_method"}},
		{"a public client without PKCE", app(func(c *Client) { c.PKCEOptional = true }), []string{"pkce"}},
		{"no grant type", website(func(c *Client) { c.GrantTypes = []string{} }), []string{"grant_types"}},
		{"grant types of old", website(func(c *Client) { c.GrantTypes = []string{"implicit", GrantAuthorizationCode, GrantAuthorizationCode} }), []string{"grant_types[0]", "grant_types[2]"}},
		{"a public machine", app(func(c *Client) { c.GrantTypes = []string{GrantClientCredentials} }), []string{"grant_types[0]"}},
		{"33 redirect URIs", website(func(c *Client) { c.RedirectURIs = many(maxURIs + 1) }), []string{"redirect_uris"}},
		{"a redirect URI twice", website(func(c *Client) { c.RedirectURIs = []string{"https://a.example/", "https://a.example/"} }), []string{"redirect_uris[1]"}},
		{"an unknown kind of subject", website(func(c *Client) { c.Subject = "global" }), []string{"subject"}},
		{"a sector for a public subject", website(func(c *Client) { c.Sector = "a.example" }), []string{"sector"}},
		{"pairwise for two hosts", website(func(c *Client) {
			c.Subject, c.RedirectURIs = SubjectPairwise, []string{"https://a.example/", "https://b.example/"}
		}), []string{"sector"}},
		{"pairwise for no host", app(func(c *Client) { c.Subject, c.RedirectURIs = SubjectPairwise, []string{"com.example.app:/cb"} }), []string{"sector"}},
		{"a sector that is a URL", website(func(c *Client) { c.Subject, c.Sector = SubjectPairwise, "https://a.example/" }), []string{"sector"}},
		{"HS256", website(func(c *Client) { c.IDTokenAlg = "HS256" }), []string{"id_token_alg"}},
		{"alg none", website(func(c *Client) { c.IDTokenAlg = "none" }), []string{"id_token_alg"}},
		{"an unknown acr", website(func(c *Client) { c.MinACR = "high" }), []string{"min_acr"}},
		{"continued logins that are too weak", website(func(c *Client) { c.MinACR, c.Continuation = choice.ACRProvider, true }), []string{"continuation"}},
		{"neither node nor wait", website(func(c *Client) { c.WriterGone = "always" }), []string{"writer_gone"}},
		{"a language that is none", website(func(c *Client) { c.Language = "ko\"" }), []string{"language"}},
		{"no provider", website(func(c *Client) { c.Providers = []string{} }), []string{"providers"}},
		{"providers that are none", website(func(c *Client) { c.Providers = []string{"Kakao", "naver", "naver"} }), []string{"providers[0]", "providers[2]"}},
		{"pages without TLS", website(func(c *Client) {
			c.URI, c.InitiateLoginURI, c.LogoURI = "http://a.example", "http://127.0.0.1/", "data:image/png;base64,AA=="
			c.PolicyURI, c.TermsURI = "javascript:alert(1)", "//a.example/terms"
		}), []string{"uri", "initiate_login_uri", "logo_uri", "policy_uri", "terms_uri"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, fields(t, tt.client.Validate())); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoopbackForDevelopment(t *testing.T) {
	c := website(func(c *Client) {
		c.RedirectURIs, c.URI = []string{"http://localhost:8418/callback"}, "http://localhost:8418/"
	})
	if diff := cmp.Diff([]string{"redirect_uris[0]", "uri"}, fields(t, c.Validate())); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if err := c.Validate(InsecureLoopback()); err != nil {
		t.Errorf("Validate with loopback opened: %v", err)
	}
	c.RedirectURIs = []string{"http://rp.example/cb"}
	if err := c.Validate(InsecureLoopback()); err == nil {
		t.Error("http on a public host is accepted")
	}
}

// What validates cannot be read in two ways, and is safe to send a browser to.
func FuzzValidate(f *testing.F) {
	for _, seed := range []string{
		"https://rp.example/cb", "javascript:alert(1)", "com.example.app:/cb", "https://rp.example@evil.example", "http://[::1]:9/x",
		"https://rp.example:443", "a.b://c:d/e", "https://rp.example?x=/../", "a.b:///..",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, uri string, native bool) {
		c := &Client{Native: native}
		if c.redirectProblem(uri, false) != "" {
			return
		}
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case u.Scheme == "https" && u.Host != "":
		case native && u.Scheme == "http" && isLoopback(u.Hostname()):
		case native && strings.Contains(u.Scheme, ".") && u.Opaque == "":
		default:
			t.Fatalf("accepted %q", uri)
		}
		if u.User != nil || len(uri) > maxURI || strings.ContainsAny(uri, "#*\\\"<> \n\r\t") {
			t.Fatalf("accepted %q", uri)
		}
		for _, origin := range originsOf([]string{uri}) {
			if !isOrigin(origin) || !strings.HasPrefix(strings.ToLower(uri), strings.TrimSuffix(origin, "/")) {
				t.Fatalf("the origin of %q is %q", uri, origin)
			}
		}
	})
}
