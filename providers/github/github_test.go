package github_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/github"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o oauth2.Options) *oauth2.Provider {
	t.Helper()
	p, err := github.New(github.Options{Options: o})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.GitHub,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w.OAuth2()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FullName, Email: p.Email, EmailVerified: true, Picture: p.Picture}
		},
		Userinfo: true,
		Stranger: func(answer map[string]any, subject string) { answer["id"] = subject },
	})
}

func TestDefaults(t *testing.T) {
	p := made(t, oauth2.Options{Instance: providers.Instance{ID: "github", ClientID: "Iv1.1"}, Fetch: fetch.New(fetch.Options{})})
	want := providers.Instance{
		ID: "github", Kind: "github", Issuer: "https://github.com/login/oauth/authorize", ClientID: "Iv1.1", Name: "GitHub", Reauth: providers.ReauthNone,
	}
	if got := p.Instance(); got != want {
		t.Errorf("Instance = %+v", got)
	}
	for _, tt := range []struct {
		name string
		leg  providers.Leg
		want map[string]string
	}{
		{"a plain leg", providers.Leg{Locales: []string{"ko"}}, map[string]string{
			"scope": "read:user user:email", "code_challenge_method": "S256", "prompt": "", "login": "", "nonce": "",
		}},
		{"a fresh proof", providers.Leg{Fresh: true}, map[string]string{"prompt": "select_account"}},
		{"a hint", providers.Leg{LoginHint: "minji"}, map[string]string{"login": "minji"}},
		{"an address for a hint", providers.Leg{LoginHint: "minji@example.com"}, map[string]string{"login": ""}},
	} {
		target, err := p.Begin(t.Context(), tt.leg)
		if err != nil || !strings.HasPrefix(target, "https://github.com/login/oauth/authorize?") {
			t.Fatalf("Begin = %q, %v", target, err)
		}
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range tt.want {
			if got := u.Query().Get(name); got != want {
				t.Errorf("%s: %s = %q, want %q", tt.name, name, got, want)
			}
		}
	}
}

// D8: errors come with status 200.
func TestTokenProbe(t *testing.T) {
	w := providertest.Start(t, fakeidp.GitHub)
	p := made(t, w.OAuth2())
	for _, tt := range []struct {
		body string
		want providers.Outcome
	}{
		{`{"error":"bad_verification_code","error_description":"The code passed is incorrect or expired."}`, providers.OK},
		{`{"error":"invalid_grant"}`, providers.Unknown},
		{`{"error":"incorrect_client_credentials"}`, providers.Ours},
		{`{"error":"redirect_uri_mismatch"}`, providers.Ours},
		{`{"error":"application_suspended"}`, providers.Ours},
		{`error=bad_verification_code`, providers.Down},
	} {
		w.Upstream.AnswerWith(fakeidp.Token, fakeidp.Reply(200, "application/json", tt.body))
		if got := p.Probe(t.Context(), providers.LevelToken); got.Outcome != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.body, got.Outcome, got.Code, tt.want)
		}
	}
}

// The login name can be given to somebody else; the number cannot. Numbers
// beyond 2^53 stay whole, and nothing but a number names anybody.
func TestSubjects(t *testing.T) {
	w := providertest.Start(t, fakeidp.GitHub)
	p := made(t, w.OAuth2())
	for body, want := range map[string]string{
		`{"login":"octocat","id":583231}`:           "583231",
		`{"login":"octocat","id":9007199254740992}`: "9007199254740992",
		`{"login":"octocat","id":9007199254740993}`: "9007199254740993",
		`{"login":"octocat","id":"583231"}`:         "",
		`{"login":"octocat","id":5.5}`:              "",
		`{"login":"octocat"}`:                       "",
		`{"login":"octocat","ID":1}`:                "",
		`{"login":"octocat","id":1,"id":2}`:         "",
	} {
		w.Upstream.AnswerWith(fakeidp.Userinfo, fakeidp.Reply(200, "application/json", body))
		got := w.SignIn(t, p, "", nil)
		if got.Identity.Subject != want || (got.Err == nil) != (want != "") {
			t.Errorf("%s: subject %q, %v", body, got.Identity.Subject, got.Err)
		}
	}
}

