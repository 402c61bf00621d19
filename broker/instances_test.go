package broker_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/fingerprint"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// ownApp is a website that brought an application of its own along: a second
// Kakao, beside everybody's.
func ownApp(t *testing.T) (*brokertest.Node, brokertest.Website) {
	t.Helper()
	mall := brokertest.Website{ID: "RP-mall", Secret: "mall-secret-of-more-than-thirty-two-c", RedirectURI: "https://mall.example/cb"}
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Upstreams = func(o *fakeidp.Options) {
			o.Upstreams = append(o.Upstreams, fakeidp.Spec{Name: "kakao-mall", Dialect: fakeidp.Kakao})
		}
		s.Configure = func(c *config.Config) {
			i := slices.IndexFunc(c.Providers, func(p config.Provider) bool { return p.ID == "kakao-mall" })
			c.Providers[i].OnlyFor = []string{mall.ID}
		}
		s.Clients = []*client.Client{{
			ID: mall.ID, Name: mall.ID, FirstParty: true, RedirectURIs: []string{mall.RedirectURI},
			SecretHashes: [][32]byte{client.HashSecret(mall.Secret)}, Providers: []string{"kakao-mall", "naver"},
		}}
	})
	return n, mall
}

// A website's own app is on its menu, with a callback of its own, and nowhere else.
func TestAWebsitesOwnAppIsForItAlone(t *testing.T) {
	n, mall := ownApp(t)
	b := n.NewBrowser()
	page := b.Open(n.AuthorizeURL(mall.Request()))
	if got := page.IDs("way-"); !slices.Equal(got, []string{"way-kakao-mall", "way-naver"}) {
		t.Fatalf("the mall offers %q", got)
	}
	page = b.Click("way-kakao-mall")
	if got := page.URL.Query().Get("redirect_uri"); got != n.Issuer+"/callback/kakao-mall" {
		t.Errorf("the callback is %q", got)
	}
	b.Continue("minji")
	b.Click("new-account")

	for name, page := range map[string]*brokertest.Browser{"a stranger's browser": n.NewBrowser(), "the browser that used it": b} {
		t.Run(name, func(t *testing.T) {
			for _, hint := range []string{"", "kakao-mall"} {
				shown := page.Open(n.AuthorizeURL(brokertest.RP1.Request(set("idp_hint", hint))))
				if shown.Has("way-kakao-mall") || !shown.Has("way-kakao") {
					t.Errorf("at %s the menu offers %q", shown.URL, shown.IDs("way-"))
				}
				if back := page.Open(n.Issuer + shown.URL.Path + "/go/kakao-mall"); back.URL.Host != shown.URL.Host {
					t.Errorf("a written link leads to %s", back.URL)
				}
			}
		})
	}
}

// The same person at two applications is two subjects, and so two accounts until
// they are linked: nothing is guessed.
func TestTwoAppsOfOneKindKnowTwoSubjects(t *testing.T) {
	n, mall := ownApp(t)
	first := claimsOf(t, n, n.NewBrowser(), "kakao", "hana")
	b := n.NewBrowser()
	r := mall.Request()
	b.Open(n.AuthorizeURL(r))
	b.Click("way-kakao-mall")
	if page := b.Continue("hana"); !page.Has("new-account") {
		t.Fatalf("somebody known, at %s: %s", page.URL, page.Text())
	}
	if first["sub"] == "" {
		t.Error("no subject")
	}
}

// restarted is another node at the same store, with changed settings.
func restarted(t *testing.T, n *brokertest.Node, change func(*config.Config)) error {
	t.Helper()
	cfg := *n.Config()
	cfg.Providers, cfg.DataDir = slices.Clone(cfg.Providers), t.TempDir()
	change(&cfg)
	again, err := broker.New(t.Context(), &cfg, broker.Options{Now: n.Clock.Now})
	if err == nil {
		t.Cleanup(func() { _ = again.Close() })
	}
	return err
}

// What an id stands for is kept, and a node that would have it stand for
// something else does not start.
func TestAnIDStandsForWhatItStoodFor(t *testing.T) {
	n, _ := ownApp(t)
	at := func(c *config.Config, id string) *config.Provider {
		i := slices.IndexFunc(c.Providers, func(p config.Provider) bool { return p.ID == id })
		return &c.Providers[i]
	}
	for _, tt := range []struct {
		name   string
		change func(*config.Config)
		says   string
	}{
		{"the same settings", func(*config.Config) {}, ""},
		{"another secret and another name", func(c *config.Config) { p := at(c, "kakao"); p.ClientSecret, p.Name = "new", "카카오" }, ""},
		{"another client", func(c *config.Config) { at(c, "kakao").ClientID = "another" }, "bongsu provider migrate kakao"},
		{"another issuer", func(c *config.Config) { at(c, "kakao").Issuer += "-2" }, "bongsu provider migrate kakao"},
		{"another kind", func(c *config.Config) { at(c, "p").Kind = "google" }, "bongsu provider migrate p"},
		{"another id for the same client", func(c *config.Config) { at(c, "kakao").ID = "kakao-new" }, "kakao is the same client"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := restarted(t, n, tt.change)
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the node says %v, want %q", err, tt.says)
			}
		})
	}
}

