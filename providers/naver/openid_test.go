package naver_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/naver"
	"github.com/bongsu/bongsu/providers/openid"
	"github.com/bongsu/bongsu/providers/providertest"
)

func madeOpenID(t *testing.T, o openid.Options) *openid.Provider {
	t.Helper()
	p, err := naver.NewOpenID(o)
	if err != nil {
		t.Fatalf("NewOpenID: %v", err)
	}
	return p
}

func TestSuiteOpenID(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.NaverOpenID,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return madeOpenID(t, w.OpenID()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FullName, Email: p.Email, Phone: p.Phone, Picture: p.Picture}
		},
		IDToken:  true,
		Userinfo: true,
		Stranger: func(answer map[string]any, subject string) {
			if person, ok := answer["response"].(map[string]any); ok {
				person["id"] = subject
			}
		},
	})
}

// The two families stand on paths of their own and never meet.
func TestOpenIDDefaults(t *testing.T) {
	p := madeOpenID(t, openid.Options{Instance: providers.Instance{ID: "naver2", ClientID: "client-1"}, Fetch: fetch.New(fetch.Options{})})
	want := providers.Instance{
		ID: "naver2", Kind: "naver-openid", Issuer: "https://nid.naver.com", ClientID: "client-1", Name: "Naver", Reauth: providers.ReauthAsked,
	}
	if got := p.Instance(); got != want {
		t.Errorf("Instance = %+v", got)
	}
	minute := time.Minute
	for _, tt := range []struct {
		name string
		leg  providers.Leg
		want string
	}{
		{"a plain leg", providers.Leg{LoginHint: "minji", Locales: []string{"ko"}}, ""},
		{"a fresh proof", providers.Leg{Fresh: true}, "reauthenticate"},
		{"a proof of some age", providers.Leg{MaxAge: &minute}, "reauthenticate"},
	} {
		target, err := p.Begin(t.Context(), tt.leg)
		if err != nil || !strings.HasPrefix(target, "https://nid.naver.com/oauth2/authorize?") {
			t.Fatalf("Begin = %q, %v", target, err)
		}
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if q.Get("auth_type") != tt.want || q.Get("scope") != "openid profile" || q.Get("code_challenge_method") != "S256" {
			t.Errorf("%s: %v", tt.name, q)
		}
		for _, foreign := range []string{"prompt", "max_age", "login_hint", "ui_locales"} {
			if q.Has(foreign) {
				t.Errorf("%s: this family has no %s", tt.name, foreign)
			}
		}
	}
}

// Credentials go into the body, with the state that Naver wants to see again.
func TestOpenIDTokenRequest(t *testing.T) {
	w := providertest.Start(t, fakeidp.NaverOpenID)
	var sent *http.Request
	w.Upstream.AnswerWith(fakeidp.Token, func(rw http.ResponseWriter, r *http.Request) {
		sent = r
		fakeidp.Reply(200, "application/json", `{"error":"invalid_request","error_description":"no valid data in session"}`)(rw, r)
	})
	state := ""
	got := w.SignIn(t, madeOpenID(t, w.OpenID()), "", func(params url.Values) { state = params.Get("state") })
	if !errors.Is(got.Err, providers.ErrUnknown) {
		t.Errorf("a stale code: %v, want ErrUnknown", got.Err)
	}
	form := sent.PostForm
	if state == "" || form.Get("state") != state || form.Get("client_secret") == "" || form.Get("code_verifier") == "" || sent.Header.Get("Authorization") != "" {
		t.Errorf("state repeated %t, secret %t, verifier %t", form.Get("state") == state, form.Has("client_secret"), form.Has("code_verifier"))
	}
}

// What the profile says about somebody else ends the login; what it does not say
// costs the profile.
func TestOpenIDProfile(t *testing.T) {
	w := providertest.Start(t, fakeidp.NaverOpenID)
	p := madeOpenID(t, w.OpenID())
	subject := w.Upstream.Subject("")
	for _, tt := range []struct {
		name, body string
		missing    bool
		want       error
	}{
		{"everything", `{"resultcode":"00","response":{"id":"` + subject + `","name":"x"}}`, false, nil},
		{"a number for an id", `{"resultcode":"00","response":{"id":7}}`, true, nil},
		{"nobody", `{"resultcode":"00","response":{}}`, true, nil},
		{"an error of theirs", `{"resultcode":"500","message":"x"}`, true, nil},
		{"somebody else", `{"resultcode":"00","response":{"id":"another"}}`, false, providers.ErrUntrusted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.Upstream.AnswerWith(fakeidp.Userinfo, fakeidp.Reply(200, "application/json", tt.body))
			got := w.SignIn(t, p, "", nil)
			if !errors.Is(got.Err, tt.want) || got.Identity.ProfileMissing != tt.missing || got.Identity.EmailVerified {
				t.Errorf("identity %+v, %v", got.Identity, got.Err)
			}
		})
	}
}
