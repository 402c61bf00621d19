package broker_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/peer"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/pgtest"
	"github.com/bongsu/bongsu/keys/wrap"
)

// country is three sites with a node each on one PostgreSQL, which has a standby
// that all of them read from.
type country struct {
	primary *pgtest.Server
	nodes   []*brokertest.Node // seoul, busan, jeju
}

var countrySites = []string{"seoul", "busan", "jeju"}

func newCountry(t *testing.T, changes ...func(*brokertest.Setup)) *country {
	t.Helper()
	c := &country{primary: pgtest.Primary(t)}
	dsn := c.primary.Database("broker", brokertest.Fill)
	standby := c.primary.Standby()
	standby.CatchUp(c.primary)
	own, seeds := make(map[string]*wrap.Key), make([]string, len(countrySites))
	for i, site := range countrySites {
		seeds[i] = freeAddress(t)
		text, err := wrap.Generate(rand.Reader)
		must(t, err)
		own[site], err = wrap.Parse(text)
		must(t, err)
	}
	var known []config.Site
	for i, site := range countrySites {
		n := brokertest.StartNode(t, brokertest.OnDatabase(dsn), func(s *brokertest.Setup) {
			for _, change := range changes {
				change(s)
			}
			s.Configure = func(cfg *config.Config) {
				cfg.Store.Reader = standby.On(dsn)
				if i > 0 {
					first := c.nodes[0].Config()
					cfg.Issuer, cfg.Providers, cfg.SiteKey = first.Issuer, first.Providers, own[site]
				}
				if known == nil {
					own["seoul"] = cfg.SiteKey
					known = identified(t, cfg, own)
				}
				cfg.Site, cfg.Node, cfg.Sites = site, site+"-1", known
				cfg.Gossip = &config.Gossip{Listen: seeds[i], Advertise: seeds[i], Label: "bongsu", Keys: [][]byte{gossipKey("pool")}, Seeds: seeds}
				cfg.Peers = &config.Peers{Listen: "127.0.0.1:0"}
			}
		})
		c.nodes = append(c.nodes, n)
	}
	eventually(t, "all know where to ask all", func() bool {
		for _, n := range c.nodes {
			for _, site := range countrySites {
				if _, ok := n.Broker.PeerAddress(site + "/" + site + "-1"); !ok {
					return false
				}
			}
		}
		return true
	})
	return c
}

// identified makes the identities of sites, which their keys wrap.
func identified(t *testing.T, cfg *config.Config, own map[string]*wrap.Key) []config.Site {
	t.Helper()
	var known []config.Site
	for _, site := range countrySites {
		alone := *cfg
		alone.Site, alone.SiteKey, alone.Sites = site, own[site], nil
		rotation, end, err := broker.IdentityRotation(t.Context(), &alone, slog.New(slog.DiscardHandler))
		must(t, err)
		all, err := rotation.Identities(t.Context())
		must(t, err)
		must(t, end())
		known = append(known, config.Site{Name: site, Identities: []ed25519.PublicKey{all[0].Public}})
	}
	return known
}

// userinfo is what a node of the country answers to an access token.
func (c *country) userinfo(n *brokertest.Node, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, n.Config().Issuer.String()+"/userinfo", nil)
	r.RemoteAddr = "127.0.0.1:9"
	r.Header.Set("Authorization", "Bearer "+token)
	answer := httptest.NewRecorder()
	n.Broker.Handler().ServeHTTP(answer, r)
	return answer
}

// person is somebody who is logged in at seoul.
type person struct {
	browser         *brokertest.Browser
	sid             string
	access, idToken string
}

func (c *country) logsIn(t *testing.T) person {
	t.Helper()
	n := c.nodes[0]
	p := person{browser: n.NewBrowser()}
	tokens := n.Redeem(n.Login(p.browser, "kakao", "vic", brokertest.RP1.Request()))
	p.access, p.idToken = tokens.Text("access_token"), tokens.Text("id_token")
	p.sid, _ = brokertest.Claims(p.idToken)["sid"].(string)
	if p.sid == "" {
		t.Fatalf("there is no session: %d %s", tokens.Status, tokens.Body)
	}
	return p
}

