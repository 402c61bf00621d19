package telegram_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/openid"
	"github.com/bongsu/bongsu/providers/providertest"
	"github.com/bongsu/bongsu/providers/telegram"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o openid.Options) *openid.Provider {
	t.Helper()
	p, err := telegram.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.Telegram,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w.OpenID()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FullName, Picture: p.Picture}
		},
		IDToken: true,
	})
}

func TestDefaults(t *testing.T) {
	p := made(t, openid.Options{Instance: providers.Instance{ID: "telegram", ClientID: "client-1"}, Fetch: fetch.New(fetch.Options{})})
	want := providers.Instance{
		ID: "telegram", Kind: "telegram", Issuer: "https://oauth.telegram.org", ClientID: "client-1", Name: "Telegram", Reauth: providers.ReauthNone,
	}
	if got := p.Instance(); got != want {
		t.Errorf("Instance = %+v", got)
	}
	target, err := p.Begin(t.Context(), providers.Leg{Locales: []string{"ko"}, Fresh: true, LoginHint: "minji"})
	if err != nil || !strings.HasPrefix(target, "https://oauth.telegram.org/auth?") {
		t.Fatalf("Begin = %q, %v", target, err)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"scope": "openid profile", "code_challenge_method": "S256", "prompt": "", "login_hint": "", "ui_locales": ""} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// Only the refusal that is known to be a healthy one is taken for it.
func TestTokenProbe(t *testing.T) {
	w := providertest.Start(t, fakeidp.Telegram)
	p := made(t, w.OpenID())
	for _, tt := range []struct {
		body   string
		status int
		want   providers.Outcome
	}{
		{`{"error":"invalid_grant"}`, 400, providers.OK},
		{`{"error":"invalid_client"}`, 401, providers.Ours},
		{`{"error":"invalid_request"}`, 400, providers.Unknown},
		{`{"error":"server_error"}`, 400, providers.Down},
	} {
		w.Upstream.AnswerWith(fakeidp.Token, fakeidp.Reply(tt.status, "application/json", tt.body))
		if got := p.Probe(t.Context(), providers.LevelToken); got.Outcome != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.body, got.Outcome, got.Code, tt.want)
		}
	}
}

// The secret goes by HTTP Basic and stands nowhere else.
func TestTheSecretGoesByBasic(t *testing.T) {
	w := providertest.Start(t, fakeidp.Telegram)
	var sent *http.Request
	w.Upstream.AnswerWith(fakeidp.Token, func(rw http.ResponseWriter, r *http.Request) {
		sent = r
		fakeidp.Reply(400, "application/json", `{"error":"invalid_grant"}`)(rw, r)
	})
	w.SignIn(t, made(t, w.OpenID()), "", nil)
	if sent == nil {
		t.Fatal("nothing was sent")
	}
	if _, secret, ok := sent.BasicAuth(); !ok || secret == "" || sent.PostForm.Has("client_secret") || sent.URL.RawQuery != "" {
		t.Errorf("Basic %t, form %t, query %q", ok, sent.PostForm.Has("client_secret"), sent.URL.RawQuery)
	}
}

// The subject is sub, never the number beside it; there is never an address.
func TestClaims(t *testing.T) {
	w := providertest.Start(t, fakeidp.Telegram)
	o := w.OpenID()
	o.Scopes = []string{"openid", "profile", "phone"}
	p := made(t, o)
	for _, tt := range []struct {
		name            string
		edit            func(claims map[string]any)
		phone           string
		verified, named bool
	}{
		{"everything", func(map[string]any) {}, "+821055550100", true, true},
		{"a phone with its plus", func(c map[string]any) { c["phone_number"] = "+821055550100" }, "+821055550100", true, true},
		{"a phone that is a number", func(c map[string]any) { c["phone_number"] = 821055550100 }, "+821055550100", true, true},
		{"a phone nobody checked", func(c map[string]any) { delete(c, "phone_number_verified") }, "+821055550100", false, true},
		{"no phone that could be one", func(c map[string]any) { c["phone_number"] = "call me" }, "", false, true},
		{"an address from nowhere", func(c map[string]any) { c["email"], c["email_verified"] = "vic@example.com", true }, "+821055550100", true, true},
		{"a user name alone", func(c map[string]any) { delete(c, "name") }, "+821055550100", true, false},
	} {
		w.Upstream.EditClaims(tt.edit)
		got := w.SignIn(t, p, "", nil)
		id := got.Identity
		if got.Err != nil || id.Subject != w.Upstream.Subject("") || id.Phone != tt.phone || id.PhoneVerified != tt.verified || id.Email != "" {
			t.Errorf("%s: %+v, %v", tt.name, id, got.Err)
		}
		if id.Name == "" || (id.Name == "이하루") != tt.named {
			t.Errorf("%s: name %q", tt.name, id.Name)
		}
	}
}
