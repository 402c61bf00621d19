package broker_test

import (
	"slices"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
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
