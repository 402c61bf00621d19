package oauth2

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
)

func options(t *testing.T, base string, o fetch.Options) Options {
	t.Helper()
	client := fetch.New(o)
	t.Cleanup(client.Close)
	return Options{
		Instance:     providers.Instance{ID: "plain", Kind: "oauth2", Issuer: base, ClientID: "client 1"},
		Endpoints:    Endpoints{Authorize: base + "/authorize?tenant=a", Token: base + "/token", Userinfo: base + "/userinfo"},
		ClientSecret: "secret/1",
		Fetch:        client,
	}
}

func leg() providers.Leg {
	return providers.Leg{State: "state-1", Nonce: "nonce-1", Verifier: "verifier-1", RedirectURI: "https://login.example.com/callback/plain"}
}

func wire(t *testing.T, o Options) *Wire {
	t.Helper()
	w, err := NewWire(o)
	if err != nil {
		t.Fatalf("NewWire: %v", err)
	}
	return w
}

// answering serves one answer and keeps the request.
func answering(t *testing.T, status int, body string) (base string, got func() (*http.Request, url.Values)) {
	t.Helper()
	var last *http.Request
	var form url.Values
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Errorf("form: %v", err)
		}
		last, form = r, r.PostForm
		w.Header().Set("Content-Type", "text/plain") // wrong, as some are
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() (*http.Request, url.Values) { return last, form }
}

var dev = fetch.Options{AllowHTTP: true}

func TestAuthorizeURL(t *testing.T) {
	o := options(t, "https://id.example.com", fetch.Options{})
	o.Scopes, o.PKCE = []string{"a", "b c+d"}, true
	o.Quirks.Authorize = func(_ providers.Leg, q url.Values) { q.Set("quirk", "yes"); q.Del("extra2") }
	target := wire(t, o).AuthorizeURL(leg(), url.Values{"extra": {"x"}, "extra2": {"y"}})
	if strings.Contains(target, "+") || !strings.HasPrefix(target, "https://id.example.com/authorize?") {
		t.Errorf("AuthorizeURL = %q", target)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"tenant": {"a"}, "response_type": {"code"}, "client_id": {"client 1"}, "redirect_uri": {leg().RedirectURI}, "state": {"state-1"},
		"scope": {"a b c+d"}, "code_challenge": {challenge("verifier-1")}, "code_challenge_method": {"S256"}, "extra": {"x"}, "quirk": {"yes"},
	}
	if got := u.Query(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("query %v, want %v", got, want)
	}
	if again := wire(t, o).query; len(again) != 1 {
		t.Errorf("the endpoint's own query grew to %v", again)
	}
}

// RFC 7636 appendix B.
func TestChallenge(t *testing.T) {
	if got := challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("challenge = %q", got)
	}
}

func TestClientAuthentication(t *testing.T) {
	const good = `{"access_token":"at-1","token_type":"bearer","expires_in":"3600"}`
	tests := []struct {
		name       string
		change     func(*Options)
		id, secret string // in the form
		basic      string // user:password, form-encoded each
	}{
		{"in the form", func(*Options) {}, "client 1", "secret/1", ""},
		{"by Basic", func(o *Options) { o.AuthMethod = SecretBasic }, "", "", "client+1:secret%2F1"},
		{"without a secret", func(o *Options) { o.ClientSecret = "" }, "client 1", "", ""},
		{"by Basic without a secret", func(o *Options) { o.ClientSecret, o.AuthMethod = "", SecretBasic }, "client 1", "", ""},
		{"with a secret made for the moment", func(o *Options) { o.Secret = func() (string, error) { return "made", nil } }, "client 1", "made", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base, got := answering(t, 200, good)
			o := options(t, base, dev)
			tt.change(&o)
			token, err := wire(t, o).Redeem(t.Context(), leg(), "code-1")
			if err != nil || token.Access != "at-1" {
				t.Fatalf("Redeem: %v", err)
			}
			r, form := got()
			user, password, _ := r.BasicAuth()
			if form.Get("client_id") != tt.id || form.Get("client_secret") != tt.secret || strings.Trim(user+":"+password, ":") != tt.basic {
				t.Errorf("form %v, basic %q:%q", form, user, password)
			}
			if r.Header.Get("Accept") != "application/json" || form.Has("code_verifier") {
				t.Errorf("Accept %q, form %v", r.Header.Get("Accept"), form)
			}
		})
	}

	o := options(t, "https://id.example.com", fetch.Options{})
	o.Secret = func() (string, error) { return "", errors.New("SECRET-DETAIL") }
	_, err := wire(t, o).Redeem(t.Context(), leg(), "code-1")
	if !errors.Is(err, providers.ErrRejected) || strings.Contains(err.Error(), "SECRET-DETAIL") {
		t.Errorf("a secret that cannot be made: %v", err)
	}
}

func TestVerifierAndQuirksGoAlong(t *testing.T) {
	base, got := answering(t, 200, `{"access_token":"at-1","id_token":"it-1"}`)
	o := options(t, base, dev)
	o.PKCE = true
	o.Quirks.Redeem = func(l providers.Leg, form url.Values) { form.Set("state", l.State) }
	token, err := wire(t, o).Redeem(t.Context(), leg(), "code-1")
	if err != nil || token.ID != "it-1" {
		t.Fatalf("Redeem: %v", err)
	}
	if _, form := got(); form.Get("code_verifier") != "verifier-1" || form.Get("state") != "state-1" {
		t.Errorf("form %v", form)
	}
}