// AB-42: a token of another app comes to nothing, and so does one of which
// GitHub does not say whose it is.
func TestTokenOfAnotherApp(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   error
		code   string
	}{
		{"another app's", fakeidp.Reply(200, "application/json", `{"app":{"client_id":"another"}}`), providers.ErrUntrusted, "another_app"},
		{"no app", fakeidp.Reply(200, "application/json", `{"user":{"id":1}}`), providers.ErrUnknown, "no_app"},
		{"a client id outside the app", fakeidp.Reply(200, "application/json", `{"client_id":"bongsu-github"}`), providers.ErrUnknown, "no_app"},
		{"not found", fakeidp.Reply(404, "application/json", `{"message":"Not Found"}`), providers.ErrUnknown, ""},
		{"a quota", fakeidp.Reply(403, "application/json", `{"message":"API rate limit exceeded for 192.0.2.1."}`), providers.ErrRejected, "rate_limit"},
		{"down", fakeidp.Reply(502, "text/html", "<title>Unicorn!"), providers.ErrUnavailable, ""},
		{"nothing", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, providers.ErrUnavailable, "broken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := providertest.Start(t, fakeidp.GitHub)
			w.Upstream.AnswerWith(fakeidp.TokenInfo, tt.answer)
			got := w.SignIn(t, made(t, w.OAuth2()), "", nil)
			if !errors.Is(got.Err, tt.want) || got.Codes[len(got.Codes)-1] != tt.code {
				t.Errorf("Finish: %v with codes %q", got.Err, got.Codes)
			}
			if w.Upstream.Count(fakeidp.Userinfo) != 0 {
				t.Error("the profile was asked for")
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		name     string
		answer   http.HandlerFunc
		email    string
		verified bool
		missing  bool
	}{
		{"the primary one", fakeidp.Reply(200, "application/json", `[{"email":"a@example.com","verified":true,"primary":false},{"email":"b@example.com","verified":true,"primary":true}]`), "b@example.com", true, false},
		{"not checked", fakeidp.Reply(200, "application/json", `[{"email":"b@example.com","verified":false,"primary":true}]`), "b@example.com", false, false},
		{"nothing said", fakeidp.Reply(200, "application/json", `[{"email":"b@example.com","primary":true}]`), "b@example.com", false, false},
		{"checked, another", fakeidp.Reply(200, "application/json", `[{"email":"a@example.com","verified":true},{"email":"b@example.com","primary":true}]`), "b@example.com", false, false},
		{"none", fakeidp.Reply(200, "application/json", `[]`), "", false, false},
		{"other things in the list", fakeidp.Reply(200, "application/json", `[7,null,"x",{"email":7,"primary":true}]`), "", false, false},
		{"not granted", fakeidp.Reply(404, "application/json", `{"message":"Not Found"}`), "", false, true},
		{"down", fakeidp.Reply(502, "text/html", `<title>Unicorn!`), "", false, true},
		{"an object", fakeidp.Reply(200, "application/json", `{"email":"b@example.com","verified":true,"primary":true}`), "", false, true},
		{"nothing", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := providertest.Start(t, fakeidp.GitHub)
			w.Upstream.AnswerWith(fakeidp.Emails, tt.answer)
			got := w.SignIn(t, made(t, w.OAuth2()), "minji", nil)
			i := got.Identity
			if got.Err != nil || i.Email != tt.email || i.EmailVerified != tt.verified || i.ProfileMissing != tt.missing || i.Subject == "" {
				t.Errorf("identity %+v, %v", i, got.Err)
			}
			if ok := slices.Contains(got.Steps, "userinfo ok"); ok == tt.missing {
				t.Errorf("told %q", got.Steps)
			}
		})
	}
}

// The public address of the profile says nothing about being checked.
func TestPublicAddressIsNotTaken(t *testing.T) {
	w := providertest.Start(t, fakeidp.GitHub)
	w.Upstream.AnswerWith(fakeidp.Emails, fakeidp.Reply(200, "application/json", `[]`))
	w.Upstream.EditAnswer(fakeidp.Userinfo, func(answer map[string]any) { answer["email"] = "public@example.com" })
	if got := w.SignIn(t, made(t, w.OAuth2()), "", nil); got.Err != nil || got.Identity.Email != "" {
		t.Errorf("identity %+v, %v", got.Identity, got.Err)
	}
}

// Neither token nor secret stands in a URL, at any endpoint.
func TestSecretsStayOutOfURLs(t *testing.T) {
	w := providertest.Start(t, fakeidp.GitHub)
	var seen []string
	for _, e := range []fakeidp.Endpoint{fakeidp.TokenInfo, fakeidp.Userinfo, fakeidp.Emails} {
		body := map[fakeidp.Endpoint]string{
			fakeidp.TokenInfo: `{"app":{"client_id":"` + w.Upstream.Client().ID + `"}}`, fakeidp.Userinfo: `{"id":1}`, fakeidp.Emails: `[]`,
		}[e]
		w.Upstream.AnswerWith(e, func(rw http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.URL.String())
			fakeidp.Reply(200, "application/json", body)(rw, r)
		})
	}
	if got := w.SignIn(t, made(t, w.OAuth2()), "", nil); got.Err != nil {
		t.Fatal(got.Err)
	}
	if len(seen) != 3 {
		t.Fatalf("asked %q", seen)
	}
	for _, at := range seen {
		if strings.Contains(at, "?") || strings.Contains(at, "secret") || strings.Contains(at, "gho_") {
			t.Errorf("asked %s", at)
		}
	}
}

func TestDeclinedAndSuspended(t *testing.T) {
	w := providertest.Start(t, fakeidp.GitHub)
	p := made(t, w.OAuth2())
	for code, want := range map[string]error{
		"access_denied": providers.ErrDenied, "application_suspended": providers.ErrRejected, "redirect_uri_mismatch": providers.ErrRejected,
	} {
		got := w.SignIn(t, p, "", func(params url.Values) { params.Set("error", code); params.Del("code") })
		if !errors.Is(got.Err, want) {
			t.Errorf("%s: %v, want %v", code, got.Err, want)
		}
	}
}
