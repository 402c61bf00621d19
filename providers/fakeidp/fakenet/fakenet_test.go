package fakenet_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fakeidp/fakenet"
	"github.com/bongsu/bongsu/providers/fetch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	kauth = "https://kauth.kakao.example"
	kapi  = "https://kapi.kakao.example"
	nid   = "https://nid.naver.example"
)

// world is two upstreams on hosts of their own behind a network.
type world struct {
	*fakenet.Network

	t     *testing.T
	kakao *fakeidp.Upstream
	naver *fakeidp.Upstream
}

func open(t *testing.T) *world {
	t.Helper()
	s, err := fakeidp.New(fakeidp.Options{
		BaseURL: "https://elsewhere.example", Network: true,
		Upstreams: []fakeidp.Spec{
			{Name: "kakao", URL: kauth, Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Userinfo: kapi}},
			{Name: "naver", URL: nid},
			{Name: "p", Dialect: fakeidp.OpenID},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := fakenet.Open(fakenet.Options{
		Hosts: fakenet.Upstreams(s), ConnectFor: 100 * time.Millisecond, HoldFor: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	w := &world{Network: n, t: t}
	w.kakao, _ = s.Upstream("kakao")
	w.naver, _ = s.Upstream("naver")
	return w
}

// client is what a broker at the site called name fetches with.
func (w *world) client(name string) *http.Client {
	w.t.Helper()
	o := fetch.Options{Timeout: 10 * time.Second, UserAgent: "Bongsu"}
	w.From(name).Fetch(&o)
	c := fetch.New(o)
	w.t.Cleanup(c.Close)
	return c.HTTP()
}

func (w *world) fail(f fakeidp.Fault, s fakeidp.Scope) {
	w.t.Helper()
	if err := w.kakao.SetFaultWith(f, s); err != nil {
		w.t.Fatal(err)
	}
}

// patience is shorter than any of fetch's own deadlines, so that the one that
// passes is known.
const patience = 500 * time.Millisecond

// ask returns the status and body of a GET.
func ask(t *testing.T, c *http.Client, target string) (int, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

const discovery = kauth + "/.well-known/openid-configuration"

// In fair weather every host is reached by its name, over TLS that verifies.
func TestHostsAreReachedByName(t *testing.T) {
	w := open(t)
	c := w.client("seoul")
	status, body, err := ask(t, c, discovery)
	if err != nil || status != http.StatusOK {
		t.Fatalf("discovery: %d, %v", status, err)
	}
	for _, want := range []string{`"issuer":"` + kauth + `"`, `"token_endpoint":"` + kauth + `/oauth/token"`} {
		if !strings.Contains(body, want) {
			t.Errorf("discovery does not hold %s: %s", want, body)
		}
	}
	if status, _, err := ask(t, c, w.kakao.URL(fakeidp.Userinfo)); status != http.StatusUnauthorized || err != nil {
		t.Errorf("userinfo at %s: %d, %v", w.kakao.URL(fakeidp.Userinfo), status, err)
	}
	if status, _, err := ask(t, c, nid+"/status.json"); status != http.StatusOK || err != nil {
		t.Errorf("naver: %d, %v", status, err)
	}
	if _, _, err := ask(t, c, "https://nobody.example/"); !isNotFound(err) {
		t.Errorf("an unknown name: %v", err)
	}
	if _, _, err := ask(t, c, "https://192.0.2.1/"); err == nil {
		t.Error("an address outside answers")
	}
}

func isNotFound(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

func isServfail(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsTemporary && !dns.IsNotFound
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE)
}

func isWrongName(err error) bool {
	var host x509.HostnameError
	return errors.As(err, &host)
}

func isExpired(err error) bool {
	var invalid x509.CertificateInvalidError
	return errors.As(err, &invalid) && invalid.Reason == x509.Expired
}

func isForeign(err error) bool {
	var authority x509.UnknownAuthorityError
	return errors.As(err, &authority)
}

// F01 to F04 as a client outside would see them, at both of Kakao's hosts and
// at nobody else's.
func TestFaultsBelowHTTP(t *testing.T) {
	tests := []struct {
		fault   fakeidp.Fault
		variant string
		code    string // as a broker logs it
		is      func(error) bool
	}{
		{fakeidp.Dark, "", fetch.CodeConnect, isTimeout},
		{fakeidp.DNS, "", fetch.CodeDNS, isServfail},
		{fakeidp.DNS, "nxdomain", fetch.CodeDNS, isNotFound},
		{fakeidp.DNS, "stale", fetch.CodeConnect, isTimeout},
		{fakeidp.HalfOpen, "", fetch.CodeTLS, isTimeout},
		{fakeidp.HalfOpen, "drop", fetch.CodeConnect, isTimeout},
		{fakeidp.HalfOpen, "reset", fetch.CodeTLS, isReset},
		{fakeidp.HalfOpen, "trickle", fetch.CodeTimeout, isTimeout},
		{fakeidp.WrongCertificate, "", fetch.CodeCertificate, isWrongName},
		{fakeidp.WrongCertificate, "expired", fetch.CodeCertificate, isExpired},
		{fakeidp.WrongCertificate, "foreign", fetch.CodeCertificate, isForeign},
	}
	for _, tt := range tests {
		t.Run(strings.TrimSpace(string(tt.fault)+" "+tt.variant), func(t *testing.T) {
			w := open(t)
			w.fail(tt.fault, fakeidp.Scope{Variant: tt.variant})
			c := w.client("seoul")
			for _, target := range []string{discovery, kapi + "/v2/user/me"} {
				if status, _, err := ask(t, c, target); err == nil || !tt.is(err) || fetch.Code(err) != tt.code {
					t.Errorf("%s: %d, %v (%s, want %s)", target, status, err, fetch.Code(err), tt.code)
				}
			}
			if status, _, err := ask(t, c, nid+"/status.json"); status != http.StatusOK || err != nil {
				t.Errorf("naver: %d, %v", status, err)
			}
			w.kakao.ClearFault()
			if status, _, err := ask(t, c, discovery); status != http.StatusOK || err != nil {
				t.Errorf("healed: %d, %v", status, err)
			}
		})
	}
}

// A connection from before the fault is worth no more than a new one.
func TestOpenConnectionsFailToo(t *testing.T) {
	for _, f := range []fakeidp.Fault{fakeidp.Dark, fakeidp.DNS, fakeidp.HalfOpen, fakeidp.WrongCertificate} {
		w := open(t)
		c := w.client("seoul")
		if status, _, err := ask(t, c, discovery); status != http.StatusOK || err != nil {
			t.Fatalf("before: %d, %v", status, err)
		}
		w.fail(f, fakeidp.Scope{})
		if status, _, err := ask(t, c, discovery); err == nil {
			t.Errorf("%s: answered %d on an open connection", f, status)
		}
	}
}

// One site is cut off, another is not; one host is gone, another is not.
func TestWeatherIsLocal(t *testing.T) {
	w := open(t)
	seoul, busan, person := w.client("seoul"), w.client("busan"), w.client("203.0.113.9")
	w.fail(fakeidp.DNS, fakeidp.Scope{Sources: []string{"seoul", "203.0.113.0/24"}})
	for name, c := range map[string]*http.Client{"seoul": seoul, "a browser there": person} {
		if _, _, err := ask(t, c, discovery); !isServfail(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if status, _, err := ask(t, busan, discovery); status != http.StatusOK || err != nil {
		t.Errorf("busan: %d, %v", status, err)
	}
	w.fail(fakeidp.HalfOpen, fakeidp.Scope{Variant: "reset", Endpoints: []fakeidp.Endpoint{fakeidp.Userinfo}})
	if status, _, err := ask(t, seoul, discovery); status != http.StatusOK || err != nil {
		t.Errorf("kauth: %d, %v", status, err)
	}
	if _, _, err := ask(t, seoul, kapi+"/v2/user/me"); !isReset(err) {
		t.Errorf("kapi: %v", err)
	}
	// What needs no network is scoped by the same names.
	w.fail(fakeidp.TokenDown, fakeidp.Scope{Sources: []string{"busan"}, Endpoints: []fakeidp.Endpoint{fakeidp.Discovery}})
	if status, _, err := ask(t, busan, discovery); status != http.StatusServiceUnavailable || err != nil {
		t.Errorf("busan: %d, %v", status, err)
	}
	if status, _, err := ask(t, seoul, discovery); status != http.StatusOK || err != nil {
		t.Errorf("seoul: %d, %v", status, err)
	}
}

// A share of connections fails, whatever the resolver's own retries.
func TestShareOfConnections(t *testing.T) {
	w := open(t)
	w.fail(fakeidp.DNS, fakeidp.Scope{Share: 0.5})
	site, failed := w.From("seoul"), 0
	const tries = 200
	for range tries {
		conn, err := site.Dial(t.Context(), "tcp", "kauth.kakao.example:443")
		if err != nil {
			failed++
			continue
		}
		_ = conn.Close() // it was opened, which is all
	}
	if failed < tries*3/10 || failed > tries*7/10 {
		t.Errorf("%d of %d failed, want about half", failed, tries)
	}
}

// The resolver alone sees the same names.
func TestResolver(t *testing.T) {
	w := open(t)
	seoul := w.From("seoul").Resolver()
	found, err := seoul.LookupNetIP(t.Context(), "ip", "kauth.kakao.example")
	if err != nil || len(found) != 1 || !netip.MustParsePrefix("198.18.0.0/15").Contains(found[0].Unmap()) {
		t.Errorf("resolved to %v, %v", found, err)
	}
	conn, err := w.From("seoul").Dial(t.Context(), "tcp", net.JoinHostPort(found[0].Unmap().String(), "443"))
	if err != nil {
		t.Fatalf("the address leads nowhere: %v", err)
	}
	_ = conn.Close() // it was opened, which is all
	w.fail(fakeidp.DNS, fakeidp.Scope{Variant: "nxdomain", Sources: []string{"seoul"}})
	if _, err := seoul.LookupNetIP(t.Context(), "ip", "kauth.kakao.example"); !isNotFound(err) {
		t.Errorf("seoul: %v", err)
	}
	if _, err := w.From("busan").Resolver().LookupNetIP(t.Context(), "ip", "kauth.kakao.example"); err != nil {
		t.Errorf("busan: %v", err)
	}
}

// A person's browser walks through the network like a broker.
func TestBrowserWalksThrough(t *testing.T) {
	w := open(t)
	transport := w.From("203.0.113.9").Transport()
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	client := w.kakao.Client()
	query := url.Values{
		"client_id": {client.ID}, "redirect_uri": {"https://broker.example/callback/kakao"}, "response_type": {"code"}, "state": {"s"},
	}
	status, body, err := ask(t, c, w.kakao.URL(fakeidp.Authorize)+"?"+query.Encode())
	if err != nil || status != http.StatusOK || !strings.Contains(body, `href="`+kauth+`/oauth/authorize/continue`) {
		t.Errorf("page: %d, %v: %s", status, err, body)
	}
	status, _, err = ask(t, c, w.kakao.URL(fakeidp.Continue)+"?"+query.Encode())
	if err != nil || status != http.StatusFound {
		t.Errorf("continue: %d, %v", status, err)
	}
}

// Closing ends who waits: for a connection, for an answer, for the first byte.
func TestCloseEndsWaiting(t *testing.T) {
	s, err := fakeidp.New(fakeidp.Options{BaseURL: "https://x.example", Network: true, Upstreams: []fakeidp.Spec{{Name: "kakao", URL: kauth}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n, err := fakenet.Open(fakenet.Options{Hosts: fakenet.Upstreams(s), ConnectFor: time.Hour, HoldFor: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	kakao, _ := s.Upstream("kakao")
	for _, variant := range []string{"drop", "silent"} {
		if err := kakao.SetFaultWith(fakeidp.HalfOpen, fakeidp.Scope{Variant: variant}); err != nil {
			t.Fatal(err)
		}
		began, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			close(began)
			conn, err := n.From("seoul").Dial(context.WithoutCancel(t.Context()), "tcp", "kauth.kakao.example:443")
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1)) // until somebody hangs up
			_ = conn.Close()
		}()
		<-began
		if variant == "silent" {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
			<-ended
			continue
		}
		defer func() { <-ended }()
	}
	if err := n.Close(); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, err := n.From("seoul").Dial(t.Context(), "tcp", "kauth.kakao.example:443"); err == nil {
		t.Error("a closed network connects")
	}
}

// What nobody of us opened is cut off, and too many are reset.
func TestDoorIsNarrow(t *testing.T) {
	handler := http.NotFoundHandler()
	n, err := fakenet.Open(fakenet.Options{Hosts: []fakenet.Host{{Name: "a.example", Handler: handler}}, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Close() }()
	first, err := n.From("seoul").Dial(t.Context(), "tcp", "a.example:443")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	var d net.Dialer
	stranger, err := d.DialContext(t.Context(), "tcp", first.RemoteAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	if _, err := io.WriteString(stranger, "GET / HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Read(make([]byte, 1)); err == nil {
		t.Error("a stranger is answered")
	}
	var opened []net.Conn
	refused := false
	for range 8 {
		conn, err := n.From("seoul").Dial(t.Context(), "tcp", "a.example:443")
		if err != nil {
			refused = true // reset before it was greeted
			continue
		}
		opened = append(opened, conn)
	}
	for _, conn := range opened {
		if err := conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); isReset(err) {
			refused = true
		}
		_ = conn.Close() // done with
	}
	if !refused {
		t.Error("more connections than allowed are open")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	h := http.NotFoundHandler()
	for name, hosts := range map[string][]fakenet.Host{
		"no name":      {{Handler: h}},
		"no handler":   {{Name: "a.example"}},
		"upper case":   {{Name: "A.example", Handler: h}},
		"a port":       {{Name: "a.example:443", Handler: h}},
		"a host twice": {{Name: "a.example", Handler: h}, {Name: "a.example", Handler: h}},
	} {
		if n, err := fakenet.Open(fakenet.Options{Hosts: hosts}); err == nil {
			t.Errorf("%s: accepted", name)
			_ = n.Close()
		}
	}
}

// Many sites at once, in changing weather.
func TestConcurrentUse(t *testing.T) {
	w := open(t)
	var sites sync.WaitGroup
	for _, name := range []string{"seoul", "busan", "tokyo", "203.0.113.9"} {
		c := w.client(name)
		sites.Go(func() {
			for range 20 {
				_, _, _ = ask(t, c, discovery) // any answer will do
			}
		})
	}
	for _, f := range []fakeidp.Fault{fakeidp.DNS, fakeidp.WrongCertificate, fakeidp.HalfOpen, fakeidp.TokenDown, ""} {
		if err := w.kakao.SetFaultWith(f, fakeidp.Scope{}); err != nil {
			t.Fatal(err)
		}
		_, _, _ = ask(t, w.client("jeju"), discovery) // any answer will do
	}
	sites.Wait()
	if status, _, err := ask(t, w.client("seoul"), discovery); status != http.StatusOK || err != nil {
		t.Errorf("at the end: %d, %v", status, err)
	}
}