// What passkeys belong to is kept like that: under another domain all would be lost.
func TestPasskeysStayWhereTheyWereMade(t *testing.T) {
	n, _ := ownApp(t)
	for _, tt := range []struct{ name, domain, says string }{
		{"nothing is promised yet", "", ""},
		{"the first domain", "login.example.kr", ""},
		{"the same again", "login.example.kr", ""},
		{"another one", "example.kr", "passkeys.rp_id is example.kr and was login.example.kr"},
		{"none any more", "", ""},
		{"another one after that", "example.kr", "set it to login.example.kr again"},
	} {
		err := restarted(t, n, func(c *config.Config) { c.RPID = tt.domain })
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: the node says %v, want %q", tt.name, err, tt.says)
		}
	}
}

// migrated has kakao stand for another client while the node runs, and in use
// again: as an operator does who has other nodes with the new settings.
func migrated(t *testing.T, operator *admin.Client, upstream string) {
	t.Helper()
	order(t, operator, "kakao", "disable", admin.Order{Reason: "a new application"})
	_, err := operator.Migrate(t.Context(), "kakao", admin.Migration{
		Kind: "kakao", Issuer: upstream, ClientID: "the new one", Links: admin.LinksKeep, Reason: "a new application",
	})
	must(t, err)
	order(t, operator, "kakao", "enable", admin.Order{Reason: "a new application"})
}

// A node with the settings of before lets no login begin or end by a provider
// whose id was migrated, whatever operators enabled; it says so, and its other
// providers serve.
func TestNodeWithSettingsOfBefore(t *testing.T) {
	n, operator := operated(t)
	begun := n.NewBrowser()
	begun.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	begun.Click("way-kakao")

	migrated(t, operator, n.Upstream("kakao").Issuer())
	ready := func() string { return string(n.AskAdmin("/readyz").Body) }
	eventually(t, "the node knows", func() bool { return strings.Contains(ready(), "provider kakao: its id stands for other settings") })
	if got := ready(); !strings.HasPrefix(got, "ok\n") || strings.Contains(got, "naver") {
		t.Errorf("readyz says %q", got)
	}

	if page := begun.Continue("minji"); page.URL.Host != n.Config().Issuer.Host || page.Has("way-kakao") || !page.Has("way-naver") {
		t.Errorf("a login that was begun ends at %s: %s", page.URL, page.Text())
	}
	page := n.NewBrowser().Open(n.AuthorizeURL(brokertest.RP1.Request()))
	if page.Has("way-kakao") || !page.Has("way-naver") {
		t.Errorf("the menu offers %q", page.IDs("way-"))
	}
	claimsOf(t, n, n.NewBrowser(), "naver", "minji")

	got, err := operator.Health(t.Context())
	must(t, err)
	for _, s := range got.Standing {
		if (s.Foreign != nil) != (s.ID == "kakao") || s.Foreign != nil && s.Foreign.ClientID != "the new one" {
			t.Errorf("health says %+v", s)
		}
	}
	if _, err := operator.SetSecret(t.Context(), "kakao", admin.Secret{Secret: "another", Untested: true}); err == nil {
		t.Error("a node with settings of before replaced the secret of the new client")
	}
	if !strings.Contains(n.Log(), "provider.settings_stale") {
		t.Error("the log says nothing")
	}
}

// A reload changes no provider; but one that the node would not start with is
// refused at once, with all that stands beside it.
func TestReloadWithAnotherInstance(t *testing.T) {
	n, operator := operated(t)
	with := func(change func(*config.Config)) error {
		_, err := n.Broker.Reload(t.Context(), func() (*config.Config, error) {
			next := *n.Config()
			next.Providers, next.Clients = slices.Clone(next.Providers), next.Clients[1:]
			change(&next)
			return &next, nil
		})
		return err
	}
	i := slices.IndexFunc(n.Config().Providers, func(p config.Provider) bool { return p.ID == "kakao" })
	gone := n.Config().Clients[0].ID
	registered := func() bool {
		got, err := operator.Clients(t.Context())
		must(t, err)
		return slices.ContainsFunc(got, func(c admin.ClientState) bool { return c.ID == gone })
	}
	for name, change := range map[string]func(*config.Config){
		"another client": func(c *config.Config) { c.Providers[i].ClientID = "another" },
		"another id":     func(c *config.Config) { c.Providers[i].ID = "kakao-new" },
	} {
		if err := with(change); !errors.Is(err, fingerprint.ErrForeign) || !registered() {
			t.Errorf("%s: %v; the client of before is there: %t", name, err, registered())
		}
	}
	must(t, with(func(c *config.Config) { c.Providers[i].Timeout = 7 * time.Second }))
	if registered() {
		t.Error("a reload with the same instances was not taken over")
	}
}
