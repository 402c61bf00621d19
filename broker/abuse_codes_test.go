package broker_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
)

func TestAB11CodeReplay(t *testing.T) { onEveryStore(t, abuse11) }

func abuse11(t *testing.T, n *brokertest.Node) {
	answer := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request(brokertest.Offline))
	first := n.Redeem(answer)
	if first.Status != http.StatusOK {
		t.Fatalf("the code gave %d %s", first.Status, first.Body)
	}
	if got := n.Userinfo(first.Text("access_token")); got.Status != http.StatusOK {
		t.Fatalf("userinfo answers %d before the replay", got.Status)
	}
	if again := n.Redeem(answer); true {
		refused(t, again, "invalid_grant")
	}
	refused(t, n.Userinfo(first.Text("access_token")), "invalid_token")
	refused(t, n.Refresh(brokertest.RP1, first.Text("refresh_token")), "invalid_grant")
	inactive(t, n.Introspect(brokertest.RP1, first.Text("access_token")))
	inactive(t, n.Introspect(brokertest.RP1, first.Text("refresh_token")))
	if events := n.Events(audit.CodeReplayed); len(events) != 1 || events[0].Client != brokertest.RP1.ID {
		t.Errorf("%d events tell of the replay, want 1: %+v", len(events), events)
	}
	refused(t, n.Redeem(answer), "invalid_grant") // and never again
	if got := n.Rows()["grants"]; got != 1 {
		t.Errorf("%d grants, want 1", got)
	}
}

// Of many that redeem one code at once, one may win, and then what it won is
// revoked by the others.
func TestAB11CodeReplayAtOnce(t *testing.T) { onEveryStore(t, abuse11AtOnce) }

func abuse11AtOnce(t *testing.T, n *brokertest.Node) {
	answer := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	var racing sync.WaitGroup
	answers := make([]brokertest.Response, 16)
	for i := range answers {
		racing.Go(func() { answers[i] = n.Redeem(answer) })
	}
	racing.Wait()
	won := 0
	for _, got := range answers {
		if got.Status != http.StatusOK {
			refused(t, got, "invalid_grant")
			continue
		}
		won++
		for range 2 { // at each node, where there are two
			refused(t, n.Userinfo(got.Text("access_token")), "invalid_token")
		}
	}
	if won != 1 {
		t.Errorf("%d of %d redeemed the code, want 1", won, len(answers))
	}
}

func TestAB12CodeOfAnotherClient(t *testing.T) { onEveryStore(t, abuse12) }

func abuse12(t *testing.T, n *brokertest.Node) {
	answer := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	before := n.Rows()
	stolen := []struct {
		name string
		as   brokertest.Website
		how  func(url.Values)
		want []string
	}{
		{"as itself", brokertest.RP2, func(url.Values) {}, []string{"invalid_grant"}},
		{"with its own redirect URI", brokertest.RP2, set("redirect_uri", brokertest.RP2.RedirectURI), []string{"invalid_grant"}},
		{"naming the other in the body", brokertest.RP2, set("client_id", brokertest.RP1.ID), []string{"invalid_client", "invalid_request"}},
		{"as a public client", brokertest.RP3, func(url.Values) {}, []string{"invalid_grant"}},
		{"as nobody", brokertest.Website{ID: brokertest.RP1.ID}, func(url.Values) {}, []string{"invalid_client"}},
	}
	for _, tt := range stolen {
		misused := len(n.Events(audit.CodeMisused)) + len(n.Events(audit.ClientRefused))
		refused(t, n.RedeemAs(tt.as, answer, tt.how), tt.want...)
		told := len(n.Events(audit.CodeMisused)) + len(n.Events(audit.ClientRefused)) - misused
		if tt.want[0] == "invalid_grant" && told != 1 {
			t.Errorf("%s: %d events tell of it, want 1", tt.name, told)
		}
	}
	if after := n.Rows(); !after.Same(before) {
		t.Errorf("left behind: %v became %v", before, after)
	}
	if got := n.Redeem(answer); got.Status != http.StatusOK {
		t.Errorf("its owner is answered %d %s: somebody else used the code up", got.Status, got.Body)
	}
}

