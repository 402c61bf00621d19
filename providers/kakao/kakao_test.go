package kakao_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/kakao"
	"github.com/bongsu/bongsu/providers/openid"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o openid.Options) *openid.Provider {
	t.Helper()
	p, err := kakao.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.Kakao,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w.OpenID()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.Nickname, Email: p.Email, EmailVerified: true, Picture: p.Picture}
		},
		IDToken:  true,
		Userinfo: true,
		AuthTime: true,
		Stranger: func(answer map[string]any, subject string) { answer["id"] = subject },
	})
}

func TestDefaults(t *testing.T) {
	p := made(t, openid.Options{
		Instance: providers.Instance{ID: "kakao", ClientID: "rest-key"},
		Fetch:    fetch.New(fetch.Options{Dial: noNetwork(t)}),
	})
	want := providers.Instance{
		ID: "kakao", Kind: "kakao", Issuer: "https://kauth.kakao.com", ClientID: "rest-key", Name: "Kakao", Reauth: providers.ReauthAsked,
	}
	if got := p.Instance(); got != want {
		t.Errorf("Instance = %+v", got)
	}
	hour := time.Hour
	tests := []struct {
		name string
		leg  providers.Leg
		want map[string]string
	}{
		{"a plain leg", providers.Leg{Locales: []string{"ko"}}, map[string]string{
			"scope": "openid profile_nickname account_email", "code_challenge_method": "S256", "prompt": "", "ui_locales": "",
		}},
		{"a fresh proof", providers.Leg{Fresh: true}, map[string]string{"prompt": "login", "max_age": ""}},
		{"a proof of some age", providers.Leg{MaxAge: &hour}, map[string]string{"prompt": "login", "max_age": ""}},
		{"a hint", providers.Leg{LoginHint: "minji@example.com"}, map[string]string{"login_hint": "minji@example.com"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target, err := p.Begin(t.Context(), tt.leg)
			if err != nil || !strings.HasPrefix(target, "https://kauth.kakao.com/oauth/authorize?") {
				t.Fatalf("Begin = %q, %v", target, err)
			}
			u, err := url.Parse(target)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range tt.want {
				if got := u.Query().Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
		})
	}
}

// P10: nothing upstream is needed to start and to send people away.
func noNetwork(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, address string) (net.Conn, error) {
		t.Errorf("connected to %s", address)
		return nil, errors.New("no network")
	}
}

func TestLargeNumbersSurvive(t *testing.T) {
	w := providertest.Start(t, fakeidp.Kakao)
	got := w.SignIn(t, made(t, w.OpenID()), "solo", nil)
	if got.Err != nil || got.Identity.Subject != "9007199254740993" || got.Identity.ProfileMissing {
		t.Errorf("identity %+v, %v", got.Identity, got.Err)
	}
}

// Kakao's failures and ours look alike but for their codes.
func TestCodesAtTheTokenEndpoint(t *testing.T) {
	tests := []struct {
		name, body string
		want       error
		code       string
	}{
		{"a temporary failure dressed as 400", `{"error":"server_error","error_code":"KOE003"}`, providers.ErrUnavailable, "KOE003"},
		{"a temporary failure with another error", `{"error":"invalid_request","error_code":"KOE003"}`, providers.ErrUnavailable, "KOE003"},
		{"a wrong secret", `{"error":"invalid_client","error_code":"KOE010"}`, providers.ErrRejected, "KOE010"},
		{"a wrong key", `{"error":"invalid_client","error_code":"KOE101"}`, providers.ErrRejected, "KOE101"},
		{"another redirect URI", `{"error":"invalid_grant","error_code":"KOE303"}`, providers.ErrRejected, "KOE303"},
		{"a stale code", `{"error":"invalid_grant","error_code":"KOE320"}`, providers.ErrUnknown, "KOE320"},
		{"a suspended app", `{"error":"access_denied","error_code":"KOE125"}`, providers.ErrRejected, "KOE125"},
		{"an unknown code beside a known error", `{"error":"invalid_client","error_code":"KOE999"}`, providers.ErrRejected, "invalid_client"},
		{"an unknown code", `{"error":"misconfigured","error_code":"KOE999"}`, providers.ErrUnknown, "misconfigured"},
		{"maintenance in the other form", `{"msg":"maintenance","code":-7}`, providers.ErrUnavailable, "-7"},
		{"the quota in the other form", `{"msg":"API limit has been exceeded","code":-10}`, providers.ErrRejected, "-10"},
	}
	w := providertest.Start(t, fakeidp.Kakao)
	p := made(t, w.OpenID())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.Upstream.AnswerWith(fakeidp.Token, fakeidp.Reply(400, "application/json", tt.body))
			got := w.SignIn(t, p, "", nil)
			if !errors.Is(got.Err, tt.want) || got.Codes[len(got.Codes)-1] != tt.code {
				t.Errorf("Finish: %v with codes %q, want %v with %s", got.Err, got.Codes, tt.want, tt.code)
			}
		})
	}
}

