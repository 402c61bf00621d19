package fakeidp_test

import (
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// Every refusal of the token endpoint has the dialect's status and words.
func TestTokenRefuses(t *testing.T) {
	type want struct {
		status int
		code   string
		more   map[string]any
	}
	bogus := func(v url.Values) { v.Set("code", "bogus") }
	secret := func(v url.Values) { v.Set("client_secret", "wrong") }
	client := func(v url.Values) { v.Set("client_id", "other") }
	redirect := func(v url.Values) { v.Set("redirect_uri", callback+"2") }
	proof := func(v url.Values) { v.Set("code_verifier", "another-verifier-another-verifier-another-ve") }
	noProof := func(v url.Values) { v.Del("code_verifier") }
	grant := func(v url.Values) { v.Set("grant_type", "password") }
	tests := []struct {
		name     string
		upstream string
		edit     func(url.Values)
		want     want
	}{
		{"bogus code", "kakao", bogus, want{400, "invalid_grant", map[string]any{"error_code": "KOE320"}}},
		{"wrong secret", "kakao", secret, want{401, "invalid_client", map[string]any{"error_code": "KOE010"}}},
		{"wrong client", "kakao", client, want{401, "invalid_client", map[string]any{"error_code": "KOE101"}}},
		{"wrong redirect URI", "kakao", redirect, want{400, "invalid_grant", map[string]any{"error_code": "KOE303"}}},
		{"wrong verifier", "kakao", proof, want{400, "invalid_grant", map[string]any{"error_code": "KOE320"}}},

		{"bogus code", "naver", bogus, want{200, "invalid_request", map[string]any{"error_description": "no valid data in session"}}},
		{"wrong secret", "naver", secret, want{200, "invalid_request", map[string]any{"error_description": "wrong client id / client secret pair"}}},
		{"wrong redirect URI", "naver", redirect, want{200, "invalid_request", nil}},
		{"no verifier", "naver", noProof, want{200, "invalid_request", nil}},

		{"bogus code", "google", bogus, want{400, "invalid_grant", map[string]any{"error_description": "Malformed auth code."}}},
		{"wrong secret", "google", secret, want{401, "invalid_client", map[string]any{"error_description": "Unauthorized"}}},
		{"wrong redirect URI", "google", redirect, want{400, "redirect_uri_mismatch", nil}},

		{"bogus code", "apple", bogus, want{400, "invalid_grant", nil}},
		{"no JWT as secret", "apple", secret, want{400, "invalid_client", nil}},
		{"wrong client", "apple", client, want{400, "invalid_client", nil}},

		{"bogus code", "p", bogus, want{400, "invalid_grant", nil}},
		{"wrong secret", "p", secret, want{401, "invalid_client", nil}},
		{"wrong verifier", "p", proof, want{400, "invalid_grant", nil}},
		{"no verifier", "p", noProof, want{400, "invalid_grant", nil}},
		{"password grant", "p", grant, want{400, "unsupported_grant_type", nil}},
		{"bogus code", "plain", bogus, want{400, "invalid_grant", nil}},
	}
	w := start(t, fakeidp.Options{})
	for _, tt := range tests {
		t.Run(tt.upstream+": "+tt.name, func(t *testing.T) {
			u := w.upstream(t, tt.upstream)
			v := redemption(t, u, w.press(t, u, request(u), "continue").Get("code"))
			tt.edit(v)
			a := w.do(t, http.MethodPost, u.URL(fakeidp.Token), v)
			d := a.document(t)
			if a.status != tt.want.status || d["error"] != tt.want.code {
				t.Errorf("status %d, error %v; want %d, %s", a.status, d["error"], tt.want.status, tt.want.code)
			}
			contains(t, d, tt.want.more)
			if d["access_token"] != nil {
				t.Error("a refusal with a token")
			}
		})
	}
}

// Userinfo refuses a token it does not know.
func TestUserinfoRefuses(t *testing.T) {
	w := start(t, fakeidp.Options{})
	tests := []struct {
		upstream string
		member   string
		want     any
	}{
		{"kakao", "msg", "this access token does not exist"},
		{"naver", "resultcode", "024"},
		{"google", "error", "invalid_request"},
		{"p", "error", "invalid_token"},
		{"plain", "error", "invalid_token"},
	}
	for _, tt := range tests {
		a := w.userinfo(t, w.upstream(t, tt.upstream), "bogus")
		if a.status != http.StatusUnauthorized || a.document(t)[tt.member] != tt.want {
			t.Errorf("%s: status %d: %s", tt.upstream, a.status, a.body)
		}
	}
}

// Of many who redeem one code, one gets tokens.
func TestCodeIsUsedOnce(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "p")
	v := redemption(t, u, w.press(t, u, request(u), "continue").Get("code"))
	var won, lost atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			a, err := w.try(t.Context(), http.MethodPost, u.URL(fakeidp.Token), v)
			switch {
			case err != nil:
				t.Error(err)
			case a.status == http.StatusOK:
				won.Add(1)
			default:
				lost.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 7 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}

// Codes live a minute, access tokens as long as the dialect says.
func TestCodesAndTokensExpire(t *testing.T) {
	var now atomic.Int64
	now.Store(1_800_000_000)
	w := start(t, fakeidp.Options{Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	u := w.upstream(t, "p")

	code := w.press(t, u, request(u), "continue").Get("code")
	now.Add(60)
	if a := w.do(t, http.MethodPost, u.URL(fakeidp.Token), redemption(t, u, code)); a.status != http.StatusBadRequest {
		t.Errorf("a code of 60 s: status %d", a.status)
	}
	code = w.press(t, u, request(u), "continue").Get("code")
	now.Add(59)
	token := w.redeem(t, u, code)
	access := text(t, token, "access_token")
	if exp := payload(t, text(t, token, "id_token"), 1)["exp"]; exp != float64(now.Load()+3600) {
		t.Errorf("exp is %v", exp)
	}
	now.Add(3599)
	if a := w.userinfo(t, u, access); a.status != http.StatusOK {
		t.Errorf("a token of 3599 s: status %d", a.status)
	}
	now.Add(1)
	if a := w.userinfo(t, u, access); a.status != http.StatusUnauthorized {
		t.Errorf("a token of 3600 s: status %d", a.status)
	}
}

// Naver redeems by GET, and without a redirect URI.
func TestNaverRedeemsByQuery(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "naver")
	v := redemption(t, u, w.press(t, u, request(u), "continue").Get("code"))
	v.Del("redirect_uri")
	if d := w.get(t, u.URL(fakeidp.Token)+"?"+v.Encode()).document(t); d["access_token"] == nil {
		t.Errorf("answered %v", d)
	}
	p := w.upstream(t, "p")
	if a := w.get(t, p.URL(fakeidp.Token)); a.status != http.StatusMethodNotAllowed {
		t.Errorf("elsewhere GET is %d", a.status)
	}
	query := redemption(t, p, w.press(t, p, request(p), "continue").Get("code"))
	if a := w.do(t, http.MethodPost, p.URL(fakeidp.Token)+"?"+query.Encode(), url.Values{}); a.status != http.StatusUnauthorized {
		t.Errorf("elsewhere a query is %d", a.status)
	}
}

// Secrets come by HTTP Basic too, form-encoded, where the real service takes it.
func TestBasic(t *testing.T) {
	w := start(t, fakeidp.Options{Clients: map[string]fakeidp.Client{
		"p":     {ID: "cli:ent", Secret: "se cret%"},
		"kakao": {ID: "key", Secret: "secret"},
	}})
	for name, want := range map[string]int{"p": http.StatusOK, "kakao": http.StatusUnauthorized} {
		u := w.upstream(t, name)
		v := redemption(t, u, w.press(t, u, request(u), "continue").Get("code"))
		v.Del("client_id")
		v.Del("client_secret")
		a := w.do(t, http.MethodPost, u.URL(fakeidp.Token), v, func(r *http.Request) {
			r.SetBasicAuth(url.QueryEscape(u.Client().ID), url.QueryEscape(u.Client().Secret))
		})
		if a.status != want {
			t.Errorf("%s: status %d, want %d: %s", name, a.status, want, a.body)
		}
	}
}

// Apple's client secret is a JWT, and every part of it counts.
func TestAppleSecret(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "apple")
	other := u.Client()
	other.KeyID = "OTHER00000"
	tests := []struct {
		name   string
		client fakeidp.Client
		edit   func(*jwt.Claims)
		ok     bool
	}{
		{"as documented", u.Client(), nil, true},
		{"for the simulated issuer", u.Client(), func(c *jwt.Claims) { c.Audience = jwt.Audience{u.Issuer()} }, true},
		{"another audience", u.Client(), func(c *jwt.Claims) { c.Audience = jwt.Audience{"https://example.com"} }, false},
		{"another team", u.Client(), func(c *jwt.Claims) { c.Issuer = "TEAM000002" }, false},
		{"another client", u.Client(), func(c *jwt.Claims) { c.Subject = "other" }, false},
		{"another key id", other, nil, false},
		{"expired", u.Client(), func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(-2 * time.Minute)) }, false},
		{"no end", u.Client(), func(c *jwt.Claims) { c.Expiry = nil }, false},
		{"too long", u.Client(), func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(181 * 24 * time.Hour)) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := redemption(t, u, w.press(t, u, request(u), "continue").Get("code"))
			v.Set("client_secret", appleSecret(t, tt.client, tt.edit))
			a := w.do(t, http.MethodPost, u.URL(fakeidp.Token), v)
			if ok := a.status == http.StatusOK; ok != tt.ok {
				t.Errorf("status %d: %s", a.status, a.body)
			}
		})
	}
}

