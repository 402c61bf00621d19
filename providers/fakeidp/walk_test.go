package fakeidp_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// Every dialect takes a person through a whole leg, in its own words.
func TestWalk(t *testing.T) {
	tests := []struct {
		upstream string
		token    map[string]any // some members of the token answer
		claims   map[string]any // some of the ID token; nil values must be absent
		userinfo map[string]any // the whole answer; nil where there is none
	}{
		{
			upstream: "kakao",
			token:    map[string]any{"token_type": "bearer", "expires_in": json.Number("21599"), "refresh_token_expires_in": json.Number("5183999")},
			claims:   map[string]any{"nickname": "민지", "email": "minji@example.com", "email_verified": nil, "name": nil},
			userinfo: map[string]any{
				"id": json.Number("3141592653"), "connected_at": "", "properties": map[string]any{"nickname": "민지"},
				"kakao_account": map[string]any{
					"profile_nickname_needs_agreement": false,
					"profile": map[string]any{
						"nickname": "민지", "is_default_image": false,
						"profile_image_url": "https://img.example/minji.png", "thumbnail_image_url": "https://img.example/minji.png",
					},
					"has_email": true, "email_needs_agreement": false, "is_email_valid": true, "is_email_verified": true,
					"email": "minji@example.com",
				},
			},
		},
		{
			upstream: "naver",
			token:    map[string]any{"token_type": "bearer", "expires_in": "3600", "id_token": nil},
			userinfo: map[string]any{
				"resultcode": "00", "message": "success",
				"response": map[string]any{
					"id": fakeidp.Subject("naver", "minji"), "name": "김민지", "nickname": "민지", "email": "minji@example.com",
					"profile_image": "https://img.example/minji.png", "mobile": "010-1234-5678", "mobile_e164": "+821012345678",
				},
			},
		},
		{
			upstream: "google",
			token: map[string]any{
				"token_type": "Bearer", "expires_in": json.Number("3599"),
				"scope": "openid https://www.googleapis.com/auth/userinfo.profile https://www.googleapis.com/auth/userinfo.email",
			},
			claims: map[string]any{"name": "김민지", "email": "minji@example.com", "email_verified": true, "azp": "bongsu-google"},
			userinfo: map[string]any{
				"sub": fakeidp.Subject("google", "minji"), "name": "김민지", "given_name": "민지", "family_name": "김",
				"picture": "https://img.example/minji.png", "email": "minji@example.com", "email_verified": true,
			},
		},
		{
			upstream: "apple",
			token:    map[string]any{"token_type": "Bearer", "expires_in": json.Number("3600")},
			claims:   map[string]any{"email": "minji@example.com", "email_verified": "true", "nonce_supported": true, "name": nil},
		},
		{
			upstream: "p",
			token:    map[string]any{"token_type": "Bearer", "expires_in": json.Number("3600")},
			claims:   map[string]any{"name": "김민지", "email": "minji@example.com", "email_verified": true},
			userinfo: map[string]any{
				"sub": "", "name": "김민지", "given_name": "민지", "family_name": "김", "nickname": "민지", "locale": "ko",
				"picture": "https://img.example/minji.png", "email": "minji@example.com", "email_verified": true,
			},
		},
		{
			upstream: "plain",
			token:    map[string]any{"token_type": "Bearer", "id_token": nil},
			userinfo: map[string]any{
				"id": "", "name": "김민지", "email": "minji@example.com", "verified": true, "picture": "https://img.example/minji.png",
			},
		},
	}
	w := start(t, fakeidp.Options{})
	for _, tt := range tests {
		t.Run(tt.upstream, func(t *testing.T) {
			u := w.upstream(t, tt.upstream)
			v := request(u)
			v.Set("person", "minji")
			back := w.press(t, u, v, "continue")
			if got := back.Get("state"); got != "st&te" {
				t.Errorf("state came back as %q", got)
			}
			token := w.redeem(t, u, back.Get("code"))
			contains(t, token, tt.token)
			if tt.claims != nil {
				claims, err := w.verify(t, u, text(t, token, "id_token"))
				if err != nil {
					t.Fatalf("ID token: %v", err)
				}
				contains(t, claims, tt.claims)
				contains(t, claims, map[string]any{
					"iss": u.Issuer(), "aud": u.Client().ID, "sub": u.Subject("minji"), "nonce": "n-0S6",
				})
			}
			if tt.userinfo == nil {
				if url := u.URL(fakeidp.Userinfo); url != "" {
					t.Errorf("userinfo is at %q, want none", url)
				}
				return
			}
			got := w.userinfo(t, u, text(t, token, "access_token")).document(t)
			for name, value := range tt.userinfo {
				if value == "" {
					tt.userinfo[name] = got[name] // present, whatever it is
				}
			}
			if diff := cmp.Diff(tt.userinfo, got); diff != "" {
				t.Errorf("userinfo (-want +got):\n%s", diff)
			}
		})
	}
}

func contains(t *testing.T, got, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if !cmp.Equal(got[name], value) {
			t.Errorf("%s is %#v, want %#v", name, got[name], value)
		}
	}
}

