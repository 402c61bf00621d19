package wechat_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/providertest"
	"github.com/bongsu/bongsu/providers/wechat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o oauth2.Options) *oauth2.Provider {
	t.Helper()
	p, err := wechat.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.WeChat,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w.OAuth2()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.Nickname, Picture: p.Picture}
		},
		Userinfo: true,
		Silent:   true,

		ClientParam: "appid",
		Stranger:    func(answer map[string]any, subject string) { answer["openid"] = subject },
	})
}

func TestDefaults(t *testing.T) {
	p := made(t, oauth2.Options{Instance: providers.Instance{ID: "wechat", ClientID: "client-1"}, Fetch: fetch.New(fetch.Options{})})
	want := providers.Instance{
		ID: "wechat", Kind: "wechat", Issuer: "https://open.weixin.qq.com/connect/qrconnect", ClientID: "client-1", Name: "WeChat", Reauth: providers.ReauthNone,
	}
	if got := p.Instance(); got != want {
		t.Errorf("Instance = %+v", got)
	}
	target, err := p.Begin(t.Context(), providers.Leg{Locales: []string{"ko"}, Fresh: true, LoginHint: "minji"})
	if err != nil || !strings.HasPrefix(target, "https://open.weixin.qq.com/connect/qrconnect?") {
		t.Fatalf("Begin = %q, %v", target, err)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"appid": "client-1", "client_id": "", "scope": "snsapi_login", "code_challenge": "", "prompt": "", "nonce": ""} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// Only the refusal that is known to be a healthy one is taken for it.
func TestTokenProbe(t *testing.T) {
	w := providertest.Start(t, fakeidp.WeChat)
	p := made(t, w.OAuth2())
	for _, tt := range []struct {
		body   string
		status int
		want   providers.Outcome
	}{
		{`{"errcode":40029,"errmsg":"invalid code"}`, 200, providers.OK},
		{`{"errcode":40163,"errmsg":"code been used"}`, 200, providers.Unknown},
		{`{"errcode":40125,"errmsg":"invalid appsecret"}`, 200, providers.Ours},
		{`{"errcode":40013,"errmsg":"invalid appid"}`, 200, providers.Ours},
		{`{"errcode":45009,"errmsg":"reach max api daily quota limit"}`, 200, providers.Ours},
		{`{"errcode":-1,"errmsg":"system error"}`, 200, providers.Down},
		{`{"errcode":99999,"errmsg":"x"}`, 200, providers.Unknown},
		{`access_token=1`, 200, providers.Down},
	} {
		w.Upstream.AnswerWith(fakeidp.Token, fakeidp.Reply(tt.status, "text/plain", tt.body))
		if got := p.Probe(t.Context(), providers.LevelToken); got.Outcome != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.body, got.Outcome, got.Code, tt.want)
		}
	}
}

// The page wants a fragment, without which it stays empty.
func TestThePageHasItsFragment(t *testing.T) {
	w := providertest.Start(t, fakeidp.WeChat)
	target, err := made(t, w.OAuth2()).Begin(t.Context(), providers.Leg{State: "s"})
	if err != nil || !strings.HasSuffix(target, "#wechat_redirect") {
		t.Errorf("Begin = %q, %v", target, err)
	}
}

// The secret stands in the query of a GET, because WeChat takes it nowhere else,
// and in no error of ours, whatever breaks.
func TestTheSecretInTheQueryIsToldToNobodyElse(t *testing.T) {
	w := providertest.Start(t, fakeidp.WeChat)
	secret := w.Upstream.Client().Secret
	var last atomic.Pointer[http.Request] // a GET that was cut off is sent again
	w.Upstream.AnswerWith(fakeidp.Token, func(_ http.ResponseWriter, r *http.Request) {
		last.Store(r)
		panic(http.ErrAbortHandler)
	})
	got := w.SignIn(t, made(t, w.OAuth2()), "", nil)
	if sent := last.Load(); sent == nil || sent.Method != http.MethodGet || sent.URL.Query().Get("secret") != secret || sent.URL.Query().Has("client_secret") {
		t.Fatalf("sent %+v", sent)
	}
	if !errors.Is(got.Err, providers.ErrUnavailable) || strings.Contains(got.Err.Error(), secret) || strings.Contains(got.Err.Error(), "sns") {
		t.Errorf("the error says %v", got.Err)
	}
}

// D15: openid names a person at one app; unionid, which comes and goes, names nobody.
func TestOpenIDIsTheSubject(t *testing.T) {
	w := providertest.Start(t, fakeidp.WeChat)
	p := made(t, w.OAuth2())
	for _, tt := range []struct {
		body, want string
		err        error
	}{
		{`{"openid":"oAbc","nickname":"민지","unionid":"u1"}`, "oAbc", nil},
		{`{"openid":"oAbc","nickname":"민지"}`, "oAbc", nil},
		{`{"unionid":"u1","nickname":"민지"}`, "", providers.ErrUntrusted},
		{`{"openid":7,"nickname":"민지"}`, "", providers.ErrUntrusted},
		{`{"errcode":40001,"errmsg":"invalid credential","openid":"oAbc"}`, "", providers.ErrUnknown},
		{`{"errcode":48001,"errmsg":"api unauthorized"}`, "", providers.ErrRejected},
		{`{"errcode":-1,"errmsg":"system error"}`, "", providers.ErrUnavailable},
	} {
		w.Upstream.AnswerWith(fakeidp.Userinfo, fakeidp.Reply(200, "text/plain", tt.body))
		got := w.SignIn(t, p, "", nil)
		if got.Identity.Subject != tt.want || !errors.Is(got.Err, tt.err) {
			t.Errorf("%s: %q, %v", tt.body, got.Identity.Subject, got.Err)
		}
	}
}
