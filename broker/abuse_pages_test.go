package broker_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/browser"
)

// The texts that try to become markup, script or template.
const (
	markup = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	braces = `{{.Secret}}${7*7}<%= 7*7 %>`
	scheme = `javascript:alert(1)`
)

// guardedPage checks the headers that keep a page out of frames, caches and
// other people's hands.
func guardedPage(t *testing.T, where string, header http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
	} {
		if got := header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s is %q, want %s", where, name, got, want)
		}
	}
	if got := header.Get("Referrer-Policy"); got != "same-origin" && got != "no-referrer" {
		t.Errorf("%s: Referrer-Policy is %q", where, got)
	}
	policy := header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("%s: the policy lacks %s: %s", where, part, policy)
		}
	}
	for _, loose := range []string{"unsafe", "*", "http:", "data: 'self'; script", "nonce-"} {
		if strings.Contains(policy, loose) {
			t.Errorf("%s: the policy has %s: %s", where, loose, policy)
		}
	}
}

// harmless checks that nothing of ours runs what others wrote.
func harmless(t *testing.T, where string, header http.Header, body string) {
	t.Helper()
	guardedPage(t, where, header)
	for _, evil := range []string{"<script>alert", "<img src=x", "onerror=alert(1)>", `href="javascript:`, `src="javascript:`, `url=javascript:`, "$49", ">49<"} {
		if strings.Contains(body, evil) {
			t.Errorf("%s holds %s", where, evil)
		}
	}
	for rest := body; ; {
		_, after, found := strings.Cut(rest, "<script")
		if !found {
			break
		}
		if tag, _, _ := strings.Cut(after, ">"); !strings.Contains(tag, `src="/assets/`) {
			t.Errorf("%s has a script of its own: %.80s", where, tag)
		}
		rest = after
	}
}

func TestAB73ScriptThroughNamesAndHints(t *testing.T) {
	strange := brokertest.Website{ID: "RP-strange", Secret: "strange-secret-of-more-than-thirty-two", RedirectURI: "https://strange.example/cb"}
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Clients = []*client.Client{{
			ID: strange.ID, Name: markup + braces, FirstParty: true, RedirectURIs: []string{strange.RedirectURI},
			Names: map[string]string{"ja": scheme + braces}, SecretHashes: [][32]byte{client.HashSecret(strange.Secret)},
			PostLogoutRedirectURIs: []string{"https://strange.example/out"}, URI: "https://strange.example/",
		}}
		s.Configure = func(c *config.Config) {
			for i := range c.Providers {
				c.Providers[i].Name = markup[:26] + braces
			}
		}
	})
	evil := map[string]any{"name": markup + braces, "email": markup + "@example.com", "picture": scheme, "locale": markup}
	for _, way := range []string{"p", "q"} {
		claiming(n.Upstream(way), evil)
	}
	b := n.NewBrowser(func(o *browser.Options) { o.StopAtRefresh = true })
	check := func(page *browser.Page) *browser.Page {
		t.Helper()
		if page.URL.Host == strings.TrimPrefix(n.Issuer, "http://") {
			harmless(t, page.URL.Path, page.Header, string(page.Body))
		}
		return page
	}
	request := func(text string) brokertest.Request {
		return strange.Request(set("state", text), set("login_hint", text), set("ui_locales", text), set("nonce", text), set("idp_hint", text), set("prompt", "login"))
	}
	for _, text := range []string{markup, braces, scheme} {
		menu := check(b.Open(n.AuthorizeURL(request(text))))
		if !menu.Has("way-p") {
			t.Fatalf("the request ends at %s: %s", menu.URL, menu.Text())
		}
		check(b.Open(menu.URL.String() + "?lang=" + url.QueryEscape(text)))
		check(b.Open(menu.URL.String() + "?lang=ja"))
		b.Click("way-p")
		if page := check(b.Continue("vic")); page.Has("new-account") {
			check(b.Click("existing-account"))
			check(b.Back())
			terminal := check(b.Click("new-account"))
			if target, ok := terminal.Refresh(); !ok || target.Query().Get("state") != text {
				t.Errorf("the website would get %v", target)
			}
		}
		check(b.Open(n.Issuer + "/account"))
		check(b.Open(n.Issuer + "/logout?" + url.Values{"client_id": {strange.ID}, "state": {text}, "ui_locales": {text}, "post_logout_redirect_uri": {"https://strange.example/out"}}.Encode()))
		check(b.Open(n.Issuer + "/callback/p?" + url.Values{"state": {text}, "error": {text}, "error_description": {text}}.Encode()))
		check(b.Open(n.Issuer + "/authorize?" + url.Values{"client_id": {text}, "redirect_uri": {text}}.Encode()))
		check(b.Open(n.Issuer + "/login/" + url.PathEscape(text)))
		check(b.Open(n.Issuer + "/" + url.PathEscape(text)))
		check(b.Open(n.AuthorizeURL(request(text))))
		terminal := check(b.Click("cancel"))
		if target, ok := terminal.Refresh(); !ok || target.Query().Get("state") != text || target.Host != "strange.example" {
			t.Errorf("the website would get %v", target)
		}
	}
	t.Run("addresses at registration", func(t *testing.T) {
		for _, field := range []string{"logo_uri", "policy_uri", "terms_uri", "client_uri", "initiate_login_uri"} {
			if _, err := loadClient(t, field+": https://rp.example/x"); err != nil {
				t.Errorf("%s: an honest one is refused: %v", field, err)
			}
			for _, uri := range []string{"javascript:alert(1)", "http://rp.example/x", "data:text/html,x", "//rp.example/x", "vbscript:x", "https://rp.example/x\"onload=x"} {
				if _, err := loadClient(t, field+": '"+uri+"'"); err == nil || !strings.Contains(err.Error(), field) {
					t.Errorf("%s: %s gives %v", field, uri, err)
				}
			}
		}
	})
}

