package broker_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// legRefused walks a login by way whose answer cannot be believed: it must end
// on the menu of the same login, with other ways on, and leave nothing behind.
func legRefused(t *testing.T, n *brokertest.Node, way, person string) {
	t.Helper()
	before, failed := n.Rows(), len(n.Events(audit.LegFailed))
	b := n.NewBrowser()
	b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	b.Click("way-" + way)
	page := b.Continue(person)
	if !strings.HasPrefix(page.URL.Path, "/login/") || !page.Has("way-kakao") {
		t.Errorf("the browser is at %s and not back on the menu: %d %s", page.URL.Path, page.Status, page.Text())
	}
	if page.Has("new-account") {
		t.Error("an account is offered to an identity that was not proven")
	}
	if after := n.Rows(); !after.Same(before) {
		t.Errorf("left behind: %v became %v", before, after)
	}
	noSession(t, n, b)
	if got := len(n.Events(audit.LegFailed)) - failed; got != 1 {
		t.Errorf("%d events of a failed leg, want 1", got)
	}
}

func TestAB31UpstreamTokenWithoutARealSignature(t *testing.T) {
	n := brokertest.StartNode(t)
	p, q := n.Upstream("p"), n.Upstream("q")
	tests := []struct {
		name string
		sign fakeidp.Signer
	}{
		{"no signature", fakeidp.Unsigned()},
		{"the public key as an HMAC secret", fakeidp.HMAC(p.PublicKeyPEM())},
		{"a key that nobody published", fakeidp.ForeignKey()},
		{"the key of another provider", fakeidp.KeyOf(q)},
		{"a key of its own in the header", fakeidp.EmbeddedKey()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.Reset()
			p.SignWith(tt.sign)
			legRefused(t, n, "p", "vic")
		})
	}
	p.Reset()
	n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
}

func TestAB32UpstreamTokenOfAnotherIssuerAudienceOrTime(t *testing.T) {
	n := brokertest.StartNode(t)
	p, q := n.Upstream("p"), n.Upstream("q")
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	tests := []struct {
		name string
		edit func(map[string]any)
	}{
		{"the issuer of another provider", func(c map[string]any) { c["iss"] = q.Issuer() }},
		{"a trailing slash at the issuer", func(c map[string]any) { c["iss"] = p.Issuer() + "/" }},
		{"no issuer", func(c map[string]any) { delete(c, "iss") }},
		{"another app's audience", func(c map[string]any) { c["aud"] = "another-app" }},
		{"ours among others', for another party", func(c map[string]any) {
			c["aud"] = []string{p.Client().ID, "another-app"}
			c["azp"] = "another-app"
		}},
		{"no audience", func(c map[string]any) { delete(c, "aud") }},
		{"expired", func(c map[string]any) { c["exp"] = at(-2 * time.Minute) }},
		{"no expiry", func(c map[string]any) { delete(c, "exp") }},
		{"issued an hour ahead", func(c map[string]any) { c["iat"] = at(time.Hour) }},
		{"not issued at any time", func(c map[string]any) { delete(c, "iat") }},
		{"valid an hour ahead", func(c map[string]any) { c["nbf"] = at(time.Hour) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.Reset()
			p.EditClaims(tt.edit)
			legRefused(t, n, "p", "vic")
		})
	}
}

func TestAB33UpstreamNonceMissingWrongOrReused(t *testing.T) {
	n := brokertest.StartNode(t)
	p := n.Upstream("p")
	var old string
	p.EditClaims(func(c map[string]any) { old, _ = c["nonce"].(string) })
	n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
	if old == "" {
		t.Fatal("the provider was sent no nonce")
	}
	for name, edit := range map[string]func(map[string]any){
		"no nonce":                    func(c map[string]any) { delete(c, "nonce") },
		"an empty nonce":              func(c map[string]any) { c["nonce"] = "" },
		"a number":                    func(c map[string]any) { c["nonce"] = 7 },
		"the nonce of another login":  func(c map[string]any) { c["nonce"] = old },
		"the nonce in another letter": func(c map[string]any) { c["nonce"] = strings.ToUpper(fmt.Sprint(c["nonce"])) },
	} {
		t.Run(name, func(t *testing.T) {
			p.Reset()
			p.EditClaims(edit)
			legRefused(t, n, "p", "vic")
		})
	}
	t.Run("a whole old token", func(t *testing.T) {
		p.Reset()
		claims := map[string]any{
			"iss": p.Issuer(), "aud": p.Client().ID, "sub": p.Subject("vic"), "nonce": old,
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		}
		token, err := p.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		p.EditAnswer(fakeidp.Token, func(a map[string]any) { a["id_token"] = token })
		legRefused(t, n, "p", "vic")
	})
}