func TestAB13RedirectURIChangedBetweenTheLegs(t *testing.T) {
	n := brokertest.StartNode(t)
	answer := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	unchanged(t, n)
	for _, change := range []func(url.Values){
		set("redirect_uri", brokertest.RP1Other), without("redirect_uri"), set("redirect_uri", ""),
		set("redirect_uri", "https://rp1.example/cb/"), set("redirect_uri", "https://evil.example/cb"),
	} {
		refused(t, n.Redeem(answer, change), "invalid_grant")
	}
	other := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request(set("redirect_uri", brokertest.RP1Other)))
	refused(t, n.Redeem(other, set("redirect_uri", brokertest.RP1.RedirectURI)), "invalid_grant")
}

func TestAB14WrongEmptyOrMissingVerifier(t *testing.T) {
	n := brokertest.StartNode(t)
	for _, website := range []brokertest.Website{brokertest.RP1, brokertest.RP3} {
		answer := n.Login(n.NewBrowser(), "kakao", "vic", website.Request())
		before := n.Rows()
		verifier := answer.Request.Verifier
		for name, change := range map[string]func(url.Values){
			"wrong":               set("code_verifier", strings.Repeat("a", 43)),
			"empty":               set("code_verifier", ""),
			"missing":             without("code_verifier"),
			"too short":           set("code_verifier", verifier[:42]),
			"too long":            set("code_verifier", strings.Repeat("a", 129)),
			"the challenge":       set("code_verifier", brokertest.Challenge(verifier)),
			"in another case":     set("code_verifier", strings.ToLower(verifier)),
			"with something more": set("code_verifier", verifier+"A"),
			"with a line break":   set("code_verifier", verifier+"\n"),
		} {
			got := n.Redeem(answer, change)
			if got.Status == http.StatusOK {
				t.Fatalf("%s: a %s verifier was taken", website.ID, name)
			}
			refused(t, got, "invalid_grant", "invalid_request")
		}
		if after := n.Rows(); !after.Same(before) {
			t.Errorf("left behind: %v became %v", before, after)
		}
		if got := n.Redeem(answer); got.Status != http.StatusOK {
			t.Errorf("%s: the right one is answered %d %s", website.ID, got.Status, got.Body)
		}
	}
}

func TestAB15PKCEDowngrade(t *testing.T) {
	n := brokertest.StartNode(t)
	// One that may leave it out does, and then sends a verifier.
	answer := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.Optional.Request())
	refused(t, n.Redeem(answer, set("code_verifier", strings.Repeat("a", 43))), "invalid_grant")
	refused(t, n.Redeem(answer, set("code_verifier", "")), "invalid_grant", "invalid_request")
	if got := n.Redeem(answer); got.Status != http.StatusOK {
		t.Errorf("without a verifier it is answered %d %s", got.Status, got.Body)
	}
	// The challenge is stripped from a captured request on its way.
	captured := brokertest.Optional.Request(set("code_challenge", brokertest.Challenge(strings.Repeat("v", 43))), set("code_challenge_method", "S256"))
	without("code_challenge", "code_challenge_method")(captured.Values)
	captured.Verifier = strings.Repeat("v", 43)
	stripped := n.Login(n.NewBrowser(), "kakao", "vic", captured)
	unchanged(t, n)
	refused(t, n.Redeem(stripped), "invalid_grant")
	// The same of those that must send one never gets as far.
	for _, website := range []brokertest.Website{brokertest.RP1, brokertest.RP3} {
		r := website.Request(without("code_challenge", "code_challenge_method"))
		got := redirectTarget(t, n, n.Ask(http.MethodGet, "/authorize?"+r.Encode()), website)
		if got.Get("error") != "invalid_request" {
			t.Errorf("%s: %v", website.ID, got)
		}
	}
	// One that may leave it out and does not is held to it.
	with := brokertest.Optional.Request(set("code_challenge", brokertest.Challenge(strings.Repeat("v", 43))), set("code_challenge_method", "S256"))
	refused(t, n.Redeem(n.Login(n.NewBrowser(), "kakao", "vic", with)), "invalid_grant")
}