func TestAB74HostHeaders(t *testing.T) {
	n := brokertest.StartNode(t)
	b := n.NewBrowser()
	menu := b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	cookies := cookieHeader(b)
	paths := []string{
		"/.well-known/openid-configuration", "/jwks", "/account", "/logout", "/nowhere", "/", menu.URL.Path, menu.URL.Path + "/go/p",
		"/authorize?" + brokertest.RP1.Request().Encode(),
	}
	host := strings.TrimPrefix(n.Issuer, "http://")
	t.Run("another host", func(t *testing.T) {
		unchanged(t, n)
		for _, name := range []string{
			"evil.example", host + ".evil.example", "evil.example:" + port(host), "localhost", "localhost:1", "127.0.0.1:" + port(host), "[::1]:" + port(host),
			host + "@evil.example", "evil.example#" + host,
		} {
			for _, path := range paths {
				r := requestTo(t, n, path)
				r.Host = name
				r.Header.Set("Cookie", cookies)
				answer := n.Do(r)
				if answer.Status != http.StatusMisdirectedRequest && answer.Status != http.StatusBadRequest {
					t.Errorf("%s for %s answers %d", path, name, answer.Status)
				}
				leadsNowhere(t, answer, "evil.example")
			}
		}
	})
	t.Run("as an old or odd client writes it", func(t *testing.T) { oddHosts(t, n, host) })
	t.Run("forwarded headers", func(t *testing.T) {
		headers := []string{
			"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https", "X-Forwarded-Server", "evil.example", "X-Forwarded-Port", "666",
			"Forwarded", "host=evil.example;proto=https", "X-Original-URL", "https://evil.example/", "X-Rewrite-URL", "/evil.example", "X-Host", "evil.example",
			"X-Forwarded-Prefix", "/evil.example", "Referer", "https://evil.example/",
		}
		for _, path := range paths {
			plain := n.Ask(http.MethodGet, path, "Cookie", cookies)
			answer := n.Ask(http.MethodGet, path, append(headers, "Cookie", cookies)...)
			if answer.Status != plain.Status {
				t.Errorf("%s answers %d and not %d", path, answer.Status, plain.Status)
			}
			leadsNowhere(t, answer, "evil.example", ":666", "https://localhost")
			if strings.HasPrefix(path, "/.well-known") && string(answer.Body) != string(plain.Body) {
				t.Errorf("%s differs", path)
			}
		}
		away, err := url.Parse(n.Ask(http.MethodGet, menu.URL.Path+"/go/p", append(headers, "Cookie", cookies)...).Header.Get("Location"))
		if err != nil || away.Query().Get("redirect_uri") != n.Issuer+"/callback/p" {
			t.Errorf("the provider is sent %v", away)
		}
	})
	t.Run("behind a proxy that ends TLS", behindAProxy)
}

func oddHosts(t *testing.T, n *brokertest.Node, host string) {
	t.Helper()
	for name, request := range map[string]string{
		"absolute form":   "GET http://evil.example/account HTTP/1.1\r\nHost: " + host + "\r\n\r\n",
		"two hosts":       "GET /account HTTP/1.1\r\nHost: " + host + "\r\nHost: evil.example\r\n\r\n",
		"no host":         "GET /account HTTP/1.1\r\n\r\n",
		"no host, 1.0":    "GET /account HTTP/1.0\r\n\r\n",
		"a space before":  "GET /account HTTP/1.1\r\nHost : evil.example\r\n\r\n",
		"folded":          "GET /account HTTP/1.1\r\nHost: " + host + "\r\n evil.example\r\n\r\n",
		"connect":         "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
		"a broken answer": "GET /account HTTP/1.1\r\nHost: evil.example\r\nX: \x00\r\n\r\n",
	} {
		status, text := raw(t, n, request)
		if status != http.StatusMisdirectedRequest && status != http.StatusBadRequest || strings.Contains(text, "evil.example") {
			t.Errorf("%s answers %d: %.200s", name, status, text)
		}
	}
}

