package catalog_test

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/catalog"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/providertest"
)

// service is a plain OAuth 2.0 service as an operator would configure it.
func service(w *providertest.World) catalog.Options {
	client := w.Upstream.Client()
	return catalog.Options{
		ID: providertest.ProviderID, Kind: "oauth2", ClientID: client.ID, ClientSecret: client.Secret,
		Endpoints: endpoints(w.Upstream), Claims: map[string]string{"subject": "id", "email_verified": "verified"},
		Fetch: w.Fetch, Now: w.Now,
	}
}

func made(t *testing.T, o catalog.Options) providers.Provider {
	t.Helper()
	p, err := catalog.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

// The operator says where the profile holds what, and nothing else is taken.
func TestClaimsByConfiguration(t *testing.T) {
	for _, tt := range []struct {
		name   string
		claims map[string]string
		answer map[string]any
		want   providers.Identity
	}{
		{
			"standard names but for the subject",
			map[string]string{"subject": "id"},
			map[string]any{
				"id": "a1", "name": "민지", "email": "minji@example.com", "email_verified": true, "phone_number": "+821012345678",
				"phone_number_verified": "true", "picture": "https://img.example/m.png", "locale": "ko_KR",
			},
			providers.Identity{
				Subject: "a1", Name: "민지", Email: "minji@example.com", EmailVerified: true, Phone: "+821012345678",
				PhoneVerified: true, Picture: "https://img.example/m.png", Locale: "ko-KR",
			},
		},
		{
			"deep in objects and lists",
			map[string]string{"subject": "user.id", "name": "user.names.1", "email": "user.emails.0.address", "email_verified": "user.emails.0.ok"},
			map[string]any{"user": map[string]any{
				"id": 7, "names": []any{"old", "new"}, "emails": []any{map[string]any{"address": "a@example.com", "ok": true}},
			}},
			providers.Identity{Subject: "7", Name: "new", Email: "a@example.com", EmailVerified: true},
		},
		{
			"a name that holds dots",
			map[string]string{"subject": "https://id.example/uid"},
			map[string]any{"https://id.example/uid": "u"},
			providers.Identity{Subject: "u"},
		},
		{
			"an address that nobody vouches for",
			map[string]string{"subject": "id", "email_verified": "checked.email"},
			map[string]any{"id": "a1", "email": "minji@example.com", "email_verified": true},
			providers.Identity{Subject: "a1", Email: "minji@example.com"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := providertest.Start(t, fakeidp.OAuth2)
			o := service(w)
			o.Claims = tt.claims
			w.Upstream.EditAnswer(fakeidp.Userinfo, func(answer map[string]any) {
				clear(answer)
				maps.Copy(answer, tt.answer)
			})
			got := w.SignIn(t, made(t, o), "", nil)
			tt.want.Provider = providertest.ProviderID
			if got.Err != nil || !same(got.Identity, tt.want) {
				t.Errorf("identity %+v, %v, want %+v", got.Identity, got.Err, tt.want)
			}
		})
	}
}

func same(a, b providers.Identity) bool {
	return a.Subject == b.Subject && a.Name == b.Name && a.Email == b.Email && a.EmailVerified == b.EmailVerified &&
		a.Phone == b.Phone && a.PhoneVerified == b.PhoneVerified && a.Picture == b.Picture && a.Locale == b.Locale &&
		a.Provider == b.Provider && a.ProfileMissing == b.ProfileMissing
}

// Two people whose ids a float64 would round to one stay two (2^53 and more).
func TestLargeNumbersStayApart(t *testing.T) {
	w := providertest.Start(t, fakeidp.OAuth2)
	p := made(t, service(w))
	for _, id := range []string{"9007199254740992", "9007199254740993", "18446744073709551615", "-1"} {
		w.Upstream.AnswerWith(fakeidp.Userinfo, fakeidp.Reply(200, "application/json", `{"id":`+id+`}`))
		if got := w.SignIn(t, p, "", nil); got.Err != nil || got.Identity.Subject != id {
			t.Errorf("subject %q, %v, want %s", got.Identity.Subject, got.Err, id)
		}
	}
	for _, body := range []string{`{"id":1e3}`, `{"id":1.5}`, `{"id":[1]}`, `{"id":{"id":1}}`, `{"id":true}`, `{"ID":1}`, `{"id":1,"id":2}`, `{"id":1} {}`, `{"id":null,"name":"x"}`} {
		w.Upstream.AnswerWith(fakeidp.Userinfo, fakeidp.Reply(200, "application/json", body))
		if got := w.SignIn(t, p, "", nil); got.Err == nil {
			t.Errorf("%s: came in as %q", body, got.Identity.Subject)
		}
	}
}

// AB-42: a token is believed only if the provider says that it is ours.
func TestTokenInfo(t *testing.T) {
	w := providertest.Start(t, fakeidp.OAuth2)
	answered := func(body string) http.HandlerFunc { return fakeidp.Reply(200, "application/json", body) }
	own := w.Upstream.Client().ID
	for _, how := range []string{"bearer", "introspection"} {
		for _, tt := range []struct {
			name   string
			answer http.HandlerFunc
			want   error
		}{
			{"ours", answered(`{"active":true,"app":{"id":"` + own + `"}}`), nil},
			{"another app's", answered(`{"active":true,"app":{"id":"another"}}`), providers.ErrUntrusted},
			{"no app", answered(`{"active":true}`), providers.ErrUnknown},
			{"an app that is a list", answered(`{"active":true,"app":{"id":["` + own + `"]}}`), providers.ErrUnknown},
			{"an error beside it", answered(`{"active":true,"error":"server_error","app":{"id":"` + own + `"}}`), providers.ErrUnavailable},
			{"a failure", fakeidp.Reply(500, "text/html", "<html>"), providers.ErrUnavailable},
			{"nothing", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, providers.ErrUnavailable},
			{"a refusal", fakeidp.Reply(401, "application/json", `{}`), providers.ErrUnknown},
		} {
			t.Run(how+": "+tt.name, func(t *testing.T) {
				o := service(w)
				o.Endpoints["tokeninfo"] = w.Upstream.URL(fakeidp.TokenInfo)
				o.TokenInfo, o.Claims[catalog.ClaimApp] = how, "app.id"
				var asked atomic.Pointer[http.Request] // a question that was cut off is asked again
				w.Upstream.AnswerWith(fakeidp.TokenInfo, func(rw http.ResponseWriter, r *http.Request) {
					asked.Store(r)
					tt.answer(rw, r)
				})
				before := w.Upstream.Count(fakeidp.Userinfo)
				got := w.SignIn(t, made(t, o), "", nil)
				if !errors.Is(got.Err, tt.want) {
					t.Errorf("Finish: %v, want %v", got.Err, tt.want)
				}
				if r := asked.Load(); r == nil || r.URL.RawQuery != "" {
					t.Errorf("asked %v", r)
				}
				if tt.want != nil && w.Upstream.Count(fakeidp.Userinfo) != before {
					t.Error("a profile was asked for by a token that is not known to be ours")
				}
			})
		}
	}
}

// An answer about a dead token names no app, whatever else stands in it.
func TestIntrospectionOfADeadToken(t *testing.T) {
	w := providertest.Start(t, fakeidp.OAuth2)
	o := service(w)
	o.Endpoints["tokeninfo"], o.AppID = w.Upstream.URL(fakeidp.TokenInfo), "app-7"
	for body, want := range map[string]error{
		`{"active":true,"client_id":"app-7"}`:              nil,
		`{"active":false,"client_id":"app-7"}`:             providers.ErrUnknown,
		`{"client_id":"app-7"}`:                            providers.ErrUnknown,
		`{"active":true,"client_id":"` + o.ClientID + `"}`: providers.ErrUntrusted,
	} {
		w.Upstream.AnswerWith(fakeidp.TokenInfo, fakeidp.Reply(200, "application/json", body))
		if got := w.SignIn(t, made(t, o), "", nil); !errors.Is(got.Err, want) {
			t.Errorf("%s: %v, want %v", body, got.Err, want)
		}
	}
}

// The generic kinds say what they could not do with their settings.
func TestGenericKindsRefuse(t *testing.T) {
	for _, tt := range []struct {
		kind, name string
		change     func(*catalog.Options)
	}{
		{"oauth2", "no subject", func(o *catalog.Options) { o.Claims = nil }},
		{"oauth2", "an unknown claim", func(o *catalog.Options) { o.Claims["e-mail"] = "email" }},
		{"oauth2", "an empty path", func(o *catalog.Options) { o.Claims["name"] = "" }},
		{"oauth2", "a broken path", func(o *catalog.Options) { o.Claims["name"] = "a..b" }},
		{"oauth2", "a token-info without an endpoint", func(o *catalog.Options) { o.TokenInfo = "bearer" }},
		{"oauth2", "an app id without an endpoint", func(o *catalog.Options) { o.AppID = "7" }},
		{"oauth2", "an unknown token-info", func(o *catalog.Options) {
			o.Endpoints["tokeninfo"], o.TokenInfo = "https://id.example.com/info", "query"
		}},
		{"oauth2", "a token-info inside", func(o *catalog.Options) { o.Endpoints["tokeninfo"] = "https://10.0.0.1/info" }},
		{"oauth2", "no profile endpoint", func(o *catalog.Options) { delete(o.Endpoints, "userinfo") }},
		{"oauth2", "an unknown authentication", func(o *catalog.Options) { o.AuthMethod = "private_key_jwt" }},
		{"openid", "a subject of its own", func(o *catalog.Options) { o.Claims = map[string]string{"subject": "uid"} }},
		{"openid", "a symmetric algorithm", func(o *catalog.Options) { o.Algorithms = []string{"HS256"} }},
	} {
		t.Run(tt.kind+": "+tt.name, func(t *testing.T) {
			o := options(t, tt.kind)
			tt.change(&o)
			if p, err := catalog.New(o); err == nil || p != nil || strings.Contains(err.Error(), "secret-1") {
				t.Errorf("New = %v, %v, want an error", p, err)
			}
		})
	}
	for _, kind := range catalog.Kinds() {
		names := catalog.ClaimNames(kind)
		if (names != nil) != (kind == "openid" || kind == "oauth2") || slices.Contains(names, "subject") != (kind == "oauth2") {
			t.Errorf("%s: claims %q", kind, names)
		}
	}
}

// An OpenID Provider of somebody's own keeps its profile where it likes; who
// came is its ID token's subject all the same.
func TestOpenIDClaims(t *testing.T) {
	w := providertest.Start(t, fakeidp.OpenID)
	client := w.Upstream.Client()
	p := made(t, catalog.Options{
		ID: providertest.ProviderID, Kind: "openid", ClientID: client.ID, ClientSecret: client.Secret, Issuer: w.Upstream.Issuer(),
		Claims: map[string]string{"name": "profile.display", "email_verified": "profile.mail_ok"}, Fetch: w.Fetch, Now: w.Now,
	})
	w.Upstream.EditAnswer(fakeidp.Userinfo, func(answer map[string]any) {
		answer["profile"] = map[string]any{"display": "민지", "mail_ok": true}
	})
	got := w.SignIn(t, p, "minji", nil)
	if got.Err != nil || got.Identity.Name != "민지" || !got.Identity.EmailVerified || got.Identity.Subject != w.Upstream.Subject("minji") {
		t.Errorf("identity %+v, %v", got.Identity, got.Err)
	}
	w.Upstream.EditAnswer(fakeidp.Userinfo, func(answer map[string]any) { answer["sub"] = "another" })
	if got := w.SignIn(t, p, "minji", nil); !errors.Is(got.Err, providers.ErrUntrusted) {
		t.Errorf("a profile of somebody else: %v", got.Err)
	}
}