func TestAB16OldCode(t *testing.T) { onEveryStore(t, abuse16) }

func abuse16(t *testing.T, n *brokertest.Node) {
	n.Clock.Stop()
	early := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	late := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	n.Clock.Advance(30 * time.Second)
	refused(t, n.Redeem(late, set("code_verifier", strings.Repeat("a", 43))), "invalid_grant") // a touch
	n.Clock.Advance(29 * time.Second)
	if got := n.Redeem(early); got.Status != http.StatusOK {
		t.Errorf("a second before its end the code gives %d %s", got.Status, got.Body)
	}
	before := n.Rows()
	n.Clock.Advance(time.Second)
	refused(t, n.Redeem(late), "invalid_grant")
	n.Clock.Advance(time.Hour)
	refused(t, n.Redeem(late), "invalid_grant")
	if after := n.Rows(); !after.Same(before) {
		t.Errorf("left behind: %v became %v", before, after)
	}
}

func TestAB22MixedClientAuthentication(t *testing.T) {
	n := brokertest.StartNode(t)
	answer := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	before := n.Rows()
	rp1 := brokertest.RP1
	basic := func(id, secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
	}
	assertion := func(v url.Values) {
		v.Set("client_assertion", "eyJhbGciOiJub25lIn0.e30.")
		v.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	}
	tests := []struct {
		name    string
		headers []string
		change  func(url.Values)
	}{
		{"Basic for one and the id of another", []string{rp1.Basic()}, set("client_id", brokertest.RP2.ID)},
		{"Basic and a secret in the body", []string{rp1.Basic()}, set("client_secret", rp1.Secret)},
		{"an assertion and Basic", []string{rp1.Basic()}, assertion},
		{"an assertion and a secret", nil, func(v url.Values) {
			assertion(v)
			v.Set("client_id", rp1.ID)
			v.Set("client_secret", rp1.Secret)
		}},
		{"an assertion alone", nil, assertion},
		{"nothing but the id", nil, set("client_id", rp1.ID)},
		{"nothing at all", nil, func(url.Values) {}},
		{"Basic without a password", []string{basic(rp1.ID, "")}, func(url.Values) {}},
		{"a wrong secret", []string{basic(rp1.ID, "wrong")}, func(url.Values) {}},
		{"the secret of another", []string{basic(rp1.ID, brokertest.RP2.Secret)}, func(url.Values) {}},
		{"Bearer", []string{"Bearer " + rp1.Secret}, func(url.Values) {}},
		{"two headers", []string{rp1.Basic(), rp1.Basic()}, func(url.Values) {}},
		{"Basic that is no base64", []string{"Basic ???"}, func(url.Values) {}},
		{"Basic without a colon", []string{"Basic " + base64.StdEncoding.EncodeToString([]byte("RP-1"))}, func(url.Values) {}},
		{"Basic with broken escapes", []string{basic("RP-1%zz", "x")}, func(url.Values) {}},
		{"Basic with a line break", []string{basic("RP-1%0a", "x")}, func(url.Values) {}},
		{"a public client with a secret", []string{basic(brokertest.RP3.ID, "anything")}, func(url.Values) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			form := answer.Form()
			tt.change(form)
			var headers []string
			for _, h := range tt.headers {
				headers = append(headers, "Authorization", h)
			}
			refused(t, n.Post("/token", form, headers...), "invalid_request", "invalid_client")
		})
	}
	for _, query := range []string{"client_secret=" + rp1.Secret, "client_id=RP-1&client_secret=" + rp1.Secret, "x=1"} {
		refused(t, n.Post("/token?"+query, answer.Form()), "invalid_request")
	}
	if after := n.Rows(); !after.Same(before) {
		t.Errorf("left behind: %v became %v", before, after)
	}
	// A matching id beside Basic is no contradiction.
	if got := n.Redeem(answer, set("client_id", rp1.ID)); got.Status != http.StatusOK {
		t.Errorf("a matching client_id is answered %d %s", got.Status, got.Body)
	}
}

