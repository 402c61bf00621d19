package naver_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/naver"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o oauth2.Options) *oauth2.Provider {
	t.Helper()
	p, err := naver.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.Naver,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w.OAuth2()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FullName, Email: p.Email, Phone: p.Phone, Picture: p.Picture}
		},
		Userinfo: true,
		Stranger: func(answer map[string]any, subject string) {
			if person, ok := answer["response"].(map[string]any); ok {
				person["id"] = subject
			}
		},
	})
}

func TestDefaults(t *testing.T) {
	p := made(t, oauth2.Options{Instance: providers.Instance{ID: "naver", ClientID: "client-1"}, Fetch: fetch.New(fetch.Options{})})
	want := providers.Instance{
		ID: "naver", Kind: "naver", Issuer: "https://nid.naver.com/oauth2.0/authorize", ClientID: "client-1", Name: "Naver", Reauth: providers.ReauthAsked,
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
		if err != nil || !strings.HasPrefix(target, "https://nid.naver.com/oauth2.0/authorize?") {
			t.Fatalf("Begin = %q, %v", target, err)
		}
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Query().Get("auth_type"); got != tt.want {
			t.Errorf("%s: auth_type = %q, want %q", tt.name, got, tt.want)
		}
		for _, foreign := range []string{"nonce", "scope", "code_challenge", "login_hint", "ui_locales"} {
			if u.Query().Has(foreign) {
				t.Errorf("%s: this family has no %s", tt.name, foreign)
			}
		}
	}
}

func TestStateGoesToTheTokenEndpoint(t *testing.T) {
	w := providertest.Start(t, fakeidp.Naver)
	var sent url.Values
	w.Upstream.AnswerWith(fakeidp.Token, func(rw http.ResponseWriter, r *http.Request) {
		sent = r.PostForm
		fakeidp.Reply(200, "application/json", `{"error":"invalid_request","error_description":"no valid data in session"}`)(rw, r)
	})
	state := ""
	got := w.SignIn(t, made(t, w.OAuth2()), "", func(params url.Values) { state = params.Get("state") })
	if !errors.Is(got.Err, providers.ErrUnknown) {
		t.Errorf("a stale code: %v, want ErrUnknown", got.Err)
	}
	if state == "" || sent.Get("state") != state || sent.Get("client_secret") == "" || sent.Has("code_verifier") {
		t.Errorf("state repeated %t, secret %t, verifier %t", sent.Get("state") == state, sent.Has("client_secret"), sent.Has("code_verifier"))
	}
}

// D8: errors come with status 200.
// Only the refusal that is known to be a healthy one is taken for it.
func TestTokenProbe(t *testing.T) {
	w := providertest.Start(t, fakeidp.Naver)
	p := made(t, w.OAuth2())
	for _, tt := range []struct {
		body string
		want providers.Outcome
	}{
		{`{"error":"invalid_request","error_description":"no valid data in session"}`, providers.OK},
		{`{"error":"invalid_request","error_description":"redirect_uri is missing"}`, providers.Unknown},
		{`{"error":"invalid_request"}`, providers.Unknown},
		{`{"error":"invalid_grant","error_description":"no valid data in session"}`, providers.Unknown},
		{`{"error":"invalid_client","error_description":"wrong client id / client secret pair"}`, providers.Ours},
		{`{"error":"server_error"}`, providers.Down},
		{`<html>`, providers.Down},
	} {
		w.Upstream.AnswerWith(fakeidp.Token, fakeidp.Reply(200, "application/json", tt.body))
		if got := p.Probe(t.Context(), providers.LevelToken); got.Outcome != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.body, got.Outcome, got.Code, tt.want)
		}
	}
}

func TestOurCredentials(t *testing.T) {
	w := providertest.Start(t, fakeidp.Naver)
	o := w.OAuth2()
	o.ClientSecret = "wrong"
	got := w.SignIn(t, made(t, o), "", nil)
	if !errors.Is(got.Err, providers.ErrRejected) || !slices.Equal(got.Codes, []string{"", "invalid_client"}) {
		t.Errorf("Finish: %v, codes %q", got.Err, got.Codes)
	}
}

// AB-34: nobody comes in by an answer that names nobody.
func TestProfileAnswers(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		want       error
		code       string
	}{
		{"no id", `{"resultcode":"00","message":"success","response":{"email":"vic@example.com"}}`, 200, providers.ErrUntrusted, ""},
		{"a numeric id", `{"resultcode":"00","response":{"id":7}}`, 200, providers.ErrUntrusted, ""},
		{"an id outside the response", `{"resultcode":"00","id":"vic"}`, 200, providers.ErrUntrusted, ""},
		{"no response", `{"resultcode":"00"}`, 200, providers.ErrUntrusted, ""},
		{"no result code", `{"response":{"id":"vic"}}`, 200, providers.ErrUnknown, ""},
		{"a numeric result code", `{"resultcode":0,"response":{"id":"vic"}}`, 200, providers.ErrUnknown, "0"},
		{"an error beside a profile", `{"resultcode":"024","response":{"id":"vic"}}`, 200, providers.ErrUnknown, "024"},
		{"an error of theirs as 200", `{"resultcode":"500","message":"x"}`, 200, providers.ErrUnavailable, "500"},
		{"an error of theirs", `{"resultcode":"500","message":"x"}`, 500, providers.ErrUnavailable, "500"},
		{"a refused token", `{"resultcode":"024","message":"Authentication failed"}`, 401, providers.ErrUnknown, "024"},
		{"an app without permission", `{"resultcode":"403","message":"x"}`, 403, providers.ErrRejected, "403"},
	}
	w := providertest.Start(t, fakeidp.Naver)
	p := made(t, w.OAuth2())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.Upstream.AnswerWith(fakeidp.Userinfo, fakeidp.Reply(tt.status, "application/json", tt.body))
			got := w.SignIn(t, p, "", nil)
			if !errors.Is(got.Err, tt.want) || got.Codes[len(got.Codes)-1] != tt.code {
				t.Errorf("Finish: %v with codes %q, want %v with %q", got.Err, got.Codes, tt.want, tt.code)
			}
		})
	}
}

func TestEmailIsNeverVerified(t *testing.T) {
	w := providertest.Start(t, fakeidp.Naver)
	w.Upstream.EditAnswer(fakeidp.Userinfo, func(answer map[string]any) {
		answer["response"] = map[string]any{"id": "x", "email": "x@naver.com", "email_verified": true, "mobile": "010-9876-5432", "nickname": "봉수"}
	})
	got := w.SignIn(t, made(t, w.OAuth2()), "", nil)
	want := providers.Identity{Provider: providertest.ProviderID, Subject: "x", Name: "봉수", Email: "x@naver.com", Phone: "+821098765432"}
	if diff := cmp.Diff(want, got.Identity); got.Err != nil || diff != "" {
		t.Errorf("%v, identity (-want +got):\n%s", got.Err, diff)
	}
}
