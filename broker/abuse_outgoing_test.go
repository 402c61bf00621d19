package broker_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/keys/wrap"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
)

// inside are addresses that no request of ours may go to.
var inside = []string{
	"http://127.0.0.1:8080/x", "https://169.254.169.254/latest/meta-data", "https://10.0.0.1/x", "https://[::1]/x",
	"https://[::ffff:127.0.0.1]/x", "http://0/x", "https://0/x", "https://2130706433/x", "https://0x7f.1/x", "https://127.1/x",
	"https://localhost/x", "https://x.localhost/x", "https://[fd00::1]/x", "https://[64:ff9b::7f00:1]/x", "https://192.168.0.1/x",
	"https://172.16.0.1/x", "https://100.64.0.1/x", "https://[fe80::1%25eth0]/x", "file:///etc/passwd", "gopher://10.0.0.1/x", "http://rp.example/x",
}

func TestAB76OutgoingRequestsToInsideAddresses(t *testing.T) {
	t.Run("refused at registration", refusedAtRegistration)
	t.Run("refused when connecting", refusedWhenConnecting)
	t.Run("a provider that sends us there", sentInside)
}

func refusedAtRegistration(t *testing.T) {
	provider := func(issuer, endpoints string) string {
		return "providers:\n  - {id: q, kind: openid, issuer: '" + issuer + "', client_id: x, client_secret_file: kakao.secret" + endpoints + "}\n"
	}
	if _, err := loadFile(t, provider("https://idp.example", "")); err != nil {
		t.Fatalf("an honest provider is refused: %v", err)
	}
	for _, uri := range inside {
		for what, load := range map[string]func() (*config.Config, error){
			"issuer": func() (*config.Config, error) { return loadFile(t, provider(strings.TrimSuffix(uri, "/x"), "")) },
			"endpoints.token": func() (*config.Config, error) {
				return loadFile(t, provider("https://idp.example", ", endpoints: {token: '"+uri+"'}"))
			},
			"endpoints.jwks": func() (*config.Config, error) {
				return loadFile(t, provider("https://idp.example", ", endpoints: {jwks: '"+uri+"'}"))
			},
			"endpoints.userinfo": func() (*config.Config, error) {
				return loadFile(t, provider("https://idp.example", ", endpoints: {userinfo: '"+uri+"'}"))
			},
			"logo_uri":               func() (*config.Config, error) { return loadClient(t, "logo_uri: '"+uri+"'") },
			"jwks_uri":               func() (*config.Config, error) { return loadClient(t, "jwks_uri: '"+uri+"'") },
			"sector_identifier_uri":  func() (*config.Config, error) { return loadClient(t, "sector_identifier_uri: '"+uri+"'") },
			"backchannel_logout_uri": func() (*config.Config, error) { return loadClient(t, "backchannel_logout_uri: '"+uri+"'") },
		} {
			var problems config.Problems
			if _, err := load(); !errors.As(err, &problems) || !strings.Contains(err.Error(), what) {
				t.Errorf("%s %s gives %v", what, uri, err)
			}
		}
	}
}

// trap is a server that nobody of ours may reach. It counts connections, not
// requests: one that was opened is one too many.
type trap struct {
	*httptest.Server

	connections atomic.Int64
}

const treasure = "the-inside-of-the-house"