func TestAB25TokenOfTheWrongKind(t *testing.T) {
	n := brokertest.StartNode(t)
	b := n.NewBrowser()
	answer := n.Login(b, "kakao", "vic", brokertest.RP1.Request())
	unused := n.Login(b, "kakao", "vic", brokertest.RP1.Request())
	tokens := n.Redeem(answer)
	access := tokens.Text("access_token")
	if got := n.Userinfo(access); got.Status != http.StatusOK {
		t.Fatalf("userinfo answers %d %s", got.Status, got.Body)
	}
	if header(t, access)["typ"] != "at+jwt" || header(t, tokens.Text("id_token"))["typ"] != "JWT" {
		t.Errorf("types %v and %v", header(t, access)["typ"], header(t, tokens.Text("id_token"))["typ"])
	}
	unchanged(t, n)
	wrong := map[string]string{
		"an ID token":              tokens.Text("id_token"),
		"a code":                   unused.Code,
		"a used code":              answer.Code,
		"one character cut off":    access[:len(access)-1],
		"one character in front":   access[1:],
		"one character more":       access + "A",
		"another audience":         reworded(t, access, map[string]any{"aud": "https://api.example"}),
		"another issuer":           reworded(t, access, map[string]any{"iss": "https://evil.example"}),
		"another subject":          reworded(t, access, map[string]any{"sub": "somebody"}),
		"nothing a token is":       "vic",
		"a number":                 "12345",
		"dots":                     "..",
		"a very long one":          strings.Repeat("a", 8000),
		"its own header and claim": strings.Join(strings.Split(access, ".")[:2], ".") + ".",
	}
	for _, c := range b.Cookies("localhost") {
		if strings.HasSuffix(c.Name, "session") {
			wrong["a session cookie"] = c.Value
		}
	}
	if wrong["a session cookie"] == "" {
		t.Error("there is no session cookie to try")
	}
	for name, token := range wrong {
		t.Run(name, func(t *testing.T) {
			got := n.Userinfo(token)
			refused(t, got, "invalid_token")
			if challenge := got.Header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer") {
				t.Errorf("the challenge is %q", challenge)
			}
			refused(t, n.Post("/userinfo", url.Values{"access_token": {token}}), "invalid_token")
		})
	}
	if got := n.Ask(http.MethodGet, "/userinfo?access_token="+access); got.Status != http.StatusBadRequest {
		t.Errorf("a token in the query answers %d", got.Status)
	}
	if got := n.Ask(http.MethodGet, "/userinfo"); got.Status != http.StatusUnauthorized || got.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("no token answers %d", got.Status)
	}
	// A client's own token names nobody.
	own := n.Post("/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", brokertest.RP1.Basic())
	if got := n.Userinfo(own.Text("access_token")); got.Status != http.StatusForbidden {
		t.Errorf("a client's own token answers %d %s", got.Status, got.Body)
	}
	// What expired is nothing.
	n.Clock.Advance(10*time.Minute + time.Second)
	refused(t, n.Userinfo(access), "invalid_token")
}