// Only the refusal that is known to be a healthy one is taken for it.
func TestTokenProbe(t *testing.T) {
	w := providertest.Start(t, fakeidp.Kakao)
	p := made(t, w.OpenID())
	for _, tt := range []struct {
		body string
		want providers.Outcome
	}{
		{`{"error":"invalid_grant","error_code":"KOE320","error_description":"authorization code not found"}`, providers.OK},
		{`{"error":"invalid_grant"}`, providers.Unknown},
		{`{"error":"invalid_grant","error_code":"KOE999"}`, providers.Unknown},
		{`{"error":"invalid_grant","error_code":"KOE303"}`, providers.Ours},
		{`{"error":"invalid_client","error_code":"KOE010"}`, providers.Ours},
		{`{"error":"invalid_client","error_code":"KOE101"}`, providers.Ours},
		{`{"error":"access_denied","error_code":"KOE125"}`, providers.Ours},
		{`{"error":"server_error","error_code":"KOE003"}`, providers.Down},
		{`{"msg":"Internal error","code":-1}`, providers.Down},
		{`{"msg":"timeout","code":-603}`, providers.Down},
		{`{"msg":"maintenance","code":-9798}`, providers.Down},
	} {
		w.Upstream.AnswerWith(fakeidp.Token, fakeidp.Reply(400, "application/json", tt.body))
		if got := p.Probe(t.Context(), providers.LevelToken); got.Outcome != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.body, got.Outcome, got.Code, tt.want)
		}
	}
}

// kauth's error pages name the reason, whatever their status.
func TestLoginPageProbe(t *testing.T) {
	w := providertest.Start(t, fakeidp.Kakao)
	p := made(t, w.OpenID())
	for _, tt := range []struct {
		body string
		want providers.Outcome
		code string
	}{
		{"<html>앱 관리자 설정 오류 (KOE006)", providers.Ours, "KOE006"},
		{"<html>잘못된 요청 (KOE101)", providers.Ours, "KOE101"},
		{"<html>일시적인 오류 (KOE003)", providers.Down, "KOE003"},
		{"<html>(KOE999)", providers.Unknown, "KOE999"},
		{"<title>카카오계정</title>", providers.OK, ""},
	} {
		w.Upstream.AnswerWith(fakeidp.Authorize, fakeidp.Reply(200, "text/html", tt.body))
		if got := p.Probe(t.Context(), providers.LevelAuthorize); got.Outcome != tt.want || got.Code != tt.code {
			t.Errorf("%s: %s (%s), want %s (%s)", tt.body, got.Outcome, got.Code, tt.want, tt.code)
		}
	}
}

func TestOurCredentials(t *testing.T) {
	w := providertest.Start(t, fakeidp.Kakao)
	o := w.OpenID()
	o.ClientSecret = "wrong"
	if got := w.SignIn(t, made(t, o), "", nil); !errors.Is(got.Err, providers.ErrRejected) {
		t.Errorf("Finish: %v, want ErrRejected", got.Err)
	}
}

// F11, F15: kapi's own failures come as 400 and cost the profile only.
func TestCodesAtTheProfile(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		step       string
	}{
		{"an internal error", `{"msg":"Internal error","code":-1}`, 400, "userinfo theirs.down"},
		{"maintenance", `{"msg":"maintenance","code":-7}`, 400, "userinfo theirs.down"},
		{"a timeout inside", `{"msg":"timeout","code":-603}`, 400, "userinfo theirs.down"},
		{"maintenance as 503", `{"msg":"maintenance","code":-9798}`, 503, "userinfo theirs.down"},
		{"an internal error as 200", `{"msg":"Internal error","code":-1}`, 200, "userinfo theirs.down"},
		{"the quota", `{"msg":"API limit has been exceeded","code":-10}`, 400, "userinfo ours"},
		{"a refused token", `{"msg":"this access token does not exist","code":-401}`, 401, "userinfo unknown"},
		{"nobody's profile", `{"kakao_account":{"email":"vic@example.com","is_email_valid":true,"is_email_verified":true}}`, 200, "userinfo unknown"},
	}
	w := providertest.Start(t, fakeidp.Kakao)
	p := made(t, w.OpenID())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.Upstream.AnswerWith(fakeidp.Userinfo, fakeidp.Reply(tt.status, "application/json", tt.body))
			got := w.SignIn(t, p, "", nil)
			if got.Err != nil || !got.Identity.ProfileMissing || got.Identity.Name == "" {
				t.Fatalf("identity %+v, %v", got.Identity, got.Err)
			}
			if got.Identity.Email != "haru@example.com" || got.Identity.EmailVerified {
				t.Errorf("e-mail %q, verified %t: the ID token knows it but not whether it was checked", got.Identity.Email, got.Identity.EmailVerified)
			}
			if last := got.Steps[len(got.Steps)-1]; last != tt.step {
				t.Errorf("told %q, want %q last", got.Steps, tt.step)
			}
		})
	}
}

func TestEmailIsVerifiedByBothFlagsOnly(t *testing.T) {
	w := providertest.Start(t, fakeidp.Kakao)
	p := made(t, w.OpenID())
	for _, tt := range []struct {
		valid, verified any
		want            bool
	}{
		{true, true, true}, {true, false, false}, {false, true, false}, {nil, true, false}, {true, nil, false}, {1, 1, false},
	} {
		w.Upstream.EditAnswer(fakeidp.Userinfo, func(answer map[string]any) {
			account, ok := answer["kakao_account"].(map[string]any)
			if !ok {
				t.Error("no account")
				return
			}
			account["is_email_valid"], account["is_email_verified"] = tt.valid, tt.verified
		})
		got := w.SignIn(t, p, "", nil)
		if got.Err != nil || got.Identity.EmailVerified != tt.want {
			t.Errorf("valid %v, verified %v: %t, %v", tt.valid, tt.verified, got.Identity.EmailVerified, got.Err)
		}
	}
	w.Upstream.EditAnswer(fakeidp.Userinfo, nil)
	w.Upstream.EditClaims(func(claims map[string]any) { claims["email_verified"] = true })
	w.Upstream.AnswerWith(fakeidp.Userinfo, fakeidp.Reply(500, "text/html", ""))
	if got := w.SignIn(t, p, "", nil); got.Err != nil || got.Identity.EmailVerified {
		t.Errorf("the ID token vouched for the address: %+v, %v", got.Identity, got.Err)
	}
}
