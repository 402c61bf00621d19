package broker_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/keys/wrap"
)

func TestAB01UnregisteredRedirectURI(t *testing.T) {
	n := brokertest.StartNode(t)
	signedIn := n.NewBrowser()
	n.Login(signedIn, "kakao", "vic", brokertest.RP1.Request())
	unchanged(t, n)
	for name, b := range map[string]*brokertest.Browser{"with a session": signedIn, "without one": n.NewBrowser()} {
		for _, change := range []func(url.Values){func(url.Values) {}, set("prompt", "none"), set("scope", "wrong")} {
			r := brokertest.RP1.Request(set("redirect_uri", "https://evil.example/cb"), change)
			page := b.Open(n.AuthorizeURL(r))
			if page.URL.Host != strings.TrimPrefix(n.Issuer, "http://") {
				t.Fatalf("%s: the browser was sent to %s", name, page.URL)
			}
			refusedOnOurPage(t, brokertest.Response{Status: page.Status, Header: page.Header, Body: page.Body}, "evil.example")
		}
	}
	for _, strange := range []string{"", "evil", "https://evil.example/cb", "javascript:alert(1)"} {
		refusedOnOurPage(t, n.Ask(http.MethodGet, "/authorize?"+brokertest.RP1.Request(set("client_id", "nobody"), set("redirect_uri", strange)).Encode()), "evil.example")
	}
}

func TestAB02NearMissRedirectURIs(t *testing.T) {
	n := brokertest.StartNode(t)
	unchanged(t, n)
	for _, near := range []string{
		"https://rp1.example/cb/", "https://rp1.example/cb/../x", "https://rp1.example/cb%2f..%2fx", "https://rp1.example/CB",
		"https://rp1.example/cb?x=1", "https://rp1.example/cb#f", "https://rp1.example.evil.example/cb",
		"https://rp1.example@evil.example/cb", "https://evil.example/https://rp1.example/cb",
		"https://rp1.example:8443/cb", "http://rp1.example/cb",
		// and what a parser would make equal
		"https://rp1.example:443/cb", "HTTPS://rp1.example/cb", "https://RP1.example/cb", "https://rp1.example/%63b",
		"https://rp1.example/./cb", "https://rp1.example//cb", "https://rp1.example/cb?", "https://rp1.example/cb#",
		" https://rp1.example/cb", "https://rp1.example/cb ", "https://rp1.example/cb\t", "https://rp1.example\\@evil.example/cb",
		"https://rp1.example/cb\x00", "//rp1.example/cb", "https://rp1.example./cb", "https://rp1.example/cb2/../cb",
	} {
		t.Run(near, func(t *testing.T) {
			query := "/authorize?" + brokertest.RP1.Request(set("redirect_uri", near)).Encode()
			refusedOnOurPage(t, n.Ask(http.MethodGet, query), "evil.example")
			posted := n.Post("/authorize", brokertest.RP1.Request(set("redirect_uri", near)).Values)
			if posted.Status != http.StatusSeeOther || !strings.HasPrefix(posted.Header.Get("Location"), "/authorize?posted=") {
				t.Fatalf("POST answers %d to %s", posted.Status, posted.Header.Get("Location"))
			}
			refusedOnOurPage(t, n.Ask(http.MethodGet, posted.Header.Get("Location")), "evil.example")
		})
	}
}

func TestAB03LoopbackIsForNativeClientsOnly(t *testing.T) {
	n := brokertest.StartNode(t)
	tests := []struct {
		website  brokertest.Website
		uri      string
		accepted bool
	}{
		{brokertest.RP3, "http://127.0.0.1/cb", true},
		{brokertest.RP3, "http://127.0.0.1:1234/cb", true},
		{brokertest.RP3, "http://127.0.0.1:65535/cb", true},
		{brokertest.RP1, "http://127.0.0.1:1234/cb", false},
		{brokertest.RP1, "http://localhost:1234/cb", false},
		{brokertest.RP3, "http://127.0.0.1:1234/other", false},
		{brokertest.RP3, "http://127.0.0.1:1234/cb/", false},
		{brokertest.RP3, "http://127.0.0.1:1234/cb?x=1", false},
		{brokertest.RP3, "http://localhost:1234/cb", false},
		{brokertest.RP3, "http://[::1]:1234/cb", false},
		{brokertest.RP3, "http://127.0.0.2:1234/cb", false},
		{brokertest.RP3, "https://127.0.0.1:1234/cb", false},
		{brokertest.RP3, "http://127.0.0.1:0/cb", false},
		{brokertest.RP3, "http://127.0.0.1:65536/cb", false},
		{brokertest.RP3, "http://127.0.0.1:/cb", false},
		{brokertest.RP3, "http://127.0.0.1:12@evil.example/cb", false},
		{brokertest.RP3, "http://127.0.0.1.evil.example/cb", false},
		{brokertest.RP3, "http://evil.example:1234/cb", false},
	}
	for _, tt := range tests {
		t.Run(tt.website.ID+" "+tt.uri, func(t *testing.T) {
			r := tt.website.Request(set("redirect_uri", tt.uri))
			if !tt.accepted {
				refusedOnOurPage(t, n.Ask(http.MethodGet, "/authorize?"+r.Encode()), "evil.example")
				return
			}
			answer := n.Login(n.NewBrowser(), "kakao", "vic", r)
			if tokens := n.Redeem(answer); tokens.Status != http.StatusOK {
				t.Errorf("the code gave %d %s", tokens.Status, tokens.Body)
			}
		})
	}
}

