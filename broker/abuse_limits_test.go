package broker_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// inUse is how much memory the process holds after a collection, in bytes.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

const mib = 1 << 20

// spaces is a body of n bytes that nobody holds in memory.
type spaces struct{ left, given int64 }

// Read implements [io.Reader].
func (s *spaces) Read(p []byte) (int, error) {
	n := min(int64(len(p)), s.left)
	if n == 0 {
		return 0, io.EOF
	}
	copy(p, bytes.Repeat([]byte{'a'}, int(n)))
	s.left, s.given = s.left-n, s.given+n
	return int(n), nil
}

func TestAB77Size(t *testing.T) {
	n := brokertest.StartNode(t)
	b := n.NewBrowser()
	n.Login(b, "p", "vic", brokertest.RP1.Request())
	before := inUse()
	host := strings.TrimPrefix(n.Issuer, "http://")
	t.Run("a header of 1 MiB", func(t *testing.T) {
		for _, path := range []string{"/authorize", "/token", "/userinfo", "/nowhere"} {
			if status := flood(t, n, "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\nX: ", mib); status != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s answers %d", path, status)
			}
		}
		if status := flood(t, n, "GET /authorize?x=", mib); status != http.StatusRequestHeaderFieldsTooLarge && status != http.StatusRequestURITooLong {
			t.Errorf("an address of 1 MiB answers %d", status)
		}
	})
	t.Run("a body of 64 MiB", func(t *testing.T) { largeBodies(t, n, b) })
	t.Run("10 000 parameters", func(t *testing.T) { manyParameters(t, n) })
	t.Run("an upstream answer of 200 MiB", func(t *testing.T) {
		for _, endpoint := range []fakeidp.Endpoint{fakeidp.Token, fakeidp.JWKS, fakeidp.Discovery} {
			hugeAnswer(t, endpoint)
		}
	})
	t.Run("encrypted tokens", func(t *testing.T) { encryptedTokens(t, n) })
	if grown := inUse() - before; grown > 32*mib {
		t.Errorf("the process holds %d MiB more than before", grown/mib)
	}
	n.Login(b, "p", "vic", brokertest.RP1.Request(set("prompt", "login")))
}

func manyParameters(t *testing.T, n *brokertest.Node) {
	t.Helper()
	many := strings.Repeat("&a=1", 10_000)
	if answer := n.Ask(http.MethodGet, "/authorize?"+brokertest.RP1.Request().Encode()+many); answer.Status != http.StatusRequestHeaderFieldsTooLarge && answer.Status != http.StatusRequestURITooLong {
		t.Errorf("in the address they answer %d", answer.Status)
	}
	if answer := n.Send(http.MethodPost, "/token", "application/x-www-form-urlencoded", many[1:]); answer.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("in the body they answer %d", answer.Status)
	}
	for _, dense := range []string{strings.Repeat("&", 10_000), strings.Repeat("a&", 8_000), strings.Repeat("code&", 3_000)} {
		if answer := n.Send(http.MethodPost, "/token", "application/x-www-form-urlencoded", dense); answer.Status < 400 || answer.Status > 499 {
			t.Errorf("in few bytes they answer %d", answer.Status)
		}
	}
}

func largeBodies(t *testing.T, n *brokertest.Node, b *brokertest.Browser) {
	t.Helper()
	host := strings.TrimPrefix(n.Issuer, "http://")
	menu := b.Tab().Open(n.AuthorizeURL(brokertest.RP1.Request(set("prompt", "login"))))
	for _, path := range []string{
		"/token", "/authorize", "/callback/apple", "/logout", "/logout/confirm", "/userinfo", menu.URL.Path + "/cancel",
		menu.URL.Path + "/agree", "/introspect", "/revoke", "/account/language", "/account/sessions/end", "/account/services/end",
		"/account/link/q", "/account/unlink/q", "/account/sign-out-everywhere", "/account/data", "/account/delete", "/account/confirm/delete",
	} {
		for _, length := range []string{"Content-Length: 67108864", "Transfer-Encoding: chunked"} {
			status := flood(t, n, "POST "+path+" HTTP/1.1\r\nHost: "+host+"\r\nContent-Type: application/x-www-form-urlencoded\r\nCookie: "+cookieHeader(b)+
				"\r\n"+length+"\r\n\r\n"+map[bool]string{true: "4000000\r\n"}[strings.HasPrefix(length, "T")]+"code=", 64*mib)
			if status != http.StatusRequestEntityTooLarge {
				t.Errorf("%s with %s answers %d", path, length, status)
			}
		}
	}
}

// flood sends start and then up to size bytes more, until the node has enough,
// and returns the status of its answer.
func flood(t *testing.T, n *brokertest.Node, start string, size int64) int {
	t.Helper()
	c := connect(t, n)
	body := &spaces{left: size}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.Copy(c, io.MultiReader(strings.NewReader(start), body)) // ends when the node closes
	}()
	status := answerOf(c)
	_ = c.Close()
	<-sent
	if body.given > 8*mib && body.left == 0 {
		t.Errorf("the node took all %d bytes", body.given)
	}
	return status
}

// answerOf reads the status line of an answer, 0 when there is none.
func answerOf(r io.Reader) int {
	var status int
	if _, err := fmt.Fscanf(r, "HTTP/1.1 %d", &status); err != nil {
		return 0
	}
	return status
}

