package broker_test

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
)

// A site that has just joined has no key yet that websites could know: it says
// that it is not ready, and what it cannot sign is no error of anybody's.
func TestJoinedSiteWaitsForItsKeys(t *testing.T) {
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) {
			c.Site, c.Node = "busan", "busan-1"
			c.Sites = []config.Site{{Name: "busan"}, {Name: "seoul", Identities: identitiesIn(t, c.Store.Path, "seoul")}}
		}
	})
	if ready := n.AskAdmin("/readyz"); ready.Status != http.StatusServiceUnavailable || ready.Header.Get("Retry-After") == "" {
		t.Errorf("/readyz answers %d %s", ready.Status, ready.Body)
	}
	answer := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	tokens := n.Redeem(answer)
	if tokens.Status != http.StatusServiceUnavailable || tokens.Text("error") != "temporarily_unavailable" || tokens.Header.Get("Retry-After") == "" {
		t.Errorf("/token answers %d %s", tokens.Status, tokens.Body)
	}
}

// identitiesIn reads what identifies a site whose keys lie in a database.
func identitiesIn(t *testing.T, path, site string) []ed25519.PublicKey {
	t.Helper()
	opened, err := sqlstore.Open(t.Context(), sqlstore.Options{Driver: sqlstore.SQLite, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	found, err := opened.SiteIdentities(t.Context(), site)
	if err := errors.Join(err, opened.Close()); err != nil || len(found) == 0 {
		t.Fatalf("%d identities of %s: %v", len(found), site, err)
	}
	var public []ed25519.PublicKey
	for _, i := range found {
		public = append(public, i.Public)
	}
	return public
}