func TestAB04UnsafeRedirectURIsAtRegistration(t *testing.T) {
	if _, err := loadWithRedirect(t, "https://rp.example/cb"); err != nil {
		t.Fatalf("an honest one is refused: %v", err)
	}
	for _, uri := range []string{
		"http://rp.example/cb", "javascript:alert(1)", "data:text/html,x", "https://*.rp.example/cb",
		"https://rp.example/cb#x", "//rp.example/cb", "https://rp.example/cb#", "vbscript:x", "file:///etc/passwd",
		"https://user@rp.example/cb", "https://rp.example/../cb", "rp.example/cb", "", "https:///cb", "blob:https://rp.example/x",
		"http://localhost/cb",
	} {
		t.Run(uri, func(t *testing.T) {
			got, err := loadWithRedirect(t, uri)
			if err == nil || got != nil {
				t.Fatal("the registration was accepted")
			}
			var problems config.Problems
			if !errors.As(err, &problems) || !strings.Contains(err.Error(), "redirect_uris") {
				t.Errorf("the error does not say what is wrong: %v", err)
			}
		})
	}
}

// loadWithRedirect loads a configuration with one client.
func loadWithRedirect(t *testing.T, uri string) (*config.Config, error) {
	t.Helper()
	dir := t.TempDir()
	secret := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"site.key", "cluster.key"} {
		key, err := wrap.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		secret(name, key)
	}
	secret("kakao.secret", "a secret from the console")
	secret("rp.secret", "a-secret-of-more-than-thirty-two-characters")
	secret("bongsu.yaml", fmt.Sprintf(`
issuer: https://login.example.kr
site: seoul
trusted_proxies: [10.0.0.0/8]
site_key_file: site.key
cluster_key_file: cluster.key
providers:
  - {id: kakao, kind: kakao, client_id: "0123", client_secret_file: kakao.secret}
clients:
  - {id: rp, name: RP, first_party: true, secret_file: rp.secret, redirect_uris: [%q]}
`, uri))
	return config.Load(filepath.Join(dir, "bongsu.yaml"), nil)
}

func TestAB05DuplicateParameters(t *testing.T) {
	n := brokertest.StartNode(t)
	answer := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	unchanged(t, n)
	values := map[string]string{
		"redirect_uri": brokertest.RP1Other, "client_id": brokertest.RP2.ID, "state": "other",
		"code_challenge": brokertest.Challenge("other"), "scope": "openid",
		"nonce": "other", "prompt": "login", "response_type": "code", "code_challenge_method": "S256",
	}
	for name, other := range values {
		for _, before := range []bool{true, false} {
			for _, same := range []bool{true, false} {
				r := brokertest.RP1.Request()
				if same && r.Get(name) != "" {
					other = r.Get(name)
				}
				if r.Get(name) == "" {
					r.Set(name, other)
				}
				doubled(name, other, before)(r.Values)
				asked := n.Ask(http.MethodGet, "/authorize?"+r.Encode())
				if name == "client_id" || name == "redirect_uri" {
					refusedOnOurPage(t, asked)
					continue
				}
				location := redirectTarget(t, n, asked, brokertest.RP1)
				if location.Get("error") != "invalid_request" || location.Get("code") != "" {
					t.Errorf("%s twice answers %v", name, location)
				}
				if name == "state" && location.Has("state") {
					t.Error("one of two states was believed")
				}
			}
		}
	}
	for _, name := range []string{"redirect_uri", "client_id", "code", "code_verifier", "grant_type", "scope", "client_secret"} {
		for _, before := range []bool{true, false} {
			refused(t, n.Redeem(answer, func(v url.Values) {
				if !v.Has(name) {
					v.Set(name, "one")
				}
			}, doubled(name, "other", before)), "invalid_request")
		}
	}
}