// behindAProxy asks a node whose issuer is public: only the proxy's word that
// it took the request over TLS opens it, and never another name.
func behindAProxy(t *testing.T) {
	const public = "login.example.kr"
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) {
			c.Issuer = &url.URL{Scheme: "https", Host: public}
			c.TrustedProxies = append(c.TrustedProxies, c.Outbound.Allow...)
		}
	})
	ask := func(host string, headers ...string) brokertest.Response {
		r := requestTo(t, n, "/.well-known/openid-configuration")
		r.Host = host
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		return n.Do(r)
	}
	if answer := ask(public, "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example"); answer.Text("issuer") != "https://"+public || strings.Contains(string(answer.Body), "evil") {
		t.Errorf("the proxy is answered %d %s", answer.Status, answer.Body)
	}
	for name, headers := range map[string][]string{
		"nothing": nil, "http": {"X-Forwarded-Proto", "http"}, "both": {"X-Forwarded-Proto", "http, https"},
		"Forwarded": {"Forwarded", "proto=https"},
	} {
		if answer := ask(public, headers...); answer.Status != http.StatusForbidden {
			t.Errorf("a proxy that says %s is answered %d", name, answer.Status)
		}
	}
	if answer := ask("evil.example", "X-Forwarded-Proto", "https", "X-Forwarded-Host", public); answer.Status != http.StatusMisdirectedRequest {
		t.Errorf("another name is answered %d", answer.Status)
	}
}

func port(host string) string { return host[strings.LastIndexByte(host, ':')+1:] }

// requestTo is a GET whose every part the test may change.
func requestTo(t *testing.T, n *brokertest.Node, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.Issuer+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// raw sends bytes as they are and reads the answer to its end.
func raw(t *testing.T, n *brokertest.Node, request string) (status int, text string) {
	t.Helper()
	c := connect(t, n)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Location") + string(body)
}

// connect opens a connection of its own to the node.
func connect(t *testing.T, n *brokertest.Node) net.Conn {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:"+port(n.Issuer))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the node may have closed it first
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAB75RedirectStatusAfterAPost(t *testing.T) {
	n := brokertest.StartNode(t)
	b, recorder := recorded(n)
	n.Login(b, "p", "vic", brokertest.RP1.Request())
	n.Login(b, "apple", "vic", brokertest.RP1.Request(set("prompt", "login")))
	b.Open(n.AuthorizeURL(brokertest.RP1.Request(set("prompt", "login"))))
	b.Click("cancel")
	showPage(t, b, "https://rp1.example/", `<form id=f method=post action="`+n.Issuer+`/authorize"></form>`)
	b.Submit("f", brokertest.RP1.Request().Values)
	showPage(t, b, "https://rp1.example/", `<form id=f method=post action="`+n.Issuer+`/logout"></form>`)
	b.Submit("f", url.Values{"client_id": {brokertest.RP1.ID}, "post_logout_redirect_uri": {"https://rp1.example/out"}})
	b.Click("logout")
	met := make(map[string]int)
	for _, answer := range recorder.all() {
		if answer.method != http.MethodPost {
			continue
		}
		met[answer.path[strings.LastIndexByte(answer.path, '/')+1:]] = answer.status
		switch location := answer.header.Get("Location"); {
		case answer.status == http.StatusOK && location == "":
		case answer.status == http.StatusSeeOther || answer.status == http.StatusFound:
		default:
			t.Errorf("POST %s answers %d to %q", answer.path, answer.status, location)
		}
	}
	for _, path := range []string{"new-account", "apple", "cancel", "authorize", "logout", "confirm"} {
		if met[path] == 0 {
			t.Errorf("the walk posted no %s: %v", path, met)
		}
	}
	t.Run("addresses written in another way", func(t *testing.T) {
		for _, path := range []string{"//token", "/./token", "/x/../token", "/token/", "//login/x/new-account", "/login//x/new-account", "/logout/../logout/confirm", "//evil.example/token", "/authorize/", "/%2e%2e/token", "/assets"} {
			for _, method := range []string{http.MethodPost, http.MethodGet} {
				status, text := raw(t, n, method+" "+path+" HTTP/1.1\r\nHost: "+strings.TrimPrefix(n.Issuer, "http://")+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				if status < 400 || status > 499 {
					t.Errorf("%s %s answers %d: %.100s", method, path, status, text)
				}
			}
		}
	})
}
