package broker_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/providers/fetch"
)

// told is a website that is told when a session of its ends.
type told struct {
	brokertest.Website
	*httptest.Server

	mu     sync.Mutex
	status int
	tokens []string
}

func newTold(t *testing.T) *told {
	w := &told{
		Website: brokertest.Website{ID: "RP-told", Secret: "told-secret-of-more-than-thirty-two", RedirectURI: "https://told.example/cb"},
		status:  http.StatusOK,
	}
	w.Server = httptest.NewTLSServer(http.HandlerFunc(func(to http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.tokens = append(w.tokens, r.PostFormValue("logout_token"))
		to.WriteHeader(w.status)
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *told) answer(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status = status
}

// heard waits until the website was told so often, and returns the tokens.
func (w *told) heard(t *testing.T, often int) []string {
	t.Helper()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		w.mu.Lock()
		tokens := w.tokens
		w.mu.Unlock()
		if len(tokens) >= often {
			return tokens
		}
		select {
		case <-again.C:
		case <-late.C:
			t.Fatalf("told %d times, want %d", len(tokens), often)
		}
	}
}

func (w *told) register(s *brokertest.Setup) {
	s.Clients = append(s.Clients, &client.Client{
		ID: w.ID, Name: "Told", FirstParty: true, RedirectURIs: []string{w.RedirectURI},
		SecretHashes:         [][32]byte{client.HashSecret(w.Secret)},
		BackchannelLogoutURI: w.URL + "/logout", BackchannelLogoutSessionRequired: true,
	})
	s.Fetch = func(o *fetch.Options) {
		o.RootCAs = x509.NewCertPool()
		o.RootCAs.AddCert(w.Certificate())
	}
}

// The person reads what each website said, and the websites get what they need
// to end the session.
func TestBackchannelLogout(t *testing.T) {
	w := newTold(t)
	n := brokertest.StartNode(t, w.register)
	b := n.NewBrowser()
	tokens := n.Redeem(n.Login(b, "kakao", "vic", w.Request()))
	n.Redeem(n.Login(b, "kakao", "vic", brokertest.RP1.Request()))
	idToken := payloadOf(t, tokens.Text("id_token"))

	b.Open(n.Issuer + "/logout")
	page := b.Click("logout")
	if text := page.Text(); !strings.Contains(text, "Told Signed out") || !strings.Contains(text, "RP-1 Ends by itself after a while") {
		t.Errorf("the page says %q", text)
	}
	heard := w.heard(t, 1)
	n.Secret("logout token", heard[0])
	claims := payloadOf(t, heard[0])
	if claims["sub"] != idToken["sub"] || claims["sid"] != idToken["sid"] || claims["aud"] != w.ID || claims["iss"] != n.Issuer || claims["nonce"] != nil {
		t.Errorf("claims %v", claims)
	}
	// AB-25: a logout token is no access token, no hint and no assertion.
	if got := n.Ask(http.MethodGet, "/userinfo", "Authorization", "Bearer "+heard[0]); got.Status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d", got.Status)
	}
	other := n.NewBrowser()
	n.Login(other, "kakao", "vic", brokertest.RP1.Request())
	if page := other.Open(n.Issuer + "/logout?" + url.Values{"id_token_hint": {heard[0]}}.Encode()); !page.Has("logout") {
		t.Errorf("a logout token as a hint: %s", page.Text())
	}
}

// Websites are told of whatever ends a session, without anybody's asking, and
// again when they were in trouble.
func TestBackchannelLogoutOfEverything(t *testing.T) {
	w := newTold(t)
	n := brokertest.StartNode(t, w.register)
	b := n.NewBrowser()
	n.Redeem(n.Login(b, "kakao", "vic", w.Request()))
	var account string
	db := n.OpenDatabase()
	t.Cleanup(func() { _ = db.Close() })
	if err := db.QueryRowContext(t.Context(), `SELECT account_id FROM grants WHERE client_id = 'RP-told'`).Scan(&account); err != nil {
		t.Fatal(err)
	}
	w.answer(http.StatusServiceUnavailable)
	fact, err := n.Broker.Accounts().EndSessions(t.Context(), account, n.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	w.heard(t, 1)
	w.answer(http.StatusOK)
	n.Clock.Advance(time.Minute)
	w.heard(t, 2)
	results, err := n.Broker.Websites().Results(t.Context(), fact)
	if err != nil || len(results) != 1 {
		t.Fatalf("%v, %v", results, err)
	}

	n.Redeem(n.Login(b, "kakao", "vic", w.Request(set("prompt", "login"))))
	if _, err := n.Broker.Accounts().DisableAccount(t.Context(), account, n.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	w.heard(t, 3)
}

// A code that comes twice takes back what it gave, at the website too.
func TestBackchannelLogoutAfterReplay(t *testing.T) {
	w := newTold(t)
	n := brokertest.StartNode(t, w.register)
	answer := n.Login(n.NewBrowser(), "kakao", "vic", w.Request())
	n.Redeem(answer)
	refused(t, n.Redeem(answer), "invalid_grant")
	w.heard(t, 1)
}

// AB-76: no inside address is called, whoever registered it.
func TestAB76BackchannelToInsideAddresses(t *testing.T) {
	for _, uri := range []string{
		"http://127.0.0.1:1/", "http://0/", "https://rp.example/#x", "ftp://rp.example/", "javascript:alert(1)", "https://user@rp.example/",
	} {
		c := &client.Client{
			ID: "RP-inside", Name: "Inside", RedirectURIs: []string{"https://rp.example/cb"},
			SecretHashes: [][32]byte{client.HashSecret("a secret")}, BackchannelLogoutURI: uri,
		}
		if err := c.Validate(); err == nil {
			t.Errorf("%s is registered", uri)
		}
	}
	strict := fetch.New(fetch.Options{})
	for _, uri := range []string{"https://169.254.169.254/", "https://10.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, uri, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := strict.HTTP().Do(r); err == nil {
			_ = response.Body.Close()
			t.Errorf("%s was called", uri)
		}
	}
}
