package zalo_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/providertest"
	"github.com/bongsu/bongsu/providers/zalo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o oauth2.Options) *oauth2.Provider {
	t.Helper()
	p, err := zalo.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.Zalo,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w.OAuth2()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FullName, Picture: p.Picture}
		},
		Userinfo: true,

		ClientParam: "app_id",
		Stranger:    func(answer map[string]any, subject string) { answer["id"] = subject },
	})
}

func TestDefaults(t *testing.T) {
	p := made(t, oauth2.Options{Instance: providers.Instance{ID: "zalo", ClientID: "client-1"}, Fetch: fetch.New(fetch.Options{})})
	want := providers.Instance{
		ID: "zalo", Kind: "zalo", Issuer: "https://oauth.zaloapp.com/v4/permission", ClientID: "client-1", Name: "Zalo", Reauth: providers.ReauthNone,
	}
	if got := p.Instance(); got != want {
		t.Errorf("Instance = %+v", got)
	}
	target, err := p.Begin(t.Context(), providers.Leg{Locales: []string{"ko"}, Fresh: true, LoginHint: "minji"})
	if err != nil || !strings.HasPrefix(target, "https://oauth.zaloapp.com/v4/permission?") {
		t.Fatalf("Begin = %q, %v", target, err)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"app_id": "client-1", "client_id": "", "scope": "", "code_challenge_method": "S256", "prompt": "", "nonce": ""} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// Only the refusal that is known to be a healthy one is taken for it.
func TestTokenProbe(t *testing.T) {
	w := providertest.Start(t, fakeidp.Zalo)
	p := made(t, w.OAuth2())
	for _, tt := range []struct {
		body   string
		status int
		want   providers.Outcome
	}{
		{`{"error":-14019,"error_name":"Invalid authorization code"}`, 200, providers.OK},
		{`{"error":-14003,"error_name":"Invalid parameter"}`, 200, providers.Unknown},
		{`{"error":-14004,"error_name":"Invalid secret_key"}`, 200, providers.Ours},
		{`{"error":-14002,"error_name":"Invalid app_id"}`, 200, providers.Ours},
		{`{"error":-14000}`, 200, providers.Down},
		{`{"error":-1}`, 200, providers.Unknown},
		{`{"error":"invalid_grant"}`, 400, providers.Unknown},
		{`<html>`, 200, providers.Down},
	} {
		w.Upstream.AnswerWith(fakeidp.Token, fakeidp.Reply(tt.status, "application/json", tt.body))
		if got := p.Probe(t.Context(), providers.LevelToken); got.Outcome != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.body, got.Outcome, got.Code, tt.want)
		}
	}
}

// App, secret and token stand where Zalo looks for them, and nowhere else.
func TestHeadersOfItsOwn(t *testing.T) {
	w := providertest.Start(t, fakeidp.Zalo)
	client := w.Upstream.Client()
	var redeemed, asked *http.Request
	w.Upstream.AnswerWith(fakeidp.Token, func(rw http.ResponseWriter, r *http.Request) {
		redeemed = r
		fakeidp.Reply(200, "application/json", `{"access_token":"at","refresh_token":"rt","expires_in":"90000"}`)(rw, r)
	})
	w.Upstream.AnswerWith(fakeidp.Userinfo, func(rw http.ResponseWriter, r *http.Request) {
		asked = r
		fakeidp.Reply(200, "application/json", `{"error":0,"id":"6309","name":"민지"}`)(rw, r)
	})
	if got := w.SignIn(t, made(t, w.OAuth2()), "", nil); got.Err != nil || got.Identity.Subject != "6309" {
		t.Fatalf("%+v, %v", got.Identity, got.Err)
	}
	form := redeemed.PostForm
	if redeemed.Header.Get("Secret_key") != client.Secret || form.Get("app_id") != client.ID || form.Get("code_verifier") == "" ||
		form.Has("client_secret") || form.Has("client_id") || redeemed.Header.Get("Authorization") != "" {
		t.Errorf("redeemed with %v, header %v", form, redeemed.Header)
	}
	if asked.Header.Get("Access_token") != "at" || asked.Header.Get("Authorization") != "" || strings.Contains(asked.URL.RawQuery, "at=") {
		t.Errorf("asked with %v, %q", asked.Header, asked.URL.RawQuery)
	}
}

// Numbers beyond 2^53 stay whole, in strings or not.
func TestProfileAnswers(t *testing.T) {
	w := providertest.Start(t, fakeidp.Zalo)
	p := made(t, w.OAuth2())
	for _, tt := range []struct {
		body, want string
		err        error
	}{
		{`{"error":0,"id":"9007199254740993","name":"민지"}`, "9007199254740993", nil},
		{`{"error":0,"id":9007199254740993,"name":"민지"}`, "9007199254740993", nil},
		{`{"id":"1","name":"민지"}`, "1", nil},
		{`{"error":0,"id":9.007e15,"name":"민지"}`, "", providers.ErrUntrusted},
		{`{"error":452,"message":"Session key invalid","id":"1"}`, "", providers.ErrUnknown},
		{`{"error":-32,"message":"Internal error"}`, "", providers.ErrUnavailable},
		{`{"error":0}`, "", providers.ErrUnknown},
	} {
		w.Upstream.AnswerWith(fakeidp.Userinfo, fakeidp.Reply(200, "application/json", tt.body))
		got := w.SignIn(t, p, "", nil)
		if got.Identity.Subject != tt.want || !errors.Is(got.Err, tt.err) {
			t.Errorf("%s: %q, %v", tt.body, got.Identity.Subject, got.Err)
		}
	}
}

// The error page is a redirect to a path of its own.
func TestLoginPageProbe(t *testing.T) {
	w := providertest.Start(t, fakeidp.Zalo)
	p := made(t, w.OAuth2())
	for location, want := range map[string]providers.Outcome{
		"https://oauth.zaloapp.com/v4/permission/error?error_code=-14003": providers.Ours,
		"https://oauth.zaloapp.com/v4/permission/error?error_code=-14000": providers.Down,
		"https://oauth.zaloapp.com/v4/permission/error?error_code=-99999": providers.Unknown,
		"https://id.zalo.me/account?continue=x":                           providers.OK,
	} {
		w.Upstream.AnswerWith(fakeidp.Authorize, fakeidp.Redirect(location))
		if got := p.Probe(t.Context(), providers.LevelAuthorize); got.Outcome != want {
			t.Errorf("%s: %s (%s), want %s", location, got.Outcome, got.Code, want)
		}
	}
}
