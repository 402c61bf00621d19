package fakeidp_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// redeemed walks a browser through an upstream and redeems its code with more
// parameters in the form.
func (w *world) redeemed(t *testing.T, name, scope string, more url.Values, edit ...func(*http.Request)) answer {
	t.Helper()
	u := w.upstream(t, name)
	back := url.Values{
		"client_id": {u.Client().ID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {scope}, "state": {"s"}, "nonce": {"n"},
	}
	page, err := w.try(t.Context(), http.MethodGet, u.URL(fakeidp.Continue)+"?"+back.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(page.header.Get("Location"))
	if err != nil || at.Query().Get("code") == "" {
		t.Fatalf("status %d, Location %q", page.status, page.header.Get("Location"))
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")}, "redirect_uri": {callback},
		"client_id": {u.Client().ID}, "client_secret": {u.Client().Secret},
	}
	maps.Copy(form, more)
	got, err := w.try(t.Context(), http.MethodPost, u.URL(fakeidp.Token), form, edit...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// D1: LINE's metadata lists ES256; the token is under HS256 unless it was asked for.
func TestLINESignsByEitherAlgorithm(t *testing.T) {
	w := start(t, fakeidp.Options{Upstreams: []fakeidp.Spec{{Name: "line"}}})
	for want, more := range map[string]url.Values{"HS256": nil, "ES256": {"id_token_key_type": {"JWK"}}} {
		token, _ := w.redeemed(t, "line", "openid profile", more).document(t)["id_token"].(string)
		first, _, _ := strings.Cut(token, ".")
		text, err := base64.RawURLEncoding.DecodeString(first)
		if err != nil || !strings.Contains(string(text), `"alg":"`+want+`"`) {
			t.Errorf("header %s, want %s", text, want)
		}
	}
	keys, err := w.try(t.Context(), http.MethodGet, w.upstream(t, "line").URL(fakeidp.JWKS), nil)
	if err != nil || !strings.Contains(keys.body, `"crv":"P-256"`) || strings.Contains(keys.body, "RSA") {
		t.Errorf("keys %s, %v", keys.body, err)
	}
}

// GitHub answers with a form whoever does not ask for JSON.
func TestGitHubAnswersByAccept(t *testing.T) {
	w := start(t, fakeidp.Options{Upstreams: []fakeidp.Spec{{Name: "github"}}})
	plain := w.redeemed(t, "github", "user:email", nil)
	if form, err := url.ParseQuery(plain.body); err != nil || !strings.HasPrefix(form.Get("access_token"), "gho_") {
		t.Errorf("without Accept: %q", plain.body)
	}
	asked := w.redeemed(t, "github", "user:email", nil, func(r *http.Request) { r.Header.Set("Accept", "application/json") })
	token, _ := asked.document(t)["access_token"].(string)
	u := w.upstream(t, "github")
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	list, err := w.try(t.Context(), http.MethodGet, u.URL(fakeidp.Emails), nil, bearer)
	var addresses []map[string]any
	if err != nil || json.Unmarshal([]byte(list.body), &addresses) != nil || len(addresses) != 2 || addresses[1]["primary"] != true {
		t.Errorf("addresses %s, %v", list.body, err)
	}

	for _, tt := range []struct {
		name, id, secret, token string
		want                    int
	}{
		{"our app", u.Client().ID, u.Client().Secret, token, 200},
		{"another app's token", u.Client().ID, u.Client().Secret, "gho_" + u.AccessToken("vic", "another"), 404},
		{"a token that is none", u.Client().ID, u.Client().Secret, "gho_x", 404},
		{"a wrong secret", u.Client().ID, "wrong", token, 404},
	} {
		body := `{"access_token":"` + tt.token + `"}`
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u.URL(fakeidp.TokenInfo), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(tt.id, tt.secret)
		got, err := w.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Body.Close(); err != nil || got.StatusCode != tt.want {
			t.Errorf("%s: %d, %v", tt.name, got.StatusCode, err)
		}
	}
}

// Facebook tells nobody anything without the proof of the app's secret, and about
// a token only the app.
func TestFacebookWantsProof(t *testing.T) {
	w := start(t, fakeidp.Options{Upstreams: []fakeidp.Spec{{Name: "facebook"}}})
	u := w.upstream(t, "facebook")
	token, _ := w.redeemed(t, "facebook", "public_profile,email", nil).document(t)["access_token"].(string)
	mac := hmac.New(sha256.New, []byte(u.Client().Secret))
	mac.Write([]byte(token))
	for proof, want := range map[string]int{hex.EncodeToString(mac.Sum(nil)): 200, "": 400, "wrong": 400} {
		got, err := w.try(t.Context(), http.MethodGet, u.URL(fakeidp.Userinfo)+"?appsecret_proof="+proof, nil, func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+token)
		})
		if err != nil || got.status != want {
			t.Errorf("proof %q: %d %s, %v", proof, got.status, got.body, err)
		}
	}
	for who, want := range map[string]string{u.Client().ID + "|" + u.Client().Secret: `"is_valid":true`, u.Client().ID + "|wrong": `"code":101`} {
		got, err := w.try(t.Context(), http.MethodGet, u.URL(fakeidp.TokenInfo)+"?input_token="+token, nil, func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+who)
		})
		if err != nil || !strings.Contains(got.body, want) {
			t.Errorf("asked as %s: %s, %v", who, got.body, err)
		}
	}
}

// RFC 7662: an app that is who it says learns whose a token is, and of one that is
// none that it is not active.
func TestIntrospection(t *testing.T) {
	w := start(t, fakeidp.Options{Upstreams: []fakeidp.Spec{{Name: "plain", Dialect: fakeidp.OAuth2}}})
	u := w.upstream(t, "plain")
	token := u.AccessToken("vic", "another-app")
	for _, tt := range []struct {
		token, secret, want string
	}{
		{token, u.Client().Secret, `"client_id":"another-app"`},
		{"none", u.Client().Secret, `{"active":false}`},
		{token, "wrong", `"invalid_client"`},
	} {
		form := url.Values{"token": {tt.token}}
		got, err := w.try(t.Context(), http.MethodPost, u.Issuer()+"/introspect", form, func(r *http.Request) {
			r.SetBasicAuth(u.Client().ID, tt.secret)
		})
		if err != nil || !strings.Contains(got.body, tt.want) {
			t.Errorf("%s: %s, %v", tt.want, got.body, err)
		}
	}
}

// Naver's OpenID Connect family: an ID token without profile, a profile without sub.
func TestNaverOpenID(t *testing.T) {
	w := start(t, fakeidp.Options{Upstreams: []fakeidp.Spec{{Name: "naver-openid"}}})
	got := w.redeemed(t, "naver-openid", "openid profile", nil).document(t)
	id, _ := got["id_token"].(string)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(id, ".")[1])
	if err != nil || strings.Contains(string(payload), "email") || strings.Contains(string(payload), "name") || !strings.Contains(string(payload), `"nonce":"n"`) {
		t.Errorf("claims %s", payload)
	}
	access, _ := got["access_token"].(string)
	me, err := w.try(t.Context(), http.MethodGet, w.upstream(t, "naver-openid").URL(fakeidp.Userinfo), nil, func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+access)
	})
	if err != nil || strings.Contains(me.body, `"sub"`) || !strings.Contains(me.body, `"resultcode":"00"`) {
		t.Errorf("profile %s, %v", me.body, err)
	}
}
