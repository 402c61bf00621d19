package facebook_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/facebook"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o oauth2.Options) *facebook.Provider {
	t.Helper()
	p, err := facebook.New(facebook.Options{Options: o})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.Facebook,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w.OAuth2()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FullName, Email: p.Email, Picture: p.Picture}
		},
		Userinfo: true,
		Stranger: func(answer map[string]any, subject string) { answer["id"] = subject },
	})
}

func TestDefaults(t *testing.T) {
	p := made(t, oauth2.Options{Instance: providers.Instance{ID: "facebook", ClientID: "1234"}, Fetch: fetch.New(fetch.Options{})})
	want := providers.Instance{
		ID: "facebook", Kind: "facebook", Issuer: "https://www.facebook.com/dialog/oauth", ClientID: "1234", Name: "Facebook", Reauth: providers.ReauthAsked,
	}
	if got := p.Instance(); got != want {
		t.Errorf("Instance = %+v", got)
	}
	hour := time.Hour
	for _, tt := range []struct {
		name string
		leg  providers.Leg
		want string
	}{
		{"a plain leg", providers.Leg{Locales: []string{"ko"}, LoginHint: "minji"}, ""},
		{"a fresh proof", providers.Leg{Fresh: true}, "reauthenticate"},
		{"a proof of some age", providers.Leg{MaxAge: &hour}, "reauthenticate"},
	} {
		target, err := p.Begin(t.Context(), tt.leg)
		if err != nil || !strings.HasPrefix(target, "https://www.facebook.com/v24.0/dialog/oauth?") {
			t.Fatalf("Begin = %q, %v", target, err)
		}
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if q := u.Query(); q.Get("auth_type") != tt.want || q.Get("scope") != "public_profile,email" || q.Has("nonce") || q.Get("code_challenge_method") != "S256" {
			t.Errorf("%s: %v", tt.name, q)
		}
	}
}

// The version stands in every path; an app is the same app under another.
func TestVersion(t *testing.T) {
	o := oauth2.Options{Instance: providers.Instance{ID: "facebook", ClientID: "1234"}, Fetch: fetch.New(fetch.Options{})}
	p, err := facebook.New(facebook.Options{Options: o, Version: "v25.0"})
	if err != nil {
		t.Fatal(err)
	}
	target, err := p.Begin(t.Context(), providers.Leg{State: "s"})
	if err != nil || !strings.HasPrefix(target, "https://www.facebook.com/v25.0/dialog/oauth?") {
		t.Errorf("Begin = %q, %v", target, err)
	}
	if got := p.Instance().Issuer; got != made(t, o).Instance().Issuer {
		t.Errorf("another version is another issuer: %s", got)
	}
	for _, version := range []string{"24", "v24", "v24.0/../x", "V24.0", "v0.1"} {
		if p, err := facebook.New(facebook.Options{Options: o, Version: version}); err == nil {
			t.Errorf("%q: New = %v", version, p)
		}
	}
}

// D10: the API's version ends, and the probe says so in time.
func TestVersionEnds(t *testing.T) {
	w := providertest.Start(t, fakeidp.Facebook)
	for _, tt := range []struct {
		name string
		ends time.Duration
		want string
	}{
		{"far away", 365 * 24 * time.Hour, ""},
		{"in two months", 60 * 24 * time.Hour, "version_ends"},
		{"over", -time.Hour, "version_ends"},
	} {
		p, err := facebook.New(facebook.Options{Options: w.OAuth2(), Version: "v24.0", VersionEnds: w.Now().Add(tt.ends)})
		if err != nil {
			t.Fatal(err)
		}
		got := p.Probe(t.Context(), providers.LevelAuthorize)
		if got.Outcome != providers.OK || got.Code != tt.want {
			t.Errorf("%s: %s (%s)", tt.name, got.Outcome, got.Code)
		}
		if token := p.Probe(t.Context(), providers.LevelToken); token.Outcome != providers.OK || token.Code != "" {
			t.Errorf("%s: token %s (%s)", tt.name, token.Outcome, token.Code)
		}
	}
}

// The code of an error alone does not say whose fault it is.
func TestCodes(t *testing.T) {
	w := providertest.Start(t, fakeidp.Facebook)
	p := made(t, w.OAuth2())
	for _, tt := range []struct {
		status int
		body   string
		want   providers.Outcome
		code   string
	}{
		{400, `{"error":{"message":"Invalid verification code format.","type":"OAuthException","code":100}}`, providers.OK, ""},
		{400, `{"error":{"message":"This authorization code has been used.","code":100,"error_subcode":36009}}`, providers.Unknown, "100-36009"},
		{400, `{"error":{"message":"Error validating verification code. Please make sure your redirect_uri is identical","code":100,"error_subcode":36008}}`, providers.Ours, "100-36008"},
		{400, `{"error":{"message":"Invalid grant_type","code":100}}`, providers.Unknown, "100"},
		{400, `{"error":{"message":"Error validating client secret.","code":1}}`, providers.Ours, "invalid_client"},
		{400, `{"error":{"message":"Error validating client secret.","code":100}}`, providers.Ours, "invalid_client"},
		{400, `{"error":{"message":"Error validating application. Invalid application ID.","code":101}}`, providers.Ours, "101"},
		{400, `{"error":{"message":"An unknown error occurred","code":1}}`, providers.Down, "1"},
		{400, `{"error":{"message":"Service temporarily unavailable","code":2,"is_transient":true}}`, providers.Down, "2"},
		{400, `{"error":{"message":"Application request limit reached","code":4}}`, providers.Ours, "4"},
		{400, `{"error":{"message":"novel","code":4711}}`, providers.Unknown, "4711"},
		{500, `{"error":{"message":"novel","code":4711}}`, providers.Down, "object"},
	} {
		w.Upstream.AnswerWith(fakeidp.Token, fakeidp.Reply(tt.status, "application/json", tt.body))
		got := p.Probe(t.Context(), providers.LevelToken)
		if got.Outcome != tt.want || tt.code != "object" && got.Code != tt.code {
			t.Errorf("%s: %s (%s), want %s (%s)", tt.body, got.Outcome, got.Code, tt.want, tt.code)
		}
	}
}