// redirectTarget reads the answer that a website would get from a redirect,
// and checks that the redirect leads to it, with iss.
func redirectTarget(t *testing.T, n *brokertest.Node, answer brokertest.Response, w brokertest.Website) url.Values {
	t.Helper()
	to, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || answer.Status != http.StatusSeeOther || !strings.HasPrefix(to.String(), w.RedirectURI+"?") {
		t.Fatalf("answered %d to %q, not a redirect to %s", answer.Status, answer.Header.Get("Location"), w.RedirectURI)
	}
	query := to.Query()
	if query.Get("iss") != n.Issuer || len(query["iss"]) != 1 || to.Fragment != "" {
		t.Errorf("iss is %q", query["iss"])
	}
	return query
}

func TestAB06RemovedResponseTypesAndGrants(t *testing.T) {
	n := brokertest.StartNode(t)
	unchanged(t, n)
	signedIn := n.NewBrowser()
	for _, kind := range []string{"token", "id_token token", "id_token", "none", "code token", "code id_token", "CODE", "code code"} {
		r := brokertest.RP1.Request(set("response_type", kind))
		got := n.Answered(signedIn.Open(n.AuthorizeURL(r)), r)
		if got.Error != "unsupported_response_type" {
			t.Errorf("response_type=%s answers %s", kind, got.Error)
		}
	}
	for _, mode := range []string{"fragment", "web_message", "jwt", "form_post.jwt"} {
		r := brokertest.RP1.Request(set("response_mode", mode))
		if got := n.Answered(signedIn.Open(n.AuthorizeURL(r)), r); got.Error != "invalid_request" {
			t.Errorf("response_mode=%s answers %s", mode, got.Error)
		}
	}
	for _, grant := range []string{"password", "implicit", "urn:example:unknown", "AUTHORIZATION_CODE"} {
		refused(t, n.Post("/token", url.Values{
			"grant_type": {grant}, "username": {"vic"}, "password": {"vic"}, "scope": {"openid"},
			"code": {"x"}, "refresh_token": {"x"},
		}, "Authorization", brokertest.RP1.Basic()), "unsupported_grant_type")
	}
	document := discovery(t, n)
	if fmt.Sprint(document["response_types_supported"]) != "[code]" || fmt.Sprint(document["response_modes_supported"]) != "[query form_post]" {
		t.Errorf("discovery offers %v, %v", document["response_types_supported"], document["response_modes_supported"])
	}
	for _, gone := range []string{"password", "implicit"} {
		if strings.Contains(fmt.Sprint(document["grant_types_supported"]), gone) {
			t.Errorf("discovery offers %s", gone)
		}
	}
}

func TestAB07PKCEMissingPlainOrMalformed(t *testing.T) {
	n := brokertest.StartNode(t)
	unchanged(t, n)
	changes := map[string]func(url.Values){
		"no challenge":            without("code_challenge", "code_challenge_method"),
		"an empty challenge":      set("code_challenge", ""),
		"plain":                   set("code_challenge_method", "plain"),
		"no method":               without("code_challenge_method"),
		"a method in lower case":  set("code_challenge_method", "s256"),
		"a method alone":          without("code_challenge"),
		"three characters":        set("code_challenge", "abc"),
		"one character more":      set("code_challenge", brokertest.Challenge("x")+"A"),
		"padding":                 set("code_challenge", brokertest.Challenge("x")[:42]+"="),
		"not base64url":           set("code_challenge", brokertest.Challenge("x")[:42]+"+"),
		"a letter of no alphabet": set("code_challenge", brokertest.Challenge("x")[:42]+"é"),
	}
	for _, website := range []brokertest.Website{brokertest.RP1, brokertest.RP3} {
		for name, change := range changes {
			t.Run(website.ID+" "+name, func(t *testing.T) {
				r := website.Request(change)
				got := redirectTarget(t, n, n.Ask(http.MethodGet, "/authorize?"+r.Encode()), website)
				if got.Get("error") != "invalid_request" || got.Get("state") != r.Get("state") {
					t.Errorf("answered %v", got)
				}
			})
		}
	}
}