func TestAB34UpstreamWithoutAUsableSubject(t *testing.T) {
	n := brokertest.StartNode(t)
	p, naver := n.Upstream("p"), n.Upstream("naver")
	for name, edit := range map[string]func(map[string]any){
		"missing":            func(c map[string]any) { delete(c, "sub") },
		"empty":              func(c map[string]any) { c["sub"] = "" },
		"300 characters":     func(c map[string]any) { c["sub"] = strings.Repeat("s", 300) },
		"control characters": func(c map[string]any) { c["sub"] = "a\x00b\nc" },
		"a list":             func(c map[string]any) { c["sub"] = []string{"a"} },
	} {
		t.Run("OpenID subject "+name, func(t *testing.T) {
			p.Reset()
			p.EditClaims(edit)
			legRefused(t, n, "p", "vic")
		})
	}
	profile := func(body string) func() {
		return func() { naver.AnswerWith(fakeidp.Userinfo, fakeidp.Reply(http.StatusOK, "application/json", body)) }
	}
	for name, answer := range map[string]func(){
		"without its id":         profile(`{"resultcode":"00","message":"success","response":{"name":"Mal"}}`),
		"with an empty id":       profile(`{"resultcode":"00","message":"success","response":{"id":""}}`),
		"status 200 and errors":  profile(`{"resultcode":"024","message":"Authentication failed"}`),
		"an error beside the id": profile(`{"resultcode":"024","message":"no","response":{"id":"x"}}`),
		"no JSON at all":         profile(`<html>`),
		"nothing":                profile(``),
	} {
		t.Run("profile "+name, func(t *testing.T) {
			naver.Reset()
			answer()
			legRefused(t, n, "naver", "vic")
		})
	}
}

func TestAB35UpstreamUserinfoAboutSomebodyElse(t *testing.T) {
	n := brokertest.StartNode(t)
	kakao := n.Upstream("kakao")
	vic := kakao.Subject("vic")
	kakao.EditAnswer(fakeidp.Userinfo, func(a map[string]any) {
		if _, ok := a["id"]; ok {
			a["id"] = 4_000_000_001
		}
		if _, ok := a["sub"]; ok {
			a["sub"] = vic
		}
	})
	legRefused(t, n, "kakao", "mal")
}

// atProvider begins a login by way and returns the browser at the provider,
// with the state the provider was given.
func atProvider(t *testing.T, n *brokertest.Node, way string) (*brokertest.Browser, string) {
	t.Helper()
	b := n.NewBrowser()
	b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	page := b.Click("way-" + way)
	state := page.URL.Query().Get("state")
	if state == "" {
		t.Fatalf("the browser is at %s, not at a provider", page.URL)
	}
	return b, state
}

func callback(n *brokertest.Node, way string, params url.Values) string {
	return n.Issuer + "/callback/" + way + "?" + params.Encode()
}

func TestAB36MixUpByIssuer(t *testing.T) {
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Prepare = func(upstreams *fakeidp.Server) {
			p, _ := upstreams.Upstream("p")
			p.AdvertiseIss(true)
		}
	})
	p, q := n.Upstream("p"), n.Upstream("q")
	n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
	for name, edit := range map[string]func(url.Values){
		"none":               func(url.Values) {},
		"another provider's": func(v url.Values) { v.Set("iss", q.Issuer()) },
		"doubled":            func(v url.Values) { v.Add("iss", p.Issuer()); v.Add("iss", q.Issuer()) },
	} {
		t.Run(name, func(t *testing.T) {
			before := p.Count(fakeidp.Token) + q.Count(fakeidp.Token)
			b, state := atProvider(t, n, "p")
			params := url.Values{"code": {"stolen"}, "state": {state}}
			edit(params)
			page := b.Open(callback(n, "p", params))
			if page.Has("new-account") {
				t.Error("the identity was believed")
			}
			if got := p.Count(fakeidp.Token) + q.Count(fakeidp.Token) - before; got != 0 {
				t.Errorf("%d token requests were sent", got)
			}
			noSession(t, n, b)
		})
	}
}