func (c *country) logsOut(t *testing.T, p person) {
	t.Helper()
	out := url.Values{"id_token_hint": {p.idToken}}
	if page := p.browser.Open(c.nodes[0].Issuer + "/logout?" + out.Encode()); page.Status != http.StatusOK || page.Has("logout") {
		t.Fatalf("logout answers %d: %s", page.Status, page.Text())
	}
}

// Somebody logs out at one site while the database's primary is dead: all sites
// obey within R, for as long as it is, over restarts of those that only heard of
// it; one that was down meanwhile obeys before it is ready; and when the primary is
// back the store is told once, and no node holds anything of another's.
func TestLogoutWithoutAWriter(t *testing.T) {
	c := newCountry(t)
	p, later := c.logsIn(t), c.logsIn(t)
	for _, n := range c.nodes {
		eventually(t, "userinfo answers at "+n.Config().Site, func() bool { return c.userinfo(n, p.access).Code == http.StatusOK })
	}
	c.primary.Kill()
	c.logsOut(t, p)
	began := time.Now()
	for _, n := range c.nodes {
		eventually(t, n.Config().Site+" obeys", func() bool { return c.userinfo(n, p.access).Code == http.StatusUnauthorized })
		if took := time.Since(began); took > obeyedWithin {
			t.Errorf("%s obeys after %s", n.Config().Site, took)
		}
		if n != c.nodes[0] {
			eventually(t, n.Config().Site+" has it on disk", func() bool { return n.Broker.Negative().Lent() > 0 })
		}
		if c.userinfo(n, later.access).Code == http.StatusUnauthorized {
			t.Errorf("%s refuses somebody else, too", n.Config().Site)
		}
	}
	many := c.manyLogOut(t)
	for range 3 {
		for _, n := range c.nodes {
			n.Clock.Advance(2 * time.Hour)
		}
		c.obeyed(t, p.sid)
	}
	c.nodes[1].Restart(func(*config.Config) {})
	c.obeyed(t, p.sid)
	jeju := c.nodes[2]
	jeju.Restart(func(*config.Config) { c.logsOut(t, later) })
	eventually(t, "jeju has asked", func() bool { return !strings.Contains(string(jeju.AskAdmin("/readyz").Body), "while it was away") })
	if !jeju.Broker.Negative().Has(store.SessionEnded, later.sid) {
		t.Error("jeju is ready and does not know what was ended while it was away")
	}
	eventually(t, "busan obeys the second logout", func() bool { return c.nodes[1].Broker.Negative().Has(store.SessionEnded, later.sid) })
	c.obeyed(t, p.sid, later.sid)
	c.primary.Restart()
	for _, n := range c.nodes {
		eventually(t, "nothing waits at "+n.Config().Site, func() bool { return n.Broker.Negative().Unsent()+n.Broker.Negative().Lent() == 0 })
	}
	c.obeyed(t, p.sid, later.sid)
	db := c.nodes[0].OpenDatabase()
	var facts int
	must(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM facts WHERE kind = 'session_ended'").Scan(&facts))
	must(t, db.Close())
	if facts != 2+many {
		t.Errorf("the store has %d ended sessions", facts)
	}
}

// manyLogOut ends more sessions at seoul in one moment than hints are obeyed of one
// site: the other sites obey within R, and nobody who stays is shut out.
func (c *country) manyLogOut(t *testing.T) (count int) {
	t.Helper()
	count = 450
	sid := func(i int) string { return fmt.Sprintf("many-%d", i) }
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() {
			fact := store.Fact{Kind: store.SessionEnded, ID: sid(i), Until: c.nodes[0].Clock.Now().Add(12 * time.Hour)}
			if err := c.nodes[0].Broker.Negative().Apply(t.Context(), fact); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	began := time.Now()
	for _, n := range c.nodes {
		eventually(t, n.Config().Site+" obeys all of them", func() bool {
			for i := range count {
				if !n.Broker.Negative().Has(store.SessionEnded, sid(i)) {
					return false
				}
			}
			return true
		})
		if took := time.Since(began); took > obeyedWithin {
			t.Errorf("%s obeys %d logouts after %s", n.Config().Site, count, took)
		}
	}
	return count
}

// obeyed fails unless all nodes hold that sessions have ended.
func (c *country) obeyed(t *testing.T, sids ...string) {
	t.Helper()
	for _, n := range c.nodes {
		for i, sid := range sids {
			if !n.Broker.Negative().Has(store.SessionEnded, sid) {
				t.Errorf("at %s session %d goes on", n.Config().Site, i+1)
			}
		}
	}
}

// A node whose peers do not answer is not ready for two seconds at most, and then
// is: no peer keeps a node from serving.
func TestReadyWithoutPeers(t *testing.T) {
	busan := another(t, "busan")
	_, jeju := siteKeys(t, "jeju")
	began := time.Now()
	n, _ := operated(t, threeSites(busan.public(t), jeju), withPeers, func(cfg *config.Config) {
		cfg.Gossip.Seeds = []string{freeAddress(t)}
	})
	waited := false
	eventually(t, "the node is ready", func() bool {
		answer := n.AskAdmin("/readyz")
		if answer.Status == http.StatusServiceUnavailable && strings.Contains(string(answer.Body), "while it was away") {
			waited = answer.Header.Get("Retry-After") != ""
		}
		return answer.Status == http.StatusOK
	})
	if took := time.Since(began); took > 10*time.Second || !waited {
		t.Errorf("ready after %s, waited %t", took, waited)
	}
}

// AB-63, of what no longer holds: a site that is really one of ours says, while the
// store has not heard of it, that providers are switched off, keys withdrawn and
// drills forbidden. Nothing of it is obeyed here, for one site moves nobody; that a
// session has ended is.
func TestAB63OneSiteSwitchesNothingOff(t *testing.T) {
	busan := another(t, "busan")
	_, jeju := siteKeys(t, "jeju")
	n, _ := operated(t, threeSites(busan.public(t), jeju), withPeers)
	kid := n.Broker.SigningKeys()[0]
	asked := make(chan struct{}, 100)
	facts := fmt.Appendf(nil, `{"run":1,"facts":[
		{"n":1,"k":"provider_disabled","i":"kakao","e":1},{"n":2,"k":"provider_retired","i":"kakao","e":1},
		{"n":3,"k":"drills_forbidden","i":"all","e":1},{"n":4,"k":"key_withdrawn","i":%q},
		{"n":5,"k":"provider_sessions_ended","i":"kakao","e":1},{"n":6,"k":"session_ended","i":"somebody"}]}`, kid)
	telephones(t, n, busan.ring(t, n.Broker.Identities()), peer.Node{Site: "busan", Node: "b-1"}, map[string]peer.Handler{
		"facts": func(context.Context, peer.Node, []byte) ([]byte, error) {
			select {
			case asked <- struct{}{}:
			default:
			}
			return facts, nil
		},
	})
	<-asked
	<-asked // what was said the first time is taken by now
	held := n.Broker.Negative()
	if !held.Has(store.SessionEnded, "somebody") {
		t.Error("a session that has ended elsewhere goes on")
	}
	for kind, id := range map[store.FactKind]string{
		store.ProviderDisabled: "kakao", store.ProviderRetired: "kakao", store.DrillsForbidden: "all",
		store.KeyWithdrawn: kid, store.ProviderSessionsEnded: "kakao",
	} {
		if held.Has(kind, id) {
			t.Errorf("one site has brought about %s", kind)
		}
	}
	n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	if now := n.Broker.SigningKeys(); !slices.Contains(now, kid) {
		t.Errorf("the key %s is gone: there are %v", kid, now)
	}
	if tally(t, n, "bongsu_negative_lent") != 6 {
		t.Errorf("%d are kept", tally(t, n, "bongsu_negative_lent"))
	}
}