func TestAB26TransportHabitsOfTheTokenEndpoint(t *testing.T) {
	n := brokertest.StartNode(t)
	answer := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	before := n.Rows()
	basic := []string{"Authorization", brokertest.RP1.Basic()}
	form := answer.Form().Encode()
	tests := []struct {
		name   string
		send   func() brokertest.Response
		status int
	}{
		{"GET", func() brokertest.Response { return n.Ask(http.MethodGet, "/token?"+form, basic...) }, http.StatusMethodNotAllowed},
		{"HEAD", func() brokertest.Response { return n.Ask(http.MethodHead, "/token", basic...) }, http.StatusMethodNotAllowed},
		{"PUT", func() brokertest.Response { return n.Ask(http.MethodPut, "/token", basic...) }, http.StatusMethodNotAllowed},
		{"DELETE", func() brokertest.Response { return n.Ask(http.MethodDelete, "/token", basic...) }, http.StatusMethodNotAllowed},
		{"JSON", func() brokertest.Response {
			return n.Send(http.MethodPost, "/token", "application/json", `{"grant_type":"authorization_code"}`, basic...)
		}, http.StatusUnsupportedMediaType},
		{"plain text", func() brokertest.Response { return n.Send(http.MethodPost, "/token", "text/plain", form, basic...) }, http.StatusUnsupportedMediaType},
		{"no type", func() brokertest.Response { return n.Send(http.MethodPost, "/token", "", form, basic...) }, http.StatusUnsupportedMediaType},
		{"several parts", func() brokertest.Response {
			return n.Send(http.MethodPost, "/token", "multipart/form-data; boundary=x", form, basic...)
		}, http.StatusUnsupportedMediaType},
		{"everything in the query", func() brokertest.Response { return n.Post("/token?"+form, nil, basic...) }, http.StatusBadRequest},
		{"a part in the query", func() brokertest.Response { return n.Post("/token?code=x", answer.Form(), basic...) }, http.StatusBadRequest},
		{"a body that is no form", func() brokertest.Response {
			return n.Send(http.MethodPost, "/token", "application/x-www-form-urlencoded", "%zz=1&a;b", basic...)
		}, http.StatusBadRequest},
		{"17 KiB", func() brokertest.Response {
			return n.Post("/token", url.Values{"x": {strings.Repeat("x", 17<<10)}}, basic...)
		}, http.StatusRequestEntityTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.send()
			if got.Status != tt.status {
				t.Errorf("answered %d %s, want %d", got.Status, got.Body, tt.status)
			}
			if got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control is %q", got.Header.Get("Cache-Control"))
			}
			if got.Status == http.StatusMethodNotAllowed && !strings.Contains(got.Header.Get("Allow"), http.MethodPost) {
				t.Errorf("Allow is %q", got.Header.Get("Allow"))
			}
		})
	}
	if after := n.Rows(); !after.Same(before) {
		t.Errorf("left behind: %v became %v", before, after)
	}
	for _, origin := range []string{"https://evil.example", "null", "https://rp1.example.evil.example"} {
		for _, got := range []brokertest.Response{
			n.Post("/token", url.Values{"grant_type": {"client_credentials"}}, append(basic, "Origin", origin)...),
			n.Ask(http.MethodOptions, "/token", "Origin", origin, "Access-Control-Request-Method", "POST"),
			n.Ask(http.MethodOptions, "/userinfo", "Origin", origin, "Access-Control-Request-Method", "GET"),
		} {
			for name := range got.Header {
				if strings.HasPrefix(name, "Access-Control-Allow") {
					t.Errorf("%s is told %s", origin, name)
				}
			}
		}
	}
	ours := n.Ask(http.MethodOptions, "/token", "Origin", "https://rp1.example", "Access-Control-Request-Method", "POST")
	if ours.Header.Get("Access-Control-Allow-Origin") != "https://rp1.example" || ours.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("a registered website is told %v", ours.Header)
	}
	good := n.Redeem(answer)
	if good.Status != http.StatusOK || good.Header.Get("Cache-Control") != "no-store" || good.Header.Get("Pragma") != "no-cache" {
		t.Errorf("a good answer: %d %v", good.Status, good.Header)
	}
}