// AB-42: a token is believed if Facebook says that it is valid and our app's.
func TestTokenOfAnotherApp(t *testing.T) {
	own := fakeidp.DefaultClient("facebook").ID
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   error
	}{
		{"another app's", fakeidp.Reply(200, "application/json", `{"data":{"app_id":"4711","is_valid":true}}`), providers.ErrUntrusted},
		{"no app", fakeidp.Reply(200, "application/json", `{"data":{"is_valid":true}}`), providers.ErrUnknown},
		{"not valid any more", fakeidp.Reply(200, "application/json", `{"data":{"app_id":"`+own+`","is_valid":false}}`), providers.ErrUnknown},
		{"not said to be valid", fakeidp.Reply(200, "application/json", `{"data":{"app_id":"`+own+`"}}`), providers.ErrUnknown},
		{"an app outside the data", fakeidp.Reply(200, "application/json", `{"app_id":"`+own+`","is_valid":true}`), providers.ErrUnknown},
		{"an error of theirs", fakeidp.Reply(400, "application/json", `{"error":{"code":2}}`), providers.ErrUnavailable},
		{"nothing", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, providers.ErrUnavailable},
		{"ours", fakeidp.Reply(200, "application/json", `{"data":{"app_id":"`+own+`","is_valid":true}}`), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := providertest.Start(t, fakeidp.Facebook)
			w.Upstream.AnswerWith(fakeidp.TokenInfo, tt.answer)
			got := w.SignIn(t, made(t, w.OAuth2()), "", nil)
			if !errors.Is(got.Err, tt.want) {
				t.Errorf("Finish: %v, want %v", got.Err, tt.want)
			}
			if asked := w.Upstream.Count(fakeidp.Userinfo) != 0; asked != (tt.want == nil) {
				t.Errorf("the profile was asked for: %t", asked)
			}
		})
	}
}

// The app's secret is in no URL, and no profile comes without its proof.
func TestProofOfTheSecret(t *testing.T) {
	w := providertest.Start(t, fakeidp.Facebook)
	client := w.Upstream.Client()
	var asked []*http.Request
	w.Upstream.AnswerWith(fakeidp.TokenInfo, func(rw http.ResponseWriter, r *http.Request) {
		asked = append(asked, r)
		fakeidp.Reply(200, "application/json", `{"data":{"app_id":"`+client.ID+`","is_valid":true}}`)(rw, r)
	})
	w.Upstream.AnswerWith(fakeidp.Userinfo, func(rw http.ResponseWriter, r *http.Request) {
		asked = append(asked, r)
		fakeidp.Reply(200, "application/json", `{"id":"7"}`)(rw, r)
	})
	if got := w.SignIn(t, made(t, w.OAuth2()), "", nil); got.Err != nil || len(asked) != 2 {
		t.Fatalf("%v, %d requests", got.Err, len(asked))
	}
	for _, r := range asked {
		if strings.Contains(r.URL.String(), client.Secret) {
			t.Errorf("asked %s", r.URL)
		}
	}
	if q := asked[1].URL.Query(); len(q.Get("appsecret_proof")) != 64 || !strings.Contains(q.Get("fields"), "email") {
		t.Errorf("asked %s", asked[1].URL)
	}

	w.Upstream.Reset()
	o := w.OAuth2()
	o.ClientSecret = "another"
	if got := w.SignIn(t, made(t, o), "", nil); !errors.Is(got.Err, providers.ErrRejected) {
		t.Errorf("a wrong secret: %v", got.Err)
	}
}

func TestProfile(t *testing.T) {
	w := providertest.Start(t, fakeidp.Facebook)
	w.Upstream.EditAnswer(fakeidp.Userinfo, func(answer map[string]any) {
		answer["email_verified"], answer["verified"] = true, true
		answer["picture"] = map[string]any{"data": map[string]any{"is_silhouette": true, "url": "https://img.example/silhouette.png"}}
	})
	got := w.SignIn(t, made(t, w.OAuth2()), "minji", nil)
	if got.Err != nil || got.Identity.EmailVerified || got.Identity.Email != "minji@example.com" || got.Identity.Picture != "" {
		t.Errorf("identity %+v, %v", got.Identity, got.Err)
	}
}