func TestAB37CallbackOfTheWrongProvider(t *testing.T) {
	n := brokertest.StartNode(t)
	unchanged(t, n)
	for _, pair := range [][2]string{{"q", "p"}, {"p", "q"}, {"kakao", "naver"}, {"naver", "kakao"}} {
		t.Run(pair[0]+" at "+pair[1], func(t *testing.T) {
			b, state := atProvider(t, n, pair[0])
			page := b.Open(callback(n, pair[1], url.Values{"code": {"code"}, "state": {state}}))
			if page.Status != http.StatusBadRequest {
				t.Errorf("answered %d, want 400", page.Status)
			}
			for _, name := range pair {
				if got := n.Upstream(name).Count(fakeidp.Token); got != 0 {
					t.Errorf("%s saw %d token requests", name, got)
				}
			}
			noSession(t, n, b)
		})
	}
}

func TestAB38StateMissingUnknownUsedOrBorrowed(t *testing.T) {
	n := brokertest.StartNode(t)
	p := n.Upstream("p")
	refusedAt := func(t *testing.T, b *brokertest.Browser, params url.Values) {
		t.Helper()
		before := p.Count(fakeidp.Token)
		page := b.Open(callback(n, "p", params))
		if page.Status != http.StatusBadRequest {
			t.Errorf("answered %d, want 400", page.Status)
		}
		if got := p.Count(fakeidp.Token) - before; got != 0 {
			t.Errorf("%d token requests were sent", got)
		}
	}
	t.Run("missing, empty, random, doubled", func(t *testing.T) {
		b, state := atProvider(t, n, "p")
		for _, states := range [][]string{nil, {""}, {"x"}, {strings.Repeat("a", len(state))}, {state, state}, {state[:len(state)-1] + "x"}} {
			refusedAt(t, b, url.Values{"code": {"code"}, "state": states})
		}
		noSession(t, n, b)
	})
	t.Run("used", func(t *testing.T) {
		b, state := atProvider(t, n, "p")
		page := b.Continue("vic")
		if !page.Has("new-account") {
			t.Fatalf("the first login of a person ends at %s", page.URL)
		}
		b.Click("new-account")
		refusedAt(t, b, url.Values{"code": {"another"}, "state": {state}})
	})
	t.Run("borrowed", func(t *testing.T) {
		_, mals := atProvider(t, n, "p")
		vic, _ := atProvider(t, n, "p")
		for name, b := range map[string]*brokertest.Browser{"another login's cookie": vic, "no cookie": n.NewBrowser()} {
			t.Run(name, func(t *testing.T) {
				refusedAt(t, b, url.Values{"code": {"mals-code"}, "state": {mals}})
				noSession(t, n, b)
			})
		}
	})
}

func TestAB39DiscoveryThatLiesAboutItself(t *testing.T) {
	lies := map[string]func(map[string]any){
		"another issuer":  func(d map[string]any) { d["issuer"] = "https://evil.example" },
		"a foreign token": func(d map[string]any) { d["token_endpoint"] = "http://evil.example/token" },
		"a file":          func(d map[string]any) { d["jwks_uri"] = "file:///etc/passwd" },
	}
	for name, lie := range lies {
		t.Run("from the start: "+name, func(t *testing.T) {
			n := brokertest.StartNode(t, func(s *brokertest.Setup) {
				s.Prepare = func(upstreams *fakeidp.Server) {
					q, _ := upstreams.Upstream("q")
					q.EditAnswer(fakeidp.Discovery, lie)
				}
			})
			b := n.NewBrowser()
			b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
			page := b.Click("way-q")
			if strings.Contains(page.URL.Host, "evil") {
				t.Fatalf("the browser was sent to %s", page.URL)
			}
		})
	}
	t.Run("later: the good endpoints stay", func(t *testing.T) {
		n := brokertest.StartNode(t)
		p := n.Upstream("p")
		n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
		for name, lie := range lies {
			p.EditAnswer(fakeidp.Discovery, lie)
			n.Clock.Advance(2 * time.Hour)
			b := n.NewBrowser()
			b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
			if page := b.Click("way-p"); strings.Contains(page.URL.Host, "evil") {
				t.Fatalf("%s: the browser was sent to %s", name, page.URL)
			}
		}
	})
}