// What discovery names exists, and the issuer is where it was found.
func TestDiscovery(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range w.Names() {
		t.Run(name, func(t *testing.T) {
			u := w.upstream(t, name)
			a := w.get(t, u.Issuer()+"/.well-known/openid-configuration")
			if name == "naver" || name == "plain" {
				if a.status != http.StatusNotFound {
					t.Errorf("status %d, want none", a.status)
				}
				return
			}
			d := a.document(t)
			if d["issuer"] != u.Issuer() {
				t.Errorf("issuer %v, want %v", d["issuer"], u.Issuer())
			}
			for member, value := range d {
				address, ok := value.(string)
				if !ok || member == "issuer" {
					continue
				}
				if got := w.get(t, address); got.status == http.StatusNotFound {
					t.Errorf("%s: nothing at %s", member, address)
				}
			}
			if _, there := d["authorization_response_iss_parameter_supported"]; there {
				t.Error("iss in responses is advertised without being asked for")
			}
		})
	}
}

// The paths are those of the real services.
func TestPaths(t *testing.T) {
	w := start(t, fakeidp.Options{})
	tests := []struct {
		upstream string
		endpoint fakeidp.Endpoint
		want     string
	}{
		{"kakao", fakeidp.Authorize, "/oauth/authorize"},
		{"kakao", fakeidp.Token, "/oauth/token"},
		{"kakao", fakeidp.JWKS, "/.well-known/jwks.json"},
		{"kakao", fakeidp.Userinfo, "/v2/user/me"},
		{"naver", fakeidp.Authorize, "/oauth2.0/authorize"},
		{"naver", fakeidp.Token, "/oauth2.0/token"},
		{"naver", fakeidp.Userinfo, "/v1/nid/me"},
		{"naver", fakeidp.JWKS, ""},
		{"google", fakeidp.Authorize, "/o/oauth2/v2/auth"},
		{"google", fakeidp.JWKS, "/oauth2/v3/certs"},
		{"apple", fakeidp.Authorize, "/auth/authorize"},
		{"apple", fakeidp.Token, "/auth/token"},
		{"apple", fakeidp.JWKS, "/auth/keys"},
	}
	for _, tt := range tests {
		u := w.upstream(t, tt.upstream)
		if got := strings.TrimPrefix(u.URL(tt.endpoint), u.Issuer()); got != tt.want {
			t.Errorf("%s %s is at %q, want %q", tt.upstream, tt.endpoint, got, tt.want)
		}
	}
}

func TestKakaoHasTwoProfileCalls(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "kakao")
	token := text(t, w.login(t, u, "solo"), "access_token")

	d := w.get(t, u.Issuer()+"/v1/oidc/userinfo", bearer(token)).document(t)
	contains(t, d, map[string]any{"sub": "9007199254740993", "email": "solo@example.com", "email_verified": true})

	body := w.userinfo(t, u, token).body
	if !strings.Contains(body, `"id":9007199254740993,`) {
		t.Errorf("the large id is not a bare number: %s", body)
	}
	if got := u.Count(fakeidp.Userinfo); got != 2 {
		t.Errorf("counted %d calls, want 2", got)
	}
}

// People share what the scope names; without one, what the app asks for.
func TestKakaoConsents(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "kakao")
	tests := []struct {
		name, scope string
		email       any
		phone       any
	}{
		{"nothing but the login", "openid", nil, nil},
		{"no scope at all", "", "minji@example.com", nil},
		{"the e-mail address", "openid,account_email", "minji@example.com", nil},
		{"the phone number", "openid phone_number", nil, "+82 10-1234-5678"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := request(u)
			v.Set("person", "minji")
			v.Set("scope", tt.scope)
			token := w.redeem(t, u, w.press(t, u, v, "continue").Get("code"))
			account, ok := w.userinfo(t, u, text(t, token, "access_token")).document(t)["kakao_account"].(map[string]any)
			if !ok {
				t.Fatal("no kakao_account")
			}
			contains(t, account, map[string]any{"email": tt.email, "phone_number": tt.phone})
		})
	}
}

// A refresh token yields new tokens, without the nonce of the first.
func TestRefresh(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "p")
	first := w.login(t, u, "vic")
	form := redemption(t, u, "")
	form.Set("grant_type", "refresh_token")
	form.Set("refresh_token", text(t, first, "refresh_token"))
	second := w.do(t, http.MethodPost, u.URL(fakeidp.Token), form).document(t)
	if second["access_token"] == first["access_token"] {
		t.Error("the access token did not change")
	}
	contains(t, payload(t, text(t, second, "id_token"), 1), map[string]any{"sub": u.Subject("vic"), "nonce": nil})
}

// A benchmark needs no page.
func TestAutoContinue(t *testing.T) {
	w := start(t, fakeidp.Options{AutoContinue: true})
	for _, name := range []string{"kakao", "naver", "google", "p", "plain"} {
		u := w.upstream(t, name)
		v := request(u)
		v.Set("prompt", "none")
		back := returned(t, w.get(t, u.URL(fakeidp.Authorize)+"?"+v.Encode()))
		w.redeem(t, u, back.Get("code"))
	}
	u := w.upstream(t, "apple")
	if _, fields := form(t, w.page(t, u, request(u)).body, "continue"); fields.Get("code") == "" {
		t.Error("Apple's form holds no code")
	}
}
