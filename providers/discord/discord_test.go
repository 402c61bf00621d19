package discord_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/discord"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/openid"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o openid.Options) *openid.Provider {
	t.Helper()
	p, err := discord.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.Discord,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w.OpenID()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{
				Name: p.FullName, Email: p.Email, EmailVerified: true, Locale: p.Locale,
				Picture: "https://cdn.discordapp.com/avatars/" + fakeidp.Subject("discord", p.Name) + "/a_8342729096ea3675442027381ff50dfe.png",
			}
		},
		IDToken:  true,
		Userinfo: true,
		Stranger: func(answer map[string]any, subject string) { answer["id"] = subject },
	})
}

func TestDefaults(t *testing.T) {
	p := made(t, openid.Options{Instance: providers.Instance{ID: "discord", ClientID: "client-1"}, Fetch: fetch.New(fetch.Options{})})
	want := providers.Instance{
		ID: "discord", Kind: "discord", Issuer: "https://discord.com", ClientID: "client-1", Name: "Discord", Reauth: providers.ReauthNone,
	}
	if got := p.Instance(); got != want {
		t.Errorf("Instance = %+v", got)
	}
	target, err := p.Begin(t.Context(), providers.Leg{Locales: []string{"ko"}, Fresh: true, LoginHint: "minji"})
	if err != nil || !strings.HasPrefix(target, "https://discord.com/oauth2/authorize?") {
		t.Fatalf("Begin = %q, %v", target, err)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"scope": "openid identify email", "code_challenge_method": "S256", "prompt": "", "login_hint": "", "ui_locales": ""} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// Only the refusal that is known to be a healthy one is taken for it.
func TestTokenProbe(t *testing.T) {
	w := providertest.Start(t, fakeidp.Discord)
	p := made(t, w.OpenID())
	for _, tt := range []struct {
		body   string
		status int
		want   providers.Outcome
	}{
		{`{"error":"invalid_grant","error_description":"Invalid \"code\" in request."}`, 400, providers.OK},
		{`{"error":"invalid_client"}`, 401, providers.Ours},
		{`{"message":"You are being rate limited.","retry_after":1,"code":0}`, 429, providers.Unknown},
		{`{"message":"500: Internal Server Error","code":0}`, 500, providers.Down},
		{`{"message":"401: Unauthorized","code":0}`, 401, providers.Unknown},
		{`<html>`, 404, providers.Down},
	} {
		w.Upstream.AnswerWith(fakeidp.Token, fakeidp.Reply(tt.status, "application/json", tt.body))
		if got := p.Probe(t.Context(), providers.LevelToken); got.Outcome != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.body, got.Outcome, got.Code, tt.want)
		}
	}
}

// A snowflake beyond 2^53 stays whole; a profile of another number is somebody else's.
func TestSnowflakes(t *testing.T) {
	w := providertest.Start(t, fakeidp.Discord)
	p := made(t, w.OpenID())
	got := w.SignIn(t, p, "solo", nil)
	if got.Err != nil || got.Identity.Subject != "9007199254740993" {
		t.Fatalf("subject %q, %v", got.Identity.Subject, got.Err)
	}
	w.Upstream.EditAnswer(fakeidp.Userinfo, func(answer map[string]any) { answer["id"] = "9007199254740992" })
	if got := w.SignIn(t, p, "solo", nil); !errors.Is(got.Err, providers.ErrUntrusted) {
		t.Errorf("the neighbour's profile: %v", got.Err)
	}
}

// People whose address was never checked come in; their address is not verified.
func TestAnAddressIsVerifiedByItsFlagAlone(t *testing.T) {
	w := providertest.Start(t, fakeidp.Discord)
	p := made(t, w.OpenID())
	for flag, want := range map[any]bool{true: true, "true": true, false: false, nil: false, 1: false, "yes": false} {
		w.Upstream.EditAnswer(fakeidp.Userinfo, func(answer map[string]any) { answer["verified"] = flag })
		if got := w.SignIn(t, p, "", nil); got.Err != nil || got.Identity.EmailVerified != want || got.Identity.Email == "" {
			t.Errorf("verified %v: %+v, %v", flag, got.Identity, got.Err)
		}
	}
}

// A picture is made of a hash and nothing else.
func TestPicturesAreHashes(t *testing.T) {
	w := providertest.Start(t, fakeidp.Discord)
	p := made(t, w.OpenID())
	for _, hash := range []any{nil, "", "../../../x", "https://evil.example/x", strings.Repeat("g", 32), 7} {
		w.Upstream.EditAnswer(fakeidp.Userinfo, func(answer map[string]any) { answer["avatar"] = hash })
		if got := w.SignIn(t, p, "", nil); got.Err != nil || got.Identity.Picture != "" {
			t.Errorf("avatar %v: picture %q, %v", hash, got.Identity.Picture, got.Err)
		}
	}
}