func newTrap(t *testing.T, secure bool) *trap {
	t.Helper()
	made := &trap{}
	made.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"issuer":"`+treasure+`","sub":"`+treasure+`","error_description":"`+treasure+`"}`)
	}))
	made.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.connections.Add(1)
		}
	}
	made.Config.ErrorLog = nil
	if secure {
		made.StartTLS()
	} else {
		made.Start()
	}
	t.Cleanup(made.Close)
	return made
}

// refusedWhenConnecting dials real listeners: what the name says is no matter,
// only where it leads.
func refusedWhenConnecting(t *testing.T) {
	secure, plain := newTrap(t, true), newTrap(t, false)
	roots := secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	strict := fetch.New(fetch.Options{RootCAs: roots, Timeout: 2 * time.Second})
	defer strict.Close()
	get := func(address string) error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := strict.HTTP().Do(r)
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	}
	_, at, err := net.SplitHostPort(secure.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "[::]", "169.254.169.254", "10.0.0.1", "[64:ff9b::7f00:1]"} {
		if err := get("https://" + host + ":" + at + "/"); !errors.Is(err, fetch.ErrForbiddenAddress) {
			t.Errorf("%s gives %v", host, err)
		}
	}
	if err := get(plain.URL); !errors.Is(err, fetch.ErrForbiddenAddress) {
		t.Errorf("plain http gives %v", err)
	}
	var d net.Dialer
	public := fetch.New(fetch.Options{RootCAs: roots, Timeout: 2 * time.Second, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return d.DialContext(ctx, network, secure.Listener.Addr().String()) // a public name that resolves to here
	}})
	defer public.Close()
	strict = public
	before := secure.connections.Load()
	if err := get("https://example.com/"); !errors.Is(err, fetch.ErrForbiddenAddress) {
		t.Errorf("a public name that leads inside gives %v", err)
	}
	if before != 0 || plain.connections.Load() != 0 {
		t.Errorf("%d and %d connections were opened", before, plain.connections.Load())
	}
}

// sentInside lets a provider name inside addresses as its endpoints, and
// redirect there. The node may reach simulated providers by plain http on
// loopback and nothing else.
func sentInside(t *testing.T) {
	secure, plain := newTrap(t, true), newTrap(t, false)
	endpoints := map[string]fakeidp.Endpoint{"token_endpoint": fakeidp.Token, "jwks_uri": fakeidp.JWKS, "userinfo_endpoint": fakeidp.Userinfo}
	walk := func(t *testing.T, change func(q *fakeidp.Upstream), open ...netip.Prefix) {
		t.Helper()
		n := brokertest.StartNode(t, func(s *brokertest.Setup) {
			s.Configure = func(c *config.Config) { c.Outbound.Allow = open }
			s.Prepare = func(upstreams *fakeidp.Server) {
				q, _ := upstreams.Upstream("q")
				change(q)
			}
		})
		b := n.NewBrowser()
		b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
		page := b.Click("way-q")
		if page.Has("continue") {
			page = b.Continue("mal")
		}
		if strings.Contains(string(page.Body), treasure) || strings.Contains(n.Log(), treasure) || page.Has("new-account") {
			t.Errorf("the answer from inside was used: %s", page.Text())
		}
		if got := secure.connections.Load() + plain.connections.Load(); (got != 0) != (open != nil) {
			t.Fatalf("%d connections were opened", got)
		}
	}
	for member := range endpoints {
		for _, target := range []string{secure.URL + "/", strings.Replace(secure.URL, "127.0.0.1", "localhost", 1) + "/", "https://169.254.169.254/", "https://[::1]/", "file:///etc/passwd"} {
			if member == "userinfo_endpoint" && target != secure.URL+"/" {
				continue
			}
			t.Run(member+" "+target[:strings.LastIndexByte(target, ':')], func(t *testing.T) {
				walk(t, func(q *fakeidp.Upstream) {
					q.EditAnswer(fakeidp.Discovery, func(d map[string]any) { d[member] = target })
					q.EditClaims(func(c map[string]any) { delete(c, "email"); delete(c, "name") })
				})
			})
		}
	}
	for _, endpoint := range []fakeidp.Endpoint{fakeidp.Discovery, fakeidp.Token, fakeidp.JWKS} {
		t.Run("a redirect from "+string(endpoint), func(t *testing.T) {
			walk(t, func(q *fakeidp.Upstream) { q.AnswerWith(endpoint, fakeidp.Redirect(plain.URL+"/")) })
		})
	}
	for member := range endpoints {
		t.Run("where the operator opened it: "+member, func(t *testing.T) {
			secure.connections.Store(0)
			walk(t, func(q *fakeidp.Upstream) {
				q.EditAnswer(fakeidp.Discovery, func(d map[string]any) { d[member] = secure.URL + "/" })
				q.EditClaims(func(c map[string]any) { delete(c, "email"); delete(c, "name") })
			}, netip.MustParsePrefix("127.0.0.0/8"))
		})
	}
}

// loadClient loads a configuration with one client that has one more line.
func loadClient(t *testing.T, line string) (*config.Config, error) {
	t.Helper()
	return loadFile(t, `providers:
  - {id: kakao, kind: kakao, client_id: "0123", client_secret_file: kakao.secret}
clients:
  - id: rp
    name: RP
    first_party: true
    secret_file: rp.secret
    redirect_uris: [https://rp.example/cb]
    `+line+"\n")
}

// loadFile loads a configuration that ends in text.
func loadFile(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"kakao.secret": "a secret from the console", "rp.secret": "a-secret-of-more-than-thirty-two-characters",
		"bongsu.yaml": `issuer: https://login.example.kr
site: seoul
trusted_proxies: [10.0.0.0/8]
site_key_file: site.key
cluster_key_file: cluster.key
` + text,
	}
	for _, name := range []string{"site.key", "cluster.key"} {
		key, err := wrap.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = key
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config.Load(filepath.Join(dir, "bongsu.yaml"), nil)
}