func TestAB40KeyLookupsAreNoAmplifier(t *testing.T) {
	n := brokertest.StartNode(t)
	p := n.Upstream("p")
	n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
	before := p.Count(fakeidp.JWKS)
	kid := 0
	p.EditHeader(func(h map[string]any) { kid++; h["kid"] = fmt.Sprintf("unknown-%d", kid) })
	const callbacks = 50
	for range callbacks {
		b, _ := atProvider(t, n, "p")
		b.Continue("mal")
	}
	if got := p.Count(fakeidp.JWKS) - before; got > 2 {
		t.Errorf("%d unknown keys made %d key requests", callbacks, got)
	}
	p.Reset()
	n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
}

func TestAB41WithdrawnUpstreamKey(t *testing.T) {
	n := brokertest.StartNode(t)
	p := n.Upstream("p")
	n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
	first := p.PublishedKeys()[0]
	n.Clock.Advance(2 * time.Minute)
	second := p.RotateKeys()
	n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())

	p.WithdrawKey(first)
	n.Clock.Advance(11 * time.Minute) // one cache life
	n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
	p.SignWith(fakeidp.KeyID(first))
	legRefused(t, n, "p", "vic")
	p.SignWith(fakeidp.KeyID(second))
	n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
}

func TestAB43UpstreamErrorsAreNoContent(t *testing.T) {
	n := brokertest.StartNode(t)
	unchanged(t, n)
	evil := url.Values{
		"error": {"access_denied"}, "error_description": {"<script>alert(1)</script>\n{\"event\":\"forged\"}"},
		"error_uri": {"javascript:alert(1)"},
	}
	check := func(t *testing.T, body string) {
		t.Helper()
		for _, foreign := range []string{"<script>alert", "alert(1)", "javascript:", "forged"} {
			if strings.Contains(body, foreign) {
				t.Errorf("the page shows %q", foreign)
			}
		}
	}
	t.Run("with a state of ours", func(t *testing.T) {
		b, state := atProvider(t, n, "p")
		evil.Set("state", state)
		page := b.Open(callback(n, "p", evil))
		check(t, string(page.Body))
		if !page.Has("way-p") && !page.Has("way-kakao") {
			t.Errorf("no way on: %s", page.Text())
		}
	})
	t.Run("with a foreign state", func(t *testing.T) {
		evil.Set("state", "foreign")
		answer := n.Ask(http.MethodGet, "/callback/p?"+evil.Encode())
		check(t, string(answer.Body))
		if answer.Status != http.StatusBadRequest {
			t.Errorf("answered %d, want 400", answer.Status)
		}
	})
	t.Run("from the token endpoint", func(t *testing.T) {
		n.Upstream("p").AnswerWith(fakeidp.Token, fakeidp.Reply(http.StatusBadRequest, "text/html",
			"<script>alert(1)</script>\n{\"access_token\":\"fake-access-token\",\"event\":\"forged\"}"))
		b, _ := atProvider(t, n, "p")
		check(t, string(b.Continue("vic").Body))
	})
	for _, foreign := range []string{"alert(1)", "fake-access-token", `"forged"`, "javascript:"} {
		if strings.Contains(n.Log(), foreign) {
			t.Errorf("the log holds %q", foreign)
		}
	}
	for line := range strings.Lines(n.Log()) {
		if !strings.HasPrefix(line, "{") {
			t.Errorf("a line of the log is no record: %.100s", line)
		}
	}
}