// Apple says a person's name once.
func TestAppleUser(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "apple")
	v := request(u)
	v.Set("person", "minji")
	first := w.press(t, u, v, "continue")
	const want = `{"email":"minji@example.com","name":{"firstName":"민지","lastName":"김"}}`
	if got := first.Get("user"); got != want {
		t.Errorf("user is %s, want %s", got, want)
	}
	w.redeem(t, u, first.Get("code"))
	if again := w.press(t, u, v, "continue"); again.Has("user") {
		t.Errorf("user comes again: %s", again.Get("user"))
	}
	v.Set("person", "vic")
	if other := w.press(t, u, v, "continue"); !other.Has("user") {
		t.Error("nothing about another person")
	}
	v.Del("response_mode")
	if back := returned(t, w.get(t, u.URL(fakeidp.Authorize)+"?"+v.Encode())); back.Get("error") != "invalid_request" {
		t.Errorf("name and e-mail without form_post: %v", back)
	}
}

// Token info names the app a token was issued to.
func TestTokenInfo(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "plain")
	info := func(token string) map[string]any {
		return w.get(t, u.URL(fakeidp.TokenInfo)+"?access_token="+token).document(t)
	}
	contains(t, info(text(t, w.login(t, u, "vic"), "access_token")), map[string]any{"client_id": u.Client().ID, "user_id": u.Subject("vic")})
	foreign := u.AccessToken("vic", "another-app")
	contains(t, info(foreign), map[string]any{"client_id": "another-app", "user_id": u.Subject("vic")})
	if d := w.userinfo(t, u, foreign).document(t); d["id"] != u.Subject("vic") {
		t.Errorf("the profile call minds the app: %v", d)
	}

	k := w.upstream(t, "kakao")
	own := w.get(t, k.URL(fakeidp.TokenInfo), bearer(k.AccessToken("minji", k.Client().ID))).document(t)
	other := w.get(t, k.URL(fakeidp.TokenInfo), bearer(k.AccessToken("minji", "another-app"))).document(t)
	if own["app_id"] == other["app_id"] {
		t.Errorf("Kakao names app %v for both", own["app_id"])
	}
}