func TestTokenPrintsAsPlaceholder(t *testing.T) {
	token := Token{Access: "SECRET", ID: "SECRET"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", token)
	if text := fmt.Sprintf("%v %+v %#v %s", token, token, token, token) + log.String(); strings.Contains(text, "SECRET") {
		t.Errorf("printed %s", text)
	}
}

func TestOutcomeOf(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	tests := []struct {
		name string
		err  error
		want providers.Outcome
	}{
		{"nothing listens", dial(syscall.ECONNREFUSED), providers.Down},
		{"no route", dial(syscall.EHOSTUNREACH), providers.Down},
		{"connecting took too long", dial(context.DeadlineExceeded), providers.Down},
		{"the name does not resolve", dial(&net.DNSError{Err: "no such host", IsNotFound: true}), providers.Down},
		{"the resolver does not answer", dial(&net.DNSError{Err: "timeout", IsTimeout: true}), providers.Down},
		{"the address is inside", dial(fmt.Errorf("%w: 10.0.0.1", fetch.ErrForbiddenAddress)), providers.Trust},
		{"the deadline passed", context.DeadlineExceeded, providers.Slow},
		{"reading took too long", &net.OpError{Op: "read", Err: timeout{}}, providers.Slow},
		{"the connection was reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, providers.Down},
		{"the connection was closed", io.ErrUnexpectedEOF, providers.Down},
		{"nothing came", io.EOF, providers.Down},
		{"the answer is too large", fetch.ErrTooLarge, providers.Down},
		{"an unknown authority", x509.UnknownAuthorityError{}, providers.Trust},
		{"another name in the certificate", &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}}, providers.Trust},
		{"an expired certificate", x509.CertificateInvalidError{Reason: x509.Expired}, providers.Trust},
		{"plain text where TLS belongs", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, providers.Down},
		{"the browser left", context.Canceled, providers.Unknown},
		{"something else", errors.New("malformed HTTP response \"SECRET\""), providers.Down},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := &url.Error{Op: "Post", URL: "https://id.example.com/token", Err: tt.err}
			if got := OutcomeOf(err); got != tt.want {
				t.Errorf("OutcomeOf = %s, want %s", got, tt.want)
			}
			if text := Plain(err).Error(); strings.Contains(text, "SECRET") || text == "" || strings.ContainsAny(text, "\r\n") {
				t.Errorf("Plain = %q", text)
			}
			if !errors.Is(Plain(err), tt.err) {
				t.Error("the cause is lost")
			}
		})
	}
}

type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return false }

// F04: a certificate that does not verify is no outage like others.
func TestCertificates(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	o := options(t, s.URL, fetch.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	_, err := wire(t, o).Redeem(t.Context(), leg(), "code-1")
	if !errors.Is(err, providers.ErrUntrusted) {
		t.Errorf("Redeem: %v, want ErrUntrusted", err)
	}
}

// AB-76: an endpoint whose name leads inside is not spoken to.
func TestEndpointInside(t *testing.T) {
	o := options(t, "https://id.example.com", fetch.Options{
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
			return conn, errors.Join(err, l.Close())
		},
	})
	_, err := wire(t, o).Redeem(t.Context(), leg(), "code-1")
	if !errors.Is(err, providers.ErrUntrusted) || !errors.Is(err, fetch.ErrForbiddenAddress) {
		t.Errorf("Redeem: %v, want ErrForbiddenAddress", err)
	}
}

func TestNewWireNamesEveryProblem(t *testing.T) {
	o := options(t, "https://id.example.com", fetch.Options{})
	o.Instance.ID, o.Instance.ClientID = "Not An Id", ""
	o.Endpoints = Endpoints{Authorize: "http://id.example.com", Token: "https://10.0.0.1", Userinfo: "javascript:alert(1)"}
	o.Timeout, o.AuthMethod = time.Hour, "private_key_jwt"
	_, err := NewWire(o)
	if err == nil {
		t.Fatal("NewWire succeeded")
	}
	for _, part := range []string{"id must be", "client id", "authorization endpoint", "token endpoint", "userinfo endpoint", "timeout", "authentication method"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
	if _, err := NewWire(Options{}); err == nil {
		t.Error("NewWire of nothing succeeded")
	}
	bare := options(t, "https://id.example.com", fetch.Options{})
	bare.Endpoints.Userinfo = ""
	if _, err := New(bare, nil); err == nil {
		t.Error("New without a userinfo endpoint succeeded")
	}
}

func TestObserve(t *testing.T) {
	now := time.Unix(0, 0)
	s := Steps{Provider: "plain", Timeout: time.Minute, Now: func() time.Time { now = now.Add(time.Second); return now }}
	var told []providers.Observation
	l := providers.Leg{Observe: func(o providers.Observation) { told = append(told, o) }}
	for _, step := range []providers.Step{providers.StepCallback, providers.StepToken} {
		if err := s.Observe(t.Context(), l, step, func(context.Context) error { return nil }); err != nil {
			t.Errorf("Observe: %v", err)
		}
	}
	err := s.Observe(t.Context(), l, providers.StepUserinfo, func(context.Context) error {
		return &providers.Error{Provider: "forged", Step: "forged", Outcome: providers.Ours, Code: "a<b>"}
	})
	want := []providers.Observation{
		{Provider: "plain", Step: providers.StepCallback, Outcome: providers.OK},
		{Provider: "plain", Step: providers.StepToken, Outcome: providers.OK, Took: time.Second},
		{Provider: "plain", Step: providers.StepUserinfo, Outcome: providers.Ours, Code: "ab", Took: time.Second},
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %+v", told)
	}
	if got := err.Error(); got != "provider plain: userinfo: ours (ab)" {
		t.Errorf("error %q", got)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	err = s.Observe(ctx, l, providers.StepToken, func(ctx context.Context) error { return ctx.Err() })
	if providers.OutcomeOf(err) != providers.Slow {
		t.Errorf("our own deadline: %v", err)
	}
}