func TestAB08ReturnURLsOfOurPages(t *testing.T) {
	n := brokertest.StartNode(t)
	b := n.NewBrowser()
	menu := b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	cookies := cookieHeader(b)
	logins := strings.TrimPrefix(menu.URL.String(), n.Issuer)
	unchanged(t, n)
	for _, evil := range []string{
		"https://evil.example", "//evil.example", `/\evil.example`, "https:evil.example", "/\t/evil.example",
		"javascript:alert('evil.example')", "http://evil.example@" + strings.TrimPrefix(n.Issuer, "http://"),
	} {
		for _, path := range []string{
			logins, logins + "/menu", logins + "/go/nothing", "/login/unknown", "/logout", "/account", "/", "/callback/kakao", "/nowhere",
			"/authorize", "/login", "/" + url.PathEscape(evil),
		} {
			for _, name := range []string{
				"return_to", "return", "next", "redirect", "redirect_uri", "post_logout_redirect_uri", "lang", "state", "continue", "posted", "ui_locales",
			} {
				answer := n.Ask(http.MethodGet, path+"?"+url.Values{name: {evil}}.Encode(), "Cookie", cookies)
				staysHere(t, n, path+"?"+name+"="+evil, answer)
				if location := answer.Header.Get("Location"); location != "" && !strings.HasPrefix(location, "/login/") && location != "/account" {
					t.Errorf("%s?%s=%s leads to %s", path, name, evil, location)
				}
			}
		}
	}
}

// cookieHeader is what a browser sends to a node.
func cookieHeader(b *brokertest.Browser) string {
	var pairs []string
	for _, c := range b.Cookies("localhost") {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

func TestAB09RequestObjectsByReference(t *testing.T) {
	n := brokertest.StartNode(t)
	unchanged(t, n)
	inside, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inside.Close() }()
	for _, reference := range []string{
		"http://169.254.169.254/x", "https://evil.example/ro.jwt", "file:///etc/passwd",
		"urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c", "http://" + inside.Addr().String() + "/ro.jwt",
	} {
		r := brokertest.RP1.Request(set("request_uri", reference))
		got := redirectTarget(t, n, n.Ask(http.MethodGet, "/authorize?"+r.Encode()), brokertest.RP1)
		if code := got.Get("error"); code != "request_uri_not_supported" && code != "invalid_request_uri" {
			t.Errorf("request_uri=%s answers %s", reference, code)
		}
		// Nothing is taken from it, so what stands beside it is needed.
		bare := url.Values{"client_id": {"RP-1"}, "request_uri": {reference}}
		refusedOnOurPage(t, n.Ask(http.MethodGet, "/authorize?"+bare.Encode()), "evil.example", "169.254")
	}
	r := brokertest.RP1.Request(set("request", "eyJhbGciOiJub25lIn0.eyJyZWRpcmVjdF91cmkiOiJodHRwczovL2V2aWwuZXhhbXBsZSJ9."))
	if got := redirectTarget(t, n, n.Ask(http.MethodGet, "/authorize?"+r.Encode()), brokertest.RP1); got.Get("error") != "request_not_supported" {
		t.Errorf("request answers %s", got.Get("error"))
	}
	if err := inside.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if conn, err := inside.Accept(); err == nil {
		_ = conn.Close()
		t.Error("the reference was followed")
	}
}

// Optional endpoints that are not offered are nowhere.
func TestAB10PushedRequestsAreNotOffered(t *testing.T) {
	n := brokertest.StartNode(t)
	unchanged(t, n)
	document := discovery(t, n)
	for _, name := range []string{
		"pushed_authorization_request_endpoint", "require_pushed_authorization_requests",
		"device_authorization_endpoint", "registration_endpoint", "backchannel_authentication_endpoint",
	} {
		if value, ok := document[name]; ok {
			t.Errorf("discovery names %s: %v", name, value)
		}
	}
	for _, path := range []string{"/par", "/pushed", "/as/par", "/device", "/device_authorization", "/register", "/admin"} {
		for _, answer := range []brokertest.Response{
			n.Ask(http.MethodGet, path), n.Post(path, brokertest.RP1.Request().Values, "Authorization", brokertest.RP1.Basic()),
		} {
			if !slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed}, answer.Status) {
				t.Errorf("%s answers %d", path, answer.Status)
			}
		}
	}
}