// hugeAnswer lets an endpoint of a provider answer without end. The broker
// reads a bounded part of it, and the person has another way on.
func hugeAnswer(t *testing.T, endpoint fakeidp.Endpoint) {
	t.Helper()
	n := brokertest.StartNode(t)
	var written atomic.Int64
	n.Upstream("q").AnswerWith(endpoint, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"x":"`)
		part := bytes.Repeat([]byte{'a'}, 64<<10)
		for sent := 0; sent < 200*mib; sent += len(part) {
			k, err := w.Write(part)
			written.Add(int64(k))
			if err != nil {
				return
			}
		}
	})
	b := n.NewBrowser()
	b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	page := b.Click("way-q")
	if page.Has("continue") {
		page = b.Continue("mal")
	}
	if !page.Has("way-kakao") {
		t.Errorf("%s: no way on: %s", endpoint, page.Text())
	}
	if got := written.Load(); got == 0 || got > 32*mib {
		t.Errorf("%s: %d bytes were taken", endpoint, got)
	}
	noSession(t, n, b)
}

// encrypted is a JWE in its compact form with that header.
func encrypted(header string) string {
	e := base64.RawURLEncoding.EncodeToString
	return strings.Join([]string{e([]byte(header)), e(make([]byte, 24)), e(make([]byte, 12)), e(make([]byte, 64)), e(make([]byte, 16))}, ".")
}

// encryptedTokens sends tokens whose opening would cost minutes or gigabytes.
// Each must be refused before anything is derived or unpacked.
func encryptedTokens(t *testing.T, n *brokertest.Node) {
	quick := func(where string, took time.Duration) {
		t.Helper()
		if took > 15*time.Second { // of minutes
			t.Errorf("%s took %v", where, took)
		}
	}
	for name, header := range map[string]string{
		"p2c":      `{"alg":"PBES2-HS512+A256KW","enc":"A128GCM","p2s":"AAAAAAAAAAAAAAAAAAAAAA","p2c":2000000000}`,
		"zip":      `{"alg":"dir","enc":"A128GCM","zip":"DEF"}`,
		"RSA1_5":   `{"alg":"RSA1_5","enc":"A128CBC-HS256"}`,
		"b64 crit": `{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"AA","p2c":2000000000,"crit":["b64"],"b64":false}`,
	} {
		token := encrypted(header)
		asked := n.Ask(http.MethodGet, "/authorize?"+brokertest.RP1.Request(set("id_token_hint", token)).Encode())
		if got := redirectTarget(t, n, asked, brokertest.RP1).Get("error"); got != "invalid_request" {
			t.Errorf("%s as id_token_hint gives %s", name, got)
		}
		quick(name+" as id_token_hint", asked.Took)
		asked = n.Ask(http.MethodGet, "/authorize?"+brokertest.RP1.Request(set("request", token)).Encode())
		if got := redirectTarget(t, n, asked, brokertest.RP1).Get("error"); got != "request_not_supported" {
			t.Errorf("%s as request gives %s", name, got)
		}
		quick(name+" as request", asked.Took)
		answer := n.Userinfo(token)
		refused(t, answer, "invalid_token")
		quick(name+" as access token", answer.Took)
		answer = n.Post("/token", url.Values{
			"grant_type": {"authorization_code"}, "code": {token}, "client_id": {brokertest.RP1.ID}, "client_assertion": {token},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		})
		refused(t, answer, "invalid_client", "invalid_request")
		quick(name+" as assertion", answer.Took)
		answer = n.Ask(http.MethodGet, "/logout?"+url.Values{"id_token_hint": {token}, "post_logout_redirect_uri": {"https://rp1.example/out"}}.Encode())
		if answer.Status != http.StatusOK || answer.Header.Get("Location") != "" {
			t.Errorf("%s at logout gives %d", name, answer.Status)
		}
		quick(name+" at logout", answer.Took)
		q := n.Upstream("q")
		q.EditAnswer(fakeidp.Token, func(a map[string]any) { a["id_token"] = token })
		began := time.Now()
		legRefused(t, n, "q", "mal")
		quick(name+" from a provider", time.Since(began)-time.Second)
		q.Reset()
	}
}

// Slow senders hold connections of their own and nobody else's.
func TestAB77Patience(t *testing.T) {
	t.Parallel()
	const senders = 100
	n := brokertest.StartNode(t)
	host := strings.TrimPrefix(n.Issuer, "http://")
	var sending sync.WaitGroup
	kept := make([]time.Duration, senders)
	began := time.Now()
	for i := range senders {
		start := "POST /token HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n"
		if i%2 == 1 {
			start = "GET /authorize HTTP/1.1\r\nHost: " + host + "\r\nX: "
		}
		c := connect(t, n)
		sending.Go(func() {
			kept[i] = drip(c, start)
		})
	}
	b := n.NewBrowser()
	for range 3 {
		asked := time.Now()
		answer := n.Login(b, "p", "vic", brokertest.RP1.Request(set("prompt", "login")))
		if tokens := n.Redeem(answer); tokens.Status != http.StatusOK {
			t.Errorf("while others are slow the code gives %d", tokens.Status)
		}
		if took := time.Since(asked); took > 5*time.Second {
			t.Errorf("while others are slow a login takes %v", took)
		}
	}
	sending.Wait()
	if all := time.Since(began); all > 20*time.Second {
		t.Errorf("the last slow sender was dropped after %v", all)
	}
	for i, d := range kept {
		bound := 10*time.Second + 4*time.Second
		if i%2 == 1 {
			bound = 5*time.Second + 4*time.Second
		}
		if d > bound || d < time.Second {
			t.Errorf("sender %d was kept for %v", i, d)
		}
	}
}

// drip sends start at once and then one byte a second, until the other side has
// had enough, and returns how long that took.
func drip(c net.Conn, start string) time.Duration {
	began := time.Now()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, c) // an answer may come before the end
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	_, err := io.WriteString(c, start)
	for err == nil {
		select {
		case <-gone:
			return time.Since(began)
		case <-tick.C:
			_, err = io.WriteString(c, "a")
		}
	}
	<-gone
	return time.Since(began)
}
